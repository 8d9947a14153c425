//! The activity log: what is recorded.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::actor::Actor;
use super::ids::{ActivityId, OrganizationId};
use super::text_enum::text_enum;

text_enum! {
    /// What happened. Metadata per event are documented in the API description.
    pub enum Event {
        /// A tenant was made.
        OrganizationCreated = "organization_created",
        /// A tenant was changed.
        OrganizationUpdated = "organization_updated",
        /// A tenant was deleted; its chain moved to the platform's archive.
        OrganizationDeleted = "organization_deleted",
        /// A member was added.
        MemberAdded = "member_added",
        /// A member's role or name changed.
        MemberUpdated = "member_updated",
        /// A member was removed.
        MemberRemoved = "member_removed",
        /// An API token was made.
        ApiTokenCreated = "api_token_created",
        /// An API token was deleted.
        ApiTokenDeleted = "api_token_deleted",
        /// A connection was made.
        GitConnectionCreated = "git_connection_created",
        /// A connection was changed.
        GitConnectionUpdated = "git_connection_updated",
        /// Somebody validated a connection.
        GitConnectionValidated = "git_connection_validated",
        /// A connection's credential was lent out.
        GitConnectionUsed = "git_connection_used",
        /// A credential that was lent out was given back.
        GitCredentialReturned = "git_credential_returned",
        /// A connection's token was renewed.
        GitConnectionRefreshed = "git_connection_refreshed",
        /// A connection's status changed.
        GitConnectionStatusChanged = "git_connection_status_changed",
        /// A connection's credential ends soon.
        GitConnectionExpiring = "git_connection_expiring",
        /// A connection's token made its successor.
        GitConnectionRotated = "git_connection_rotated",
        /// A connection's webhook secret was made, or replaced.
        GitWebhookCreated = "git_webhook_created",
        /// A connection's webhook secrets were taken back.
        GitWebhookDeleted = "git_webhook_deleted",
        /// A connection was deleted.
        GitConnectionDeleted = "git_connection_deleted",
        /// A registration at a provider was saved.
        GitProviderConfigured = "git_provider_configured",
        /// A registration was deleted, with the connections that were made through it.
        GitProviderConfigRemoved = "git_provider_config_removed",
        /// A registration's client secret ends soon.
        GitProviderConfigExpiring = "git_provider_config_expiring",
        /// A registration's client secret has passed its date.
        GitProviderConfigExpired = "git_provider_config_expired",
        /// An account at a provider gave its consent.
        GitProviderConnected = "git_provider_connected",
        /// A repository was connected for scans.
        ConnectedRepositoryCreated = "connected_repository_created",
        /// A connected repository was changed.
        ConnectedRepositoryUpdated = "connected_repository_updated",
        /// A connected repository was removed.
        ConnectedRepositoryDeleted = "connected_repository_deleted",
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Subject {
    /// `organization`, `connection`, `repository`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: Option<Uuid>,
    /// Its name then.
    pub name: Option<String>,
}

/// An entry of the activity log.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Entry {
    /// Its id.
    pub id: ActivityId,
    /// Its tenant.
    #[serde(skip)]
    pub organization_id: OrganizationId,
    /// Its place in the organization's chain, from 1; `null` until sealed (within a second).
    pub sequence: Option<i64>,
    /// What happened.
    pub event: String,
    /// Who did it.
    pub actor: Actor,
    /// To what.
    pub subject: Subject,
    /// More of it; never a secret.
    pub metadata: Map<String, Value>,
    /// The request, for correlation.
    pub request_id: Option<String>,
    /// The caller's address.
    pub ip: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The chain's hash up to this entry, hexadecimal; `null` until sealed.
    pub hash: Option<String>,
}
