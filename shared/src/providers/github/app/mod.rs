//! GitHub Apps: assertions, installations, tokens.
//!
//! Source: GitHub REST documentation, "Apps"; "Generating an installation access token"; refusals as
//! public clients have recorded them (a suspended installation: 403 "This installation has been
//! suspended"; one that is gone: 404).

mod assertion;
mod deliveries;
mod holding;
mod installation;
mod key;
mod mint;

use async_trait::async_trait;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::super::transport::object;
use super::super::{Access, ProviderError, TokenFormError};
use super::Github;
use crate::domain::secret::Secret;
use crate::providers::{App, AppFacts, Apps, Holding, Installation, InstallationToken, Narrowing};

#[derive(Deserialize)]
struct Told {
    id: i64,
    slug: Option<String>,
    client_id: Option<String>,
}

#[async_trait]
impl Apps for Github {
    fn check_key(&self, pasted: &Secret) -> Result<Secret, TokenFormError> {
        key::check(pasted)
    }

    /// Made of the instance's own address: a link that a host gives is not shown to people.
    fn install_url(&self, app: &App, slug: &str) -> String {
        let slug = utf8_percent_encode(slug, NON_ALPHANUMERIC).to_string();
        let slug = slug.replace("%2D", "-");
        app.instance.web(&format!("/apps/{slug}/installations/new"))
    }

    async fn app(&self, app: &App) -> Result<AppFacts, ProviderError> {
        let answer = assertion::ask::<()>(&self.client, app, Method::GET, "/app", None).await?;
        let told: Told = object(&answer)?;
        let slug = told.slug.as_deref();
        let install_url = slug.map(|slug| self.install_url(app, slug));
        Ok(AppFacts {
            id: told.id,
            slug: told.slug,
            client_id: told.client_id,
            install_url,
        })
    }

    async fn installation(&self, app: &App, id: i64) -> Result<Installation, ProviderError> {
        installation::facts(&self.client, app, id).await
    }

    async fn mint(
        &self,
        app: &App,
        installation: i64,
        narrowing: &Narrowing,
    ) -> Result<InstallationToken, ProviderError> {
        mint::mint(&self.client, app, installation, narrowing).await
    }

    async fn holding(&self, access: &Access, installation: i64) -> Result<Holding, ProviderError> {
        holding::holding(&self.client, access, installation).await
    }
}
