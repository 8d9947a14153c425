//! Connections whose tokens are to be renewed, of many tenants in one round trip.

use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::row::select;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::connect::Db;
use crate::store::credentials::StoredCredential;
use crate::store::error::StoreError;

/// A connection and what it has to be renewed with.
pub type Renewable = (Connection, StoredCredential);

/// Each of these connections with its credential, where the organization beside it has one of this
/// id.
///
/// The statements set their tenant themselves, from row to row, and read after it: a policy sees the
/// tenant of the row that is read for. Were the order ever another, it would see another tenant or
/// none, and show nothing; who asked then asks again alone.
///
/// # Errors
/// As every statement.
pub async fn renewable(
    db: &Db,
    wanted: &[(OrganizationId, ConnectionId)],
) -> Result<Vec<Renewable>, StoreError> {
    let organizations: Vec<Uuid> = wanted.iter().map(|(of, _)| of.0).collect();
    let ids: Vec<Uuid> = wanted.iter().map(|(_, id)| id.0).collect();
    let rows = select!(
        "FROM unnest($1::uuid[], $2::uuid[]) AS w (organization_id, id)
         CROSS JOIN LATERAL (SELECT set_config('mooring.organization', w.organization_id::text, true) AS organization) tenant
         CROSS JOIN LATERAL (SELECT p.* FROM connections p WHERE tenant.organization <> ''
                             AND p.organization_id = w.organization_id AND p.id = w.id LIMIT 1) c",
        &organizations,
        &ids,
    )
    .fetch_all(db.app())
    .await?;
    let mut connections: Vec<Connection> = rows.into_iter().map(Into::into).collect();
    let credentials = credentials(db.app(), &organizations, &ids).await?;
    let mut found = Vec::with_capacity(connections.len());
    for (id, credential) in credentials {
        if let Some(place) = connections.iter().position(|one| one.id.0 == id) {
            found.push((connections.swap_remove(place), credential));
        }
    }
    Ok(found)
}

async fn credentials(
    db: &PgPool,
    organizations: &[Uuid],
    ids: &[Uuid],
) -> Result<Vec<(Uuid, StoredCredential)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT c.connection_id, c.access_token, c.refresh_token, c.expires_at, c.version, \
            c.generation, c.refresh_expires_at, c.next_refresh_at, c.refresh_failures, \
            c.provider_config_id, c.oauth_client_id, c.oauth_redirect_uri, c.proven_at \
         FROM unnest($1::uuid[], $2::uuid[]) AS w (organization_id, id) \
         CROSS JOIN LATERAL (SELECT set_config('mooring.organization', w.organization_id::text, true) \
                             AS organization) tenant \
         CROSS JOIN LATERAL (SELECT p.* FROM credentials p WHERE tenant.organization <> '' \
                             AND p.organization_id = w.organization_id AND p.connection_id = w.id \
                             LIMIT 1) c",
        organizations,
        ids,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let credential = StoredCredential {
                access_token: row.access_token,
                refresh_token: row.refresh_token,
                expires_at: row.expires_at,
                version: row.version,
                generation: row.generation,
                refresh_expires_at: row.refresh_expires_at,
                next_refresh_at: row.next_refresh_at,
                refresh_failures: row.refresh_failures,
                provider_config_id: row.provider_config_id,
                oauth_client_id: row.oauth_client_id,
                oauth_redirect_uri: row.oauth_redirect_uri,
                proven_at: row.proven_at,
            };
            (row.connection_id, credential)
        })
        .collect())
}
