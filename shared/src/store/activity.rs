//! `activity`, `activity_heads`, `activity_archive`: the log and its chain.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::activity::{Entry, Subject};
use crate::domain::actor::{Actor, ActorType};
use crate::domain::ids::{ActivityId, OrganizationId};
use crate::domain::page::{PageRequest, Start};

/// An entry with what proves it.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    /// The entry.
    pub entry: Entry,
    /// The key that its MAC is under.
    pub key_id: String,
    /// The MAC of its content.
    pub mac: Vec<u8>,
}

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

/// Appends an entry, unsealed.
///
/// # Errors
/// As every statement.
pub async fn append(db: impl PgExecutor<'_>, stored: &StoredEntry) -> Result<(), StoreError> {
    let e = &stored.entry;
    sqlx::query!(
        "INSERT INTO activity (organization_id, id, event, actor_id, actor_type, actor_name, \
            subject_type, subject_id, subject_name, metadata, request_id, ip, created_at, key_id, mac) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        e.organization_id.0,
        e.id.0,
        e.event,
        e.actor.id,
        e.actor.kind.as_str(),
        e.actor.name,
        e.subject.kind,
        e.subject.id,
        e.subject.name,
        serde_json::Value::Object(e.metadata.clone()),
        e.request_id,
        e.ip,
        e.created_at,
        stored.key_id,
        stored.mac,
    )
    .execute(db)
    .await?;
    Ok(())
}

struct Row {
    organization_id: Uuid,
    id: Uuid,
    sequence: Option<i64>,
    event: String,
    actor_id: Option<Uuid>,
    actor_type: ActorType,
    actor_name: Option<String>,
    subject_type: String,
    subject_id: Option<Uuid>,
    subject_name: Option<String>,
    metadata: serde_json::Value,
    request_id: Option<String>,
    ip: Option<String>,
    created_at: DateTime<Utc>,
    key_id: String,
    mac: Vec<u8>,
    hash: Option<Vec<u8>>,
}

impl From<Row> for StoredEntry {
    fn from(row: Row) -> Self {
        let metadata = match row.metadata {
            serde_json::Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        Self {
            entry: Entry {
                id: row.id.into(),
                organization_id: row.organization_id.into(),
                sequence: row.sequence,
                event: row.event,
                actor: Actor {
                    id: row.actor_id,
                    kind: row.actor_type,
                    name: row.actor_name,
                },
                subject: Subject {
                    kind: row.subject_type,
                    id: row.subject_id,
                    name: row.subject_name,
                },
                metadata,
                request_id: row.request_id,
                ip: row.ip,
                created_at: row.created_at,
                hash: row.hash.map(hex::encode),
            },
            key_id: row.key_id,
            mac: row.mac,
        }
    }
}

macro_rules! select {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT organization_id, id, sequence, event, actor_id, actor_type AS "actor_type: _",
                actor_name, subject_type, subject_id, subject_name, metadata, request_id, ip,
                created_at, key_id, mac, hash FROM activity "#
                + $tail
            $(, $argument)*
        )
    };
}

/// What a list of entries is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One event.
    pub event: Option<String>,
    /// One actor's id.
    pub actor: Option<Uuid>,
    /// One subject's id.
    pub subject: Option<Uuid>,
    /// From then on.
    pub since: Option<DateTime<Utc>>,
    /// Before then.
    pub until: Option<DateTime<Utc>>,
}

/// A page, newest first; see [`Page::cut`](crate::domain::page::Page::cut) for its order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    request: &PageRequest<ActivityId>,
) -> Result<Vec<Entry>, StoreError> {
    let below = match request.start {
        Start::Offset(_) => Uuid::max(),
        Start::After(id) => id.0,
        Start::Before(id) => return list_before(db, filter, id, request.limit()).await,
    };
    let rows = select!(
        "WHERE id < $1 AND ($2::text IS NULL OR event = $2) AND ($3::uuid IS NULL OR actor_id = $3)
            AND ($4::uuid IS NULL OR subject_id = $4) AND ($5::timestamptz IS NULL OR created_at >= $5)
            AND ($6::timestamptz IS NULL OR created_at < $6)
         ORDER BY id DESC OFFSET $7 LIMIT $8",
        below,
        filter.event,
        filter.actor,
        filter.subject,
        filter.since,
        filter.until,
        request.offset(),
        request.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredEntry::from(row).entry)
        .collect())
}

async fn list_before(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    id: ActivityId,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows = select!(
        "WHERE id > $1 AND ($2::text IS NULL OR event = $2) AND ($3::uuid IS NULL OR actor_id = $3)
            AND ($4::uuid IS NULL OR subject_id = $4) AND ($5::timestamptz IS NULL OR created_at >= $5)
            AND ($6::timestamptz IS NULL OR created_at < $6)
         ORDER BY id LIMIT $7",
        id.0,
        filter.event,
        filter.actor,
        filter.subject,
        filter.since,
        filter.until,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredEntry::from(row).entry)
        .collect())
}

/// How many match, counted up to 10,001.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>, filter: &Filter) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM activity
            WHERE ($1::text IS NULL OR event = $1) AND ($2::uuid IS NULL OR actor_id = $2)
              AND ($3::uuid IS NULL OR subject_id = $3) AND ($4::timestamptz IS NULL OR created_at >= $4)
              AND ($5::timestamptz IS NULL OR created_at < $5) LIMIT 10001) bounded"#,
        filter.event,
        filter.actor,
        filter.subject,
        filter.since,
        filter.until,
    )
    .fetch_one(db)
    .await?;
    Ok(count)
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
