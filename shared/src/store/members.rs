//! `members`: who belongs to an organization, and as what.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::organization::{Member, Role};
use crate::domain::page::{PageRequest, Start};

/// One member.
///
/// # Errors
/// As every statement.
pub async fn get(db: impl PgExecutor<'_>, user: UserId) -> Result<Option<Member>, StoreError> {
    let row = sqlx::query_as!(
        Member,
        r#"SELECT organization_id, user_id, role AS "role: Role", name, email, created_at, updated_at
         FROM members WHERE user_id = $1"#,
        user.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// A page of members, by user id; see [`Page::cut`](crate::domain::page::Page::cut) for its order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    request: &PageRequest<UserId>,
) -> Result<Vec<Member>, StoreError> {
    let above = match request.start {
        Start::Offset(_) => Uuid::nil(),
        Start::After(id) => id.0,
        Start::Before(id) => {
            let rows = sqlx::query_as!(
                Member,
                r#"SELECT organization_id, user_id, role AS "role: Role", name, email, created_at, updated_at
                 FROM members WHERE user_id < $1 ORDER BY user_id DESC LIMIT $2"#,
                id.0,
                request.limit()
            )
            .fetch_all(db)
            .await?;
            return Ok(rows);
        }
    };
    let rows = sqlx::query_as!(
        Member,
        r#"SELECT organization_id, user_id, role AS "role: Role", name, email, created_at, updated_at
         FROM members WHERE user_id > $1 ORDER BY user_id OFFSET $2 LIMIT $3"#,
        above,
        request.offset(),
        request.limit()
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How many members there are, counted up to 10,000.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM members LIMIT 10001) bounded"#
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Adds a member or changes its role, name and address; whether it is new.
///
/// # Errors
/// [`StoreError::Missing`] where the organization does not exist.
pub async fn put(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    name: Option<&str>,
    email: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"INSERT INTO members (organization_id, user_id, role, name, email, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (organization_id, user_id) DO UPDATE
            SET role = $3, name = COALESCE($4, members.name), email = COALESCE($5, members.email), updated_at = $6
         RETURNING (xmax = 0) AS "new!""#,
        organization.0,
        user.0,
        role.as_str(),
        name,
        email,
        now,
    )
    .fetch_one(db)
    .await?;
    Ok(row.new)
}

/// Removes a member; whether it was there.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, user: UserId) -> Result<bool, StoreError> {
    let done = sqlx::query!("DELETE FROM members WHERE user_id = $1", user.0)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The owners, locked until the transaction ends in one order for all, so that two calls cannot
/// each take the last but one away.
///
/// # Errors
/// As every statement.
pub async fn lock_owners(db: impl PgExecutor<'_>) -> Result<Vec<UserId>, StoreError> {
    let owners = sqlx::query_scalar!(
        "SELECT user_id FROM members WHERE role = 'owner' ORDER BY user_id FOR UPDATE"
    )
    .fetch_all(db)
    .await?;
    Ok(owners.into_iter().map(UserId).collect())
}
