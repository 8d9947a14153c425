//! `activity`: the log; its chain and archive are in `chain.rs`.

mod chain;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::activity::{Entry, Subject};
use crate::domain::actor::{Actor, ActorType};
use crate::domain::ids::ActivityId;
use crate::domain::page::{PageRequest, Start};
use crate::store::error::StoreError;

pub use chain::{
    Head, archive, delete_chain, ensure_head, head, is_archived, lock_head, seal, sealed_after,
    unsealed,
};

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

use select;

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

/// Entries of one event behind an id, oldest first.
///
/// # Errors
/// As every statement.
pub async fn of_event(
    db: impl PgExecutor<'_>,
    event: &str,
    behind: ActivityId,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows = select!(
        "WHERE event = $1 AND id > $2 ORDER BY id LIMIT $3",
        event,
        behind.0,
        limit
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
