//! Registrations at providers.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use shared::domain::ids::{ProviderConfigId, UserId};
use shared::domain::provider::ProviderKind;
use shared::domain::provider_config::ProviderConfig;
use shared::flows::provider_configs::{self as flow, Field, Save};

use crate::error::ApiError;
use crate::extract::{Body, Id, Listing, NoFilters, Permitted, SecretText, present};
use crate::page::{ListReply, Plural};
use crate::reply::{NoContent, Put};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Provider configurations";

/// A registration as callers see it: what is set, not what it is set to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProviderConfig")]
pub(crate) struct ProviderConfigView {
    /// Its id.
    id: ProviderConfigId,
    /// The provider.
    provider: ProviderKind,
    /// Root of the instance.
    base_url: String,
    /// The fields that are set; their values are write-only.
    fields_set: Vec<&'static str>,
    /// Who saved it last; `null` for a program.
    configured_by: Option<UserId>,
    /// When it was first saved.
    created_at: DateTime<Utc>,
    /// When it was last saved.
    updated_at: DateTime<Utc>,
}

impl Plural for ProviderConfigView {
    const PLURAL: &'static str = "provider_configs";
}

impl From<ProviderConfig> for ProviderConfigView {
    fn from(config: ProviderConfig) -> Self {
        Self {
            fields_set: config.fields_set(),
            id: config.id,
            provider: config.provider,
            base_url: config.base_url,
            configured_by: config.configured_by,
            created_at: config.created_at,
            updated_at: config.updated_at,
        }
    }
}

/// A registration to save. What is absent stays as it is; `null` clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfigSave {
    /// The provider.
    provider: ProviderKind,
    /// Root of a self-hosted instance; the platform's configured one where absent. With the
    /// provider it names the configuration.
    base_url: Option<String>,
    /// The OAuth app's (application's, consumer's) public id.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = 255))]
    client_id: Field<String>,
    /// Its secret.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<SecretText>")]
    client_secret: Field<SecretText>,
    /// When the secret ends, to be reminded of it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    client_secret_expires_at: Field<DateTime<Utc>>,
    /// Scopes to ask for; `null` for those that Mooring asks for by itself.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<Vec<String>>")]
    scopes: Field<Vec<String>>,
    /// The GitHub App's numeric id, as a number or as its digits.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<AppId>")]
    github_app_id: Field<AppId>,
    /// Its name in `https://github.com/apps/…`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = 100))]
    github_app_slug: Field<String>,
    /// Its private key: RSA, PEM, PKCS#1 or PKCS#8.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<SecretText>")]
    github_app_private_key: Field<SecretText>,
    /// Its webhook secret.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<SecretText>")]
    webhook_secret: Field<SecretText>,
    /// Certificates (PEM) of the authority that the instance's own certificate is from.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    ca_certificate: Field<String>,
}

/// A numeric id: forms often carry it as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppId(i64);

impl<'de> Deserialize<'de> for AppId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(i64),
            Digits(String),
        }
        let id = match Form::deserialize(deserializer)? {
            Form::Number(id) => Some(id),
            Form::Digits(text) => text.trim().parse().ok(),
        };
        id.map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a number"))
    }
}

impl JsonSchema for AppId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AppId".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1 })
    }
}

impl ProviderConfigSave {
    fn into_save(self) -> Save {
        let secret = |field: Field<SecretText>| field.map(|text| text.map(|text| text.0));
        Save {
            provider: self.provider,
            base_url: self.base_url,
            client_id: self.client_id,
            client_secret: secret(self.client_secret),
            client_secret_expires_at: self.client_secret_expires_at,
            scopes: self.scopes,
            github_app_id: self.github_app_id.map(|id| id.map(|id| id.0)),
            github_app_slug: self.github_app_slug,
            github_app_private_key: secret(self.github_app_private_key),
            webhook_secret: secret(self.webhook_secret),
            ca_certificate: self.ca_certificate,
        }
    }
}

pub(crate) const LIST: Doc = Doc {
    id: "list_provider_configs",
    tag: TAG,
    summary: "List provider configurations",
    description: "Newest first. An organization's own configuration is used before the platform's. Which fields are set is told, never their values.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<NoFilters, ProviderConfigId>,
) -> Result<ListReply<ProviderConfigView>, ApiError> {
    let page = flow::list(&state.context, &permit, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.id,
        Into::into,
    ))
}

pub(crate) const SAVE: Doc = Doc {
    id: "save_provider_config",
    tag: TAG,
    summary: "Save a provider configuration",
    description: "An OAuth app, a GitHub App, the certificate authority of a self-hosted instance, or several of these. There is one per provider and `base_url`: where one stands, fields that are left out stay as they are and `null` clears. Ten saves in 15 minutes per caller, whichever process answers; what is refused with 422 does not count.\n\nRegister the OAuth app with the callback URL `{public URL}/api/v1/auth/{provider}/callback`.",
    problems: &[
        (422, "required"),
        (422, "unsupported_combination"),
        (422, "invalid_private_key"),
        (422, "invalid_certificate"),
        (422, "in_the_past"),
        (422, "blocked_address"),
        (429, "too_many_saves"),
    ],
};

pub(crate) async fn save(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<ProviderConfigSave>,
) -> Result<Put<ProviderConfigView>, ApiError> {
    let saved = flow::save(&state.context, &permit, body.into_save()).await?;
    Ok(Put {
        body: saved.config.into(),
        is_new: saved.is_new,
    })
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_provider_config",
    tag: TAG,
    summary: "Delete a provider configuration",
    description: "With every OAuth and App connection of the organization at that instance, which could not be renewed without it; connections by token stay. The grants are not given back one by one: delete the app at the provider to end them.",
    problems: &[],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ProviderConfigId>,
) -> Result<NoContent, ApiError> {
    flow::delete(&state.context, &permit, id).await?;
    Ok(NoContent)
}
