//! The chains of the activity log of many organizations at once, for the sealer.
//!
//! Of an entry only its place and the MAC of its content are read: what happened stays with the
//! tenant. Heads are locked in the order of their organizations; one that another sealer holds is
//! passed by.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::ids::OrganizationId;
use crate::store::activity::Head;
use crate::store::error::StoreError;

/// An entry that is not sealed yet.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// Its tenant.
    pub organization: OrganizationId,
    /// Itself.
    pub id: Uuid,
    /// The key that its MAC is under.
    pub key_id: String,
    /// The MAC of its content.
    pub mac: Vec<u8>,
}

/// What an entry gets.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The entry.
    pub id: Uuid,
    /// Its place in the chain.
    pub sequence: i64,
    /// The hash up to it.
    pub hash: Vec<u8>,
}

/// Our class of advisory locks: "seal".
const LOCK_CLASS: i32 = 0x7365_616c;

/// Becomes the one sealer until the transaction ends; false where there is one.
///
/// # Errors
/// As every statement.
pub async fn alone(tx: &mut PgConnection) -> Result<bool, StoreError> {
    let alone = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock($1, 0) AS "alone!""#,
        LOCK_CLASS
    )
    .fetch_one(tx)
    .await?;
    Ok(alone)
}

/// Those of the organizations whose chain has no head yet.
///
/// # Errors
/// As every statement.
pub async fn headless(
    tx: &mut PgConnection,
    organizations: &[Uuid],
) -> Result<Vec<OrganizationId>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"SELECT o AS "o!" FROM unnest($1::uuid[]) o
         WHERE NOT EXISTS (SELECT FROM activity_heads h WHERE h.organization_id = o)"#,
        organizations
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// Heads by columns.
struct Columns {
    organizations: Vec<Uuid>,
    entries: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    keys: Vec<String>,
    macs: Vec<Vec<u8>>,
}

impl Columns {
    fn of(heads: &[(OrganizationId, Head)]) -> Self {
        Self {
            organizations: heads.iter().map(|(of, _)| of.0).collect(),
            entries: heads.iter().map(|(_, head)| head.entries).collect(),
            hashes: heads.iter().map(|(_, head)| head.hash.clone()).collect(),
            keys: heads.iter().map(|(_, head)| head.key_id.clone()).collect(),
            macs: heads.iter().map(|(_, head)| head.mac.clone()).collect(),
        }
    }
}

/// Gives chains their first head, where there is none and the organization stands.
///
/// # Errors
/// As every statement.
pub async fn add_heads(
    tx: &mut PgConnection,
    heads: &[(OrganizationId, Head)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let columns = Columns::of(heads);
    sqlx::query!(
        "INSERT INTO activity_heads (organization_id, entries, hash, key_id, mac, sealed_at) \
         SELECT h.organization_id, h.entries, h.hash, h.key_id, h.mac, $6 \
         FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::text[], $5::bytea[]) \
            AS h (organization_id, entries, hash, key_id, mac) \
         JOIN organizations o ON o.id = h.organization_id ORDER BY h.organization_id \
         ON CONFLICT (organization_id) DO NOTHING",
        &columns.organizations,
        &columns.entries,
        &columns.hashes,
        &columns.keys,
        &columns.macs,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The heads of these chains, locked; without those that somebody else holds.
///
/// # Errors
/// As every statement.
pub async fn lock_heads(
    tx: &mut PgConnection,
    organizations: &[Uuid],
) -> Result<Vec<(OrganizationId, Head)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, entries, hash, key_id, mac FROM activity_heads \
         WHERE organization_id = ANY($1) ORDER BY organization_id FOR UPDATE SKIP LOCKED",
        organizations
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let head = Head {
                entries: row.entries,
                hash: row.hash,
                key_id: row.key_id,
                mac: row.mac,
            };
            (row.organization_id.into(), head)
        })
        .collect())
}

/// Entries of these organizations that are not sealed yet, of each the first `each` in the order of
/// their ids.
///
/// # Errors
/// As every statement.
pub async fn unsealed(
    tx: &mut PgConnection,
    organizations: &[Uuid],
    each: i64,
) -> Result<Vec<Unsealed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT o AS "organization_id!", a.id, a.key_id, a.mac
         FROM unnest($1::uuid[]) o CROSS JOIN LATERAL (
            SELECT id, key_id, mac FROM activity
            WHERE organization_id = o AND sequence IS NULL ORDER BY id LIMIT $2) a
         ORDER BY o, a.id"#,
        organizations,
        each
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unsealed {
            organization: row.organization_id.into(),
            id: row.id,
            key_id: row.key_id,
            mac: row.mac,
        })
        .collect())
}

/// Seals entries and moves the heads, in the transaction that holds the heads' locks.
///
/// # Errors
/// As every statement.
pub async fn seal(
    tx: &mut PgConnection,
    sealed: &[Sealed],
    heads: &[(OrganizationId, Head)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // By key, one by one: what is not sealed looks like nothing to the planner, and may be much.
    sqlx::query!(
        "UPDATE activity a SET sequence = b.sequence, hash = b.hash \
         FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS b (id, sequence, hash) \
         WHERE a.id = b.id AND a.sequence + 0 IS NULL",
        &sealed.iter().map(|one| one.id).collect::<Vec<_>>(),
        &sealed.iter().map(|one| one.sequence).collect::<Vec<_>>(),
        &sealed
            .iter()
            .map(|one| one.hash.clone())
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?;
    let columns = Columns::of(heads);
    sqlx::query!(
        "UPDATE activity_heads h SET entries = b.entries, hash = b.hash, key_id = b.key_id, \
            mac = b.mac, sealed_at = $6 \
         FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::text[], $5::bytea[]) \
            AS b (organization_id, entries, hash, key_id, mac) \
         WHERE h.organization_id = b.organization_id",
        &columns.organizations,
        &columns.entries,
        &columns.hashes,
        &columns.keys,
        &columns.macs,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}
