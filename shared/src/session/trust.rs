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
    instance: Instance,
) -> Result<Instance, Error> {
    if !has_authority(&instance) {
        return Ok(instance);
    }
    let base_url = instance.base_url();
    let platform = (!organization.is_platform()).then_some(OrganizationId::PLATFORM);
    for tenant in std::iter::once(organization).chain(platform) {
        let mut tx = context.db.tenant(tenant).await?;
        let found = provider_configs::certificate(&mut *tx, instance.kind, &base_url).await?;
        if let Some(pem) = found {
            return Ok(trusting_kept(instance, pem));
        }
    }
    Ok(instance)
}

/// The instance with an authority that was named for it, and whose word is no longer stored where it was.
#[must_use]
pub fn trusting_kept(mut instance: Instance, pem: String) -> Instance {
    if has_authority(&instance) {
        instance.certificate = Some(Arc::new(CaCertificate::new(pem)));
    }
    instance
}

/// Whether it may have one of its own. Over plain HTTP there is nothing to trust.
fn has_authority(instance: &Instance) -> bool {
    !PUBLIC.contains(&instance.base_url().as_str()) && instance.web_url.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::provider::ProviderKind;

    #[test]
    fn nobody_puts_another_authority_in_the_place_of_everybodys() {
        let is_trusted = |url: &str| {
            let instance = Instance {
                kind: ProviderKind::Github,
                web_url: url.parse().unwrap(),
                api_url: url.parse().unwrap(),
                certificate: None,
            };
            let instance = trusting_kept(instance, "a certificate".to_owned());
            instance.certificate.is_some()
        };
        assert!(is_trusted("https://git.example.org/gitlab"));
        for url in PUBLIC {
            assert!(!is_trusted(url), "{url}");
        }
        assert!(!is_trusted("http://git.example.org"));
    }
}
