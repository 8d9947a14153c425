//! `application_profiles`: one row per repository, a stub from the moment it is found. Stubs are
//! written by [`upsert_page`](super::repositories::upsert_page) itself.

use serde_json::Value;
use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::ids::RepositoryId;
use crate::domain::profile::{ApplicationProfile, ProfileState};

/// The profile of a repository.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    repository: RepositoryId,
) -> Result<Option<ApplicationProfile>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT repository_id, state AS "state: ProfileState", app_type, languages, ecosystems, manifests,
            dependencies, analyzed_at, commit_sha
         FROM application_profiles WHERE repository_id = $1"#,
        repository.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| ApplicationProfile {
        repository_id: row.repository_id.into(),
        state: row.state,
        app_type: row.app_type,
        languages: list(row.languages),
        ecosystems: list(row.ecosystems),
        manifests: list(row.manifests),
        dependencies: list(row.dependencies),
        analyzed_at: row.analyzed_at,
        commit_sha: row.commit_sha,
    }))
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
