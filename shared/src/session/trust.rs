//! Whose certificates are trusted at an instance.
//!
//! A self-hosted instance may have its certificate from an authority of its own. Whoever configures
//! providers names it; an organization's own word counts before the platform's, and only for this
//! instance. The vendors' public hosts are not asked about: their certificates are everybody's, and
//! nobody may put another in their place.

use std::sync::Arc;

use crate::domain::ca_certificate::CaCertificate;
use crate::domain::ids::OrganizationId;
use crate::domain::provider::Instance;
use crate::flows::{Context, Error};
use crate::store::provider_configs;

const PUBLIC: [&str; 4] = [
    "https://github.com",
    "https://gitlab.com",
    "https://bitbucket.org",
    "https://dev.azure.com",
];

/// The instance with the authority that the organization, or else the platform, has named for it.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn trusting(
    context: &Context,
    organization: OrganizationId,
    mut instance: Instance,
) -> Result<Instance, Error> {
    let base_url = instance.base_url();
    // Over plain HTTP there is nothing to trust.
    if PUBLIC.contains(&base_url.as_str()) || instance.web_url.scheme() != "https" {
        return Ok(instance);
    }
    let platform = (!organization.is_platform()).then_some(OrganizationId::PLATFORM);
    for tenant in std::iter::once(organization).chain(platform) {
        let mut tx = context.db.tenant(tenant).await?;
        let found = provider_configs::certificate(&mut *tx, instance.kind, &base_url).await?;
        if let Some(pem) = found {
            instance.certificate = Some(Arc::new(CaCertificate::new(pem)));
            break;
        }
    }
    Ok(instance)
}
