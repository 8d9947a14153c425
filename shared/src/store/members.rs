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

/// A page of members, by user id, one row more than asked; and how many there are.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    request: &PageRequest<UserId>,
) -> Result<Vec<Member>, StoreError> {
    let (above, offset) = match request.start {
        Start::Offset(offset) => (Uuid::nil(), i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::After(id) => (id.0, 0),
        Start::Before(id) => {
            let mut rows = sqlx::query_as!(
                Member,
                r#"SELECT organization_id, user_id, role AS "role: Role", name, email, created_at, updated_at
                 FROM members WHERE user_id < $1 ORDER BY user_id DESC LIMIT $2"#,
                id.0,
                i64::from(request.per_page) + 1
            )
            .fetch_all(db)
            .await?;
            let extra = rows.len() > request.per_page as usize;
            rows.reverse();
            if extra {
                rows.rotate_left(1);
            }
            return Ok(rows);
        }
    };
    let rows = sqlx::query_as!(
        Member,
        r#"SELECT organization_id, user_id, role AS "role: Role", name, email, created_at, updated_at
         FROM members WHERE user_id > $1 ORDER BY user_id OFFSET $2 LIMIT $3"#,
        above,
        offset,
        i64::from(request.per_page) + 1
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

/// How many owners there are besides this one: the last may not go.
///
/// # Errors
/// As every statement.
pub async fn other_owners(db: impl PgExecutor<'_>, user: UserId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM members WHERE role = 'owner' AND user_id <> $1"#,
        user.0
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}
