//! Deliveries whose time is over.

use chrono::{DateTime, Utc};

use crate::domain::ids::OrganizationId;
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// An organization that has deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryOwner {
    /// Whose they are.
    pub organization: OrganizationId,
    /// When the first of them came.
    pub oldest: DateTime<Utc>,
    /// Whether there is no such organization any more.
    pub gone: bool,
}

/// Organizations behind `after` that have deliveries, at most `limit`: a loose scan of the primary key.
///
/// # Errors
/// As every statement.
pub async fn delivery_owners(
    db: &SystemExecutor,
    after: OrganizationId,
    limit: i32,
) -> Result<Vec<DeliveryOwner>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE owner(organization_id, received_at, n) AS (
            (SELECT organization_id, received_at, 1 FROM webhook_deliveries
             WHERE organization_id > $2 ORDER BY organization_id, id LIMIT 1)
            UNION ALL
            SELECT next.organization_id, next.received_at, o.n + 1
            FROM owner o CROSS JOIN LATERAL
                (SELECT d.organization_id, d.received_at FROM webhook_deliveries d
                 WHERE d.organization_id > o.organization_id
                 ORDER BY d.organization_id, d.id LIMIT 1) next
            WHERE o.n < $1
        )
        SELECT o.organization_id AS "organization_id!", o.received_at AS "oldest!",
            NOT EXISTS (SELECT FROM organizations g WHERE g.id = o.organization_id) AS "gone!"
        FROM owner o"#,
        limit,
        after.0,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DeliveryOwner {
            organization: row.organization_id.into(),
            oldest: row.oldest,
            gone: row.gone,
        })
        .collect())
}

/// Deletes what came before `before` among the first `limit` deliveries of an organization, in the order
/// of their ids, which is that of their coming but for a clock that was set back; how many.
///
/// # Errors
/// As every statement.
pub async fn delete_deliveries(
    db: &SystemExecutor,
    organization: OrganizationId,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND id = ANY (ARRAY( \
            SELECT f.id FROM (SELECT id, received_at FROM webhook_deliveries \
                WHERE organization_id = $1 ORDER BY id LIMIT $3) f WHERE f.received_at < $2))",
        organization.0,
        before,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}
