//! The first time that a connection is listed: nothing is known of it, so nothing is compared.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::write::Owner;
use crate::domain::ids::{OutboxEventId, RepositoryId};
use crate::domain::outbox::EventType;
use crate::domain::repository::RemoteRepository;
use crate::store::error::StoreError;

/// Inserts rows, in the order of the provider's ids and each once, with their stubs and events; those
/// that are known already, and were left alone.
pub(super) async fn insert_rows<'a>(
    db: &mut PgConnection,
    owner: Owner,
    sorted: &[&'a RemoteRepository],
) -> Result<Vec<&'a RemoteRepository>, StoreError> {
    let now = owner.now;
    macro_rules! column {
        (|$r:ident| $value:expr) => {
            sorted.iter().map(|$r| $value).collect::<Vec<_>>()
        };
    }
    let ids: Vec<Uuid> = sorted.iter().map(|_| RepositoryId::new(now).0).collect();
    let events: Vec<Uuid> = sorted.iter().map(|_| OutboxEventId::new(now).0).collect();
    let told: Vec<String> = std::iter::zip(sorted, &ids)
        .map(|(new, id)| {
            json!({
                "repository_id": id,
                "connection_id": owner.connection,
                "provider": owner.provider,
                "provider_repository_id": new.provider_repository_id,
                "full_name": new.full_name,
                "private": new.private,
                "archived": new.archived,
                "default_branch": new.default_branch,
            })
            .to_string()
        })
        .collect();
    let inserted = sqlx::query_scalar!(
        r#"WITH page AS (
            SELECT * FROM unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::bool[], $13::text[], $14::text[], $15::text[],
                $16::bool[], $17::bool[], $18::bool[], $19::int8[], $20::timestamptz[], $21::uuid[],
                $22::text[])
                AS p(id, provider_repository_id, name, full_name, url, clone_url, ssh_url, private,
                     default_branch, description, language, archived, fork, has_write_access,
                     size_kb, pushed_at, event_id, told)
        ), written AS (
            INSERT INTO repositories (organization_id, connection_id, provider, first_seen_at,
                last_changed_at, id, provider_repository_id, name, full_name, url, clone_url,
                ssh_url, private, default_branch, description, language, archived, fork,
                has_write_access, size_kb, pushed_at)
            SELECT $1, $2, $3, $4, $4, p.id, p.provider_repository_id, p.name, p.full_name, p.url,
                p.clone_url, p.ssh_url, p.private, p.default_branch, p.description, p.language,
                p.archived, p.fork, p.has_write_access, p.size_kb, p.pushed_at FROM page p
            ON CONFLICT (organization_id, connection_id, provider_repository_id) DO NOTHING
            RETURNING id
        ), stubs AS (
            INSERT INTO application_profiles (organization_id, repository_id)
            SELECT $1, w.id FROM written w
        ), told AS (
            INSERT INTO outbox_events (organization_id, id, type, data, created_at)
            SELECT $1, p.event_id, $23, p.told::json, $4 FROM page p
            WHERE p.id IN (SELECT w.id FROM written w)
        )
        SELECT id FROM written"#,
        owner.organization.0,
        owner.connection.0,
        owner.provider.as_str(),
        now,
        &ids,
        &column!(|r| r.provider_repository_id.as_str()) as &[&str],
        &column!(|r| r.name.as_str()) as &[&str],
        &column!(|r| r.full_name.as_str()) as &[&str],
        &column!(|r| r.url.as_str()) as &[&str],
        &column!(|r| r.clone_url.as_str()) as &[&str],
        &column!(|r| r.ssh_url.as_deref()) as &[Option<&str>],
        &column!(|r| r.private),
        &column!(|r| r.default_branch.as_deref()) as &[Option<&str>],
        &column!(|r| r.description.as_deref()) as &[Option<&str>],
        &column!(|r| r.language.as_deref()) as &[Option<&str>],
        &column!(|r| r.archived),
        &column!(|r| r.fork),
        &column!(|r| r.has_write_access) as &[Option<bool>],
        &column!(|r| r.size_kb) as &[Option<i64>],
        &column!(|r| r.pushed_at) as &[Option<DateTime<Utc>>],
        &events,
        &told,
        EventType::RepositoryAdded.as_str(),
    )
    .fetch_all(db)
    .await?;
    if inserted.len() == sorted.len() {
        return Ok(Vec::new());
    }
    let inserted: HashSet<Uuid> = inserted.into_iter().collect();
    Ok(std::iter::zip(sorted, &ids)
        .filter(|(_, id)| !inserted.contains(id))
        .map(|(known, _)| *known)
        .collect())
}
