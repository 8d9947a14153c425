//! Which providers the platform itself can connect for everybody.

use serde::Serialize;

use crate::domain::ids::OrganizationId;
use crate::domain::provider::ProviderKind;
use crate::flows::{Context, Error};
use crate::store::provider_configs;

/// The platform's registrations, by provider. An organization's own are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Status {
    /// GitHub, by OAuth.
    pub github_enabled: bool,
    /// GitLab, by OAuth.
    pub gitlab_enabled: bool,
    /// Bitbucket, by OAuth.
    pub bitbucket_enabled: bool,
    /// Azure DevOps, by OAuth.
    pub azure_devops_enabled: bool,
    /// The GitHub App.
    pub github_app_enabled: bool,
}

/// The platform's registrations: from the settings, and from its own rows.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn status(context: &Context) -> Result<Status, Error> {
    let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
    let rows = provider_configs::registered(&mut *tx).await?;
    let enabled = |kind: ProviderKind| {
        let row = rows.iter().any(|(one, oauth, _)| *one == kind && *oauth);
        row || context.apps.oauth(kind).is_some()
    };
    Ok(Status {
        github_enabled: enabled(ProviderKind::Github),
        gitlab_enabled: enabled(ProviderKind::Gitlab),
        bitbucket_enabled: enabled(ProviderKind::Bitbucket),
        azure_devops_enabled: enabled(ProviderKind::AzureDevops),
        github_app_enabled: context.apps.github_app.is_some()
            || rows.iter().any(|(_, _, app)| *app),
    })
}
