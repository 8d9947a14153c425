//! Where a sealed value lives.

use uuid::Uuid;

use crate::domain::ids::{
    ConnectionId, OauthStateId, OrganizationId, ProviderConfigId, WebhookSecretId,
};

/// The sealed columns. A value opens only in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `credentials.access_token`.
    AccessToken,
    /// `credentials.refresh_token`.
    RefreshToken,
    /// `provider_configs.client_secret`.
    ClientSecret,
    /// `provider_configs.github_app_private_key`.
    GithubAppPrivateKey,
    /// `provider_configs.webhook_secret`.
    AppWebhookSecret,
    /// `oauth_states.verifier`.
    OauthVerifier,
    /// `webhook_secrets.secret`.
    WebhookSecret,
}

impl Column {
    const fn table_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::AccessToken => ("credentials", "access_token"),
            Self::RefreshToken => ("credentials", "refresh_token"),
            Self::ClientSecret => ("provider_configs", "client_secret"),
            Self::GithubAppPrivateKey => ("provider_configs", "github_app_private_key"),
            Self::AppWebhookSecret => ("provider_configs", "webhook_secret"),
            Self::OauthVerifier => ("oauth_states", "verifier"),
            Self::WebhookSecret => ("webhook_secrets", "secret"),
        }
    }
}

/// Where a sealed value lives: tenant, row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    organization: OrganizationId,
    row: Uuid,
    column: Column,
}

impl Place {
    /// A column of a connection's credential.
    #[must_use]
    pub fn credential(organization: OrganizationId, row: ConnectionId, column: Column) -> Self {
        Self {
            organization,
            row: row.0,
            column,
        }
    }

    /// A column of a registration at a provider.
    #[must_use]
    pub fn provider_config(
        organization: OrganizationId,
        row: ProviderConfigId,
        column: Column,
    ) -> Self {
        Self {
            organization,
            row: row.0,
            column,
        }
    }

    /// The PKCE verifier of a consent that was begun.
    #[must_use]
    pub fn oauth_verifier(organization: OrganizationId, row: OauthStateId) -> Self {
        Self {
            organization,
            row: row.0,
            column: Column::OauthVerifier,
        }
    }

    /// A secret that deliveries to a connection are verified with.
    #[must_use]
    pub fn webhook_secret(organization: OrganizationId, row: WebhookSecretId) -> Self {
        Self {
            organization,
            row: row.0,
            column: Column::WebhookSecret,
        }
    }

    /// What the row's key is derived over: tenant, table, row.
    pub(super) fn row_info(&self) -> Vec<u8> {
        let (table, _) = self.column.table_and_name();
        framed(&[
            b"mooring row key v1",
            self.organization.0.as_bytes(),
            table.as_bytes(),
            self.row.as_bytes(),
        ])
    }

    /// What AES-GCM authenticates besides the value.
    pub(super) fn associated_data(&self, key_id: &str) -> Vec<u8> {
        let (table, column) = self.column.table_and_name();
        framed(&[
            b"mooring sealed v1",
            self.organization.0.as_bytes(),
            table.as_bytes(),
            self.row.as_bytes(),
            column.as_bytes(),
            key_id.as_bytes(),
        ])
    }
}

/// Parts with their lengths in front, so that no two lists of parts give the same bytes.
pub(super) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}
