//! `organizations`: tenants.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::ids::OrganizationId;
use crate::domain::organization::Organization;

/// Stores a tenant. The transaction must be that tenant's.
///
/// # Errors
/// [`StoreError::Conflict`] where the id or slug is taken.
pub async fn insert(db: impl PgExecutor<'_>, new: &Organization) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO organizations (id, name, slug, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $4)",
        new.id.0,
        new.name,
        new.slug,
        new.created_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The transaction's tenant; `None` where it does not exist.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: OrganizationId,
) -> Result<Option<Organization>, StoreError> {
    let row = sqlx::query_as!(
        Organization,
        "SELECT id, name, slug, created_at, updated_at FROM organizations WHERE id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Changes name and slug; `None` leaves the name, `Some(None)` clears the slug.
///
/// # Errors
/// [`StoreError::Conflict`] where the slug is taken.
pub async fn update(
    db: impl PgExecutor<'_>,
    id: OrganizationId,
    name: Option<&str>,
    slug: Option<Option<&str>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE organizations SET name = COALESCE($2, name), \
            slug = CASE WHEN $3 THEN $4 ELSE slug END, updated_at = $5 WHERE id = $1",
        id.0,
        name,
        slug.is_some(),
        slug.flatten(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a tenant; what hangs on it goes too, except its activity, which must be gone before. Of what is
/// told outside, what still waits goes with it, and the rest within days.
///
/// # Errors
/// [`StoreError::Missing`] where something still points at it.
pub async fn delete(db: impl PgExecutor<'_>, id: OrganizationId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "WITH untold AS (DELETE FROM outbox_events WHERE organization_id = $1 AND delivered_at IS NULL) \
         DELETE FROM organizations WHERE id = $1",
        id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
