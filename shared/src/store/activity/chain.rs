//! `activity`, `activity_heads`, `activity_archive`: the chain, its head, and what is left of chains
//! that ended.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Row, StoredEntry, select};
use crate::domain::ids::OrganizationId;
use crate::store::error::StoreError;

/// The head of a chain.
#[derive(Clone, Debug)]
pub struct Head {
    /// How many entries are sealed.
    pub entries: i64,
    /// The hash of the last.
    pub hash: Vec<u8>,
    /// The key that its MAC is under.
    pub key_id: String,
    /// The MAC of the head.
    pub mac: Vec<u8>,
}

/// Unsealed entries in id order, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn unsealed(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = select!("WHERE sequence IS NULL ORDER BY id LIMIT $1", limit)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Sealed entries in the order of the chain, after `after`, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn sealed_after(
    db: impl PgExecutor<'_>,
    after: i64,
    limit: i64,
) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = select!(
        "WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The head of the chain, locked: who holds it is the one sealer.
///
/// # Errors
/// As every statement.
pub async fn lock_head(db: impl PgExecutor<'_>) -> Result<Option<Head>, StoreError> {
    let row = sqlx::query_as!(
        Head,
        "SELECT entries, hash, key_id, mac FROM activity_heads FOR UPDATE"
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// The head of the chain.
///
/// # Errors
/// As every statement.
pub async fn head(db: impl PgExecutor<'_>) -> Result<Option<Head>, StoreError> {
    let row = sqlx::query_as!(
        Head,
        "SELECT entries, hash, key_id, mac FROM activity_heads"
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Creates the head of an empty chain where there is none.
///
/// # Errors
/// As every statement.
pub async fn ensure_head(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    head: &Head,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO activity_heads (organization_id, entries, hash, key_id, mac, sealed_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organization_id) DO NOTHING",
        organization.0,
        head.entries,
        head.hash,
        head.key_id,
        head.mac,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Seals a batch and moves the head, in the transaction that holds the head's lock.
///
/// # Errors
/// As every statement.
pub async fn seal(
    db: &mut sqlx::PgConnection,
    ids: &[Uuid],
    sequences: &[i64],
    hashes: &[Vec<u8>],
    head: &Head,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE activity a SET sequence = b.sequence, hash = b.hash \
         FROM unnest($1::uuid[], $2::int8[], $3::bytea[]) AS b(id, sequence, hash) \
         WHERE a.id = b.id AND a.sequence IS NULL",
        ids,
        sequences,
        hashes,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE activity_heads SET entries = $1, hash = $2, key_id = $3, mac = $4, sealed_at = $5",
        head.entries,
        head.hash,
        head.key_id,
        head.mac,
        now,
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}

/// Puts a batch of a chain that ends into the archive: the transaction must be the platform's.
///
/// # Errors
/// As every statement.
pub async fn archive(
    db: impl PgExecutor<'_>,
    chain: OrganizationId,
    batch: &[StoredEntry],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut sequences = Vec::with_capacity(batch.len());
    let mut entries = Vec::with_capacity(batch.len());
    let mut keys = Vec::with_capacity(batch.len());
    let mut macs = Vec::with_capacity(batch.len());
    let mut hashes = Vec::with_capacity(batch.len());
    for stored in batch {
        let Some(sequence) = stored.entry.sequence else {
            continue;
        };
        let hash = stored
            .entry
            .hash
            .as_deref()
            .and_then(|h| hex::decode(h).ok());
        let entry = serde_json::to_value(&stored.entry)
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        sequences.push(sequence);
        entries.push(entry);
        keys.push(stored.key_id.clone());
        macs.push(stored.mac.clone());
        hashes.push(hash.unwrap_or_default());
    }
    sqlx::query!(
        "INSERT INTO activity_archive (organization_id, chain_organization_id, sequence, entry, \
            key_id, mac, hash, archived_at) \
         SELECT $1, $2, b.sequence, b.entry, b.key_id, b.mac, b.hash, $3 \
         FROM unnest($4::int8[], $5::jsonb[], $6::text[], $7::bytea[], $8::bytea[]) \
            AS b(sequence, entry, key_id, mac, hash)",
        OrganizationId::PLATFORM.0,
        chain.0,
        now,
        &sequences,
        &entries,
        &keys,
        &macs,
        &hashes,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the archive holds a chain of this organization: then its id was used up. The
/// transaction must be the platform's.
///
/// # Errors
/// As every statement.
pub async fn is_archived(
    db: impl PgExecutor<'_>,
    chain: OrganizationId,
) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM activity_archive
            WHERE organization_id = $1 AND chain_organization_id = $2) AS "there!""#,
        OrganizationId::PLATFORM.0,
        chain.0
    )
    .fetch_one(db)
    .await?;
    Ok(found)
}

/// Removes the chain of the transaction's organization, after it was archived.
///
/// # Errors
/// As every statement.
pub async fn delete_chain(
    db: &mut sqlx::PgConnection,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM activity WHERE organization_id = $1",
        organization.0
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "DELETE FROM activity_heads WHERE organization_id = $1",
        organization.0
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}
