//! Queries across tenants, each with a limit, as `mooring_system`: what is due, not what it says.

use chrono::{DateTime, Utc};

use super::connect::SystemExecutor;
use super::error::StoreError;
use crate::domain::ids::OrganizationId;

/// Organizations with entries that are not sealed yet, at most `limit`: a loose scan, one step of
/// the index per organization, however many entries each has.
///
/// # Errors
/// As every statement.
pub async fn organizations_to_seal(
    db: &SystemExecutor,
    limit: i32,
) -> Result<Vec<OrganizationId>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"WITH RECURSIVE due(organization_id, n) AS (
            (SELECT organization_id, 1 FROM activity WHERE sequence IS NULL
             ORDER BY organization_id LIMIT 1)
            UNION ALL
            SELECT (SELECT a.organization_id FROM activity a
                    WHERE a.sequence IS NULL AND a.organization_id > d.organization_id
                    ORDER BY a.organization_id LIMIT 1), d.n + 1
            FROM due d WHERE d.organization_id IS NOT NULL AND d.n < $1
        )
        SELECT organization_id AS "organization_id!" FROM due WHERE organization_id IS NOT NULL"#,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Forgets idempotency keys older than `before`, at most `limit`; how many.
///
/// # Errors
/// As every statement.
pub async fn forget_idempotency_keys(
    db: &SystemExecutor,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM idempotency_keys k USING \
            (SELECT organization_id, caller_id, key FROM idempotency_keys WHERE created_at < $1 \
             ORDER BY created_at LIMIT $2) old \
         WHERE k.organization_id = old.organization_id AND k.caller_id = old.caller_id \
            AND k.key = old.key",
        before,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}
