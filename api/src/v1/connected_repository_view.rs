//! A connected repository as callers see it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::ids::{ConnectedRepositoryId, ConnectionId, OrganizationId};
use shared::domain::provider::ProviderKind;
use shared::domain::repository::ConnectedRepository;

use crate::page::Plural;

/// A repository that scanners may touch.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConnectedRepository")]
pub(crate) struct ConnectedRepositoryView {
    /// Its id.
    id: ConnectedRepositoryId,
    /// Its organization; `null` for the platform's.
    organization_id: Option<OrganizationId>,
    /// The connection whose credential reads it.
    connection_id: ConnectionId,
    /// The provider.
    provider: ProviderKind,
    /// The provider's immutable id.
    provider_repository_id: String,
    /// As the provider writes it.
    full_name: String,
    /// Static analysis allowed.
    sast_enabled: bool,
    /// Dependency analysis allowed.
    sca_enabled: bool,
    /// The branch that scans read.
    default_branch: Option<String>,
    /// Last successful scan.
    last_scan_at: Option<DateTime<Utc>>,
    /// When it was connected.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl Plural for ConnectedRepositoryView {
    const PLURAL: &'static str = "connected_repositories";
}

impl From<ConnectedRepository> for ConnectedRepositoryView {
    fn from(row: ConnectedRepository) -> Self {
        Self {
            id: row.id,
            organization_id: row.organization_id.shown(),
            connection_id: row.connection_id,
            provider: row.provider,
            provider_repository_id: row.provider_repository_id,
            full_name: row.full_name,
            sast_enabled: row.sast_enabled,
            sca_enabled: row.sca_enabled,
            default_branch: row.default_branch,
            last_scan_at: row.last_scan_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
