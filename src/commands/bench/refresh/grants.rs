//! Connections with grants that can be renewed, many at once.

use chrono::{TimeDelta, Utc};
use mooring_forge::{Forge, OAuthApp};
use shared::clock::Clock;
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::domain::secret::Secret;
use shared::vault::{Column, Place, Vault};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::super::rig::Rig;
use crate::exit::Failure;

/// The account that has granted everything.
pub(super) const LOGIN: &str = "ada";

/// Makes `count` connections, by turns in so many organizations, each with a grant of its own that
/// is not due. What was there before is gone.
pub(super) async fn seed(
    rig: &Rig,
    forge: &Forge,
    app: &OAuthApp,
    base_url: &str,
    (count, organizations): (usize, usize),
) -> Result<Vec<ConnectionId>, Failure> {
    let vault = Vault::new(rig.database.secrets(&rig.config)?.keyring);
    let now = Clock::system().now();
    let owners: Vec<OrganizationId> = (0..organizations)
        .map(|_| OrganizationId::new(now))
        .collect();
    let (mut ids, mut of, mut access, mut refresh) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..count {
        let (id, owner) = (ConnectionId::new(now), owners[n % owners.len()]);
        let grant = forge.grant(app.id, LOGIN);
        let seal = |column, secret: String| {
            vault.seal(&Place::credential(owner, id, column), &Secret::from(secret))
        };
        access.push(seal(Column::AccessToken, grant.access_token)?);
        refresh.push(seal(
            Column::RefreshToken,
            grant.refresh_token.unwrap_or_default(),
        )?);
        ids.push(id.0);
        of.push(owner.0);
    }
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    sqlx::raw_sql("TRUNCATE connections, jobs, activity, activity_heads CASCADE; DELETE FROM organizations WHERE id <> '00000000-0000-7000-8000-000000000001'")
        .execute(&mut db)
        .await?;
    let owner_ids: Vec<Uuid> = owners.iter().map(|owner| owner.0).collect();
    sqlx::query("INSERT INTO organizations (id, name, created_at, updated_at) SELECT id, 'Bench', $2, $2 FROM unnest($1::uuid[]) id")
        .bind(&owner_ids)
        .bind(now)
        .execute(&mut db)
        .await?;
    sqlx::query(
        "INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, status, health_code, \
            health_since, account_id, last_synced_at, validated_at, token_expires_at, created_at, updated_at) \
         SELECT o, id, 'Bench', 'gitlab', $3, 'oauth', 'active', 'ok', $4, '1', $4, $4, $5, $4, $4 \
         FROM unnest($1::uuid[], $2::uuid[]) AS c (o, id)",
    )
    .bind(&of)
    .bind(&ids)
    .bind(base_url)
    .bind(now)
    .bind(now + TimeDelta::hours(2))
    .execute(&mut db)
    .await?;
    sqlx::query(
        "INSERT INTO credentials (organization_id, connection_id, access_token, refresh_token, expires_at, \
            next_refresh_at, oauth_client_id, oauth_redirect_uri, obtained_at, updated_at) \
         SELECT o, id, a, r, $5, $5, $6, $7, $8, $8 \
         FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) AS c (o, id, a, r)",
    )
    .bind(&of)
    .bind(&ids)
    .bind(&access)
    .bind(&refresh)
    .bind(now + TimeDelta::hours(2))
    .bind(&app.client_id)
    .bind(super::workers::REDIRECT)
    .bind(now)
    .execute(&mut db)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE connections, credentials")
        .execute(&mut db)
        .await?;
    Ok(ids.into_iter().map(ConnectionId).collect())
}

/// Makes them all due, now.
pub(super) async fn make_due(rig: &Rig) -> Result<(), Failure> {
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let now = Clock::system().now() - TimeDelta::seconds(1);
    sqlx::query("UPDATE credentials SET next_refresh_at = $1")
        .bind::<chrono::DateTime<Utc>>(now)
        .execute(&mut db)
        .await?;
    Ok(())
}
