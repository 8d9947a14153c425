//! What a save makes of what is stored, and which combinations cannot work.

use crate::domain::provider::ProviderKind;
use crate::domain::secret::Secret;
use crate::flows::{Error, FieldError};
use crate::store::provider_configs::StoredConfig;
use crate::vault::{Column, Place, Vault};

use super::input::{Field, Save};

/// Puts the fields of a save over what is stored; secrets are sealed for their place.
pub(super) fn merge(vault: &Vault, stored: &mut StoredConfig, save: &Save) -> Result<(), Error> {
    let (organization, id) = (stored.config.organization_id, stored.config.id);
    let seal = |into: &mut Option<Vec<u8>>, field: &Field<Secret>, column| {
        if let Some(secret) = field {
            let place = Place::provider_config(organization, id, column);
            *into = match secret {
                Some(secret) => Some(vault.seal(&place, secret)?),
                None => None,
            };
        }
        Ok::<_, Error>(())
    };
    seal(
        &mut stored.client_secret,
        &save.client_secret,
        Column::ClientSecret,
    )?;
    seal(
        &mut stored.github_app_private_key,
        &save.github_app_private_key,
        Column::GithubAppPrivateKey,
    )?;
    seal(
        &mut stored.webhook_secret,
        &save.webhook_secret,
        Column::AppWebhookSecret,
    )?;
    let config = &mut stored.config;
    // A date belongs to the secret that it was noted for.
    if save.client_secret.is_some() {
        config.client_secret_expires_at = None;
    }
    take(&mut config.client_id, &save.client_id);
    take(
        &mut config.client_secret_expires_at,
        &save.client_secret_expires_at,
    );
    take(&mut config.scopes, &save.scopes);
    take(&mut config.github_app_id, &save.github_app_id);
    take(&mut config.github_app_slug, &save.github_app_slug);
    take(&mut config.ca_certificate, &save.ca_certificate);
    config.secrets.client_secret = stored.client_secret.is_some();
    config.secrets.github_app_private_key = stored.github_app_private_key.is_some();
    config.secrets.webhook_secret = stored.webhook_secret.is_some();
    Ok(())
}

fn take<T: Clone>(into: &mut Option<T>, field: &Field<T>) {
    if let Some(value) = field {
        into.clone_from(value);
    }
}

/// What cannot work together, by the field that is to be mended.
pub(super) fn check(stored: &StoredConfig, faults: &mut Vec<FieldError>) {
    let (config, secrets) = (&stored.config, stored.config.secrets);
    let app_fields = [
        ("github_app_id", config.github_app_id.is_some()),
        ("github_app_slug", config.github_app_slug.is_some()),
        ("github_app_private_key", secrets.github_app_private_key),
        ("webhook_secret", secrets.webhook_secret),
    ];
    if config.provider != ProviderKind::Github {
        let name = config.provider.display_name();
        for (field, _) in app_fields.iter().filter(|(_, set)| *set) {
            faults.push(FieldError::new(
                field,
                "unsupported_combination",
                format!(
                    "{name} knows no GitHub App. Leave this out, or choose the provider github."
                ),
            ));
        }
    } else {
        let id = config.github_app_id.is_some();
        for (field, _) in app_fields.iter().skip(1).filter(|(_, set)| *set && !id) {
            faults.push(needs("github_app_id", field));
        }
        if id && !secrets.github_app_private_key {
            faults.push(needs("github_app_private_key", "github_app_id"));
        }
    }
    match (config.client_id.is_some(), secrets.client_secret) {
        (true, false) => faults.push(needs("client_secret", "client_id")),
        (false, true) => faults.push(needs("client_id", "client_secret")),
        (false, false) => {
            for (field, set) in [
                ("scopes", config.scopes.is_some()),
                (
                    "client_secret_expires_at",
                    config.client_secret_expires_at.is_some(),
                ),
            ] {
                if set {
                    faults.push(needs("client_id", field));
                }
            }
        }
        (true, true) => {}
    }
    if faults.is_empty() && config.fields_set().is_empty() {
        faults.push(FieldError::new(
            "client_id",
            "required",
            "This leaves nothing to keep. Give client_id and client_secret, a GitHub App, or ca_certificate; delete the configuration to be rid of it.",
        ));
    }
}

fn needs(field: &str, given: &str) -> FieldError {
    FieldError::new(
        field,
        "required",
        format!("{given} is of no use without {field}. Give both, or clear both with null."),
    )
}
