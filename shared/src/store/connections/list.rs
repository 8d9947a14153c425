//! Pages of connections.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::row::{Row, select};
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::page::{PageRequest, Start};
use crate::store::connect::Db;
use crate::store::counters::ConnectionTotals;
use crate::store::error::StoreError;

/// Which connections a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFilter {
    /// All of the tenant.
    All,
    /// Only those that people want used.
    Active,
}

/// A stretch of the tenant's own connections.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// Newest first.
    pub connections: Vec<Connection>,
    /// Whether more follow in the direction that was asked for.
    pub more: bool,
    /// The totals of the list, unless there was no row to bring them.
    pub totals: Option<ConnectionTotals>,
}

/// A page of the tenant's own connections. One row more than asked is read to know whether others
/// follow.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    request: &PageRequest<ConnectionId>,
) -> Result<Stretch, StoreError> {
    let limit = i64::from(request.per_page) + 1;
    let (below, offset) = match request.start {
        Start::Offset(offset) => (Uuid::max(), i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::After(id) => (id.0, 0),
        Start::Before(id) => return list_before(db, filter, id, request.per_page).await,
    };
    // The inner select runs over the index alone, so that an offset does not read what it skips.
    let rows = match filter {
        ListFilter::All => {
            select!(with_totals
                "FROM (SELECT p.id FROM connections p WHERE p.id < $1 ORDER BY p.id DESC OFFSET $2 LIMIT $3) page
                 JOIN connections c ON c.id = page.id ORDER BY page.id DESC",
                below, offset, limit
            )
            .fetch_all(db)
            .await?
        }
        ListFilter::Active => {
            select!(with_totals
                "FROM (SELECT p.id FROM connections p WHERE p.is_active AND p.id < $1 ORDER BY p.id DESC OFFSET $2 LIMIT $3) page
                 JOIN connections c ON c.id = page.id ORDER BY page.id DESC",
                below, offset, limit
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(cut(rows, request.per_page))
}

/// The same for the pages that are asked for most (the first, and whatever follows a key), in one
/// round trip: the statement sets its tenant itself, for its own transaction, and reads after it.
///
/// The rows come by a lateral join on the setting, and a select with a volatile call is never pulled
/// up, so the setting is made before the scan begins. Were it not, policies would see no tenant and
/// show no row: it can fail, it cannot leak.
///
/// # Errors
/// As every statement.
pub async fn list_at_once(
    db: &Db,
    organization: OrganizationId,
    filter: ListFilter,
    after: Option<ConnectionId>,
    per_page: u32,
) -> Result<Stretch, StoreError> {
    let limit = i64::from(per_page) + 1;
    let below = after.map_or(Uuid::max(), |id| id.0);
    let organization = organization.to_string();
    let rows = match filter {
        ListFilter::All => {
            select!(with_totals
                "FROM (SELECT set_config('mooring.organization', $1, true) AS organization) tenant
                 CROSS JOIN LATERAL (SELECT p.* FROM connections p WHERE tenant.organization <> '' AND p.id < $2
                                     ORDER BY p.id DESC LIMIT $3) c ORDER BY c.id DESC",
                organization, below, limit
            )
            .fetch_all(db.app())
            .await?
        }
        ListFilter::Active => {
            select!(with_totals
                "FROM (SELECT set_config('mooring.organization', $1, true) AS organization) tenant
                 CROSS JOIN LATERAL (SELECT p.* FROM connections p WHERE tenant.organization <> '' AND p.is_active AND p.id < $2
                                     ORDER BY p.id DESC LIMIT $3) c ORDER BY c.id DESC",
                organization, below, limit
            )
            .fetch_all(db.app())
            .await?
        }
    };
    Ok(cut(rows, per_page))
}

async fn list_before(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    id: ConnectionId,
    per_page: u32,
) -> Result<Stretch, StoreError> {
    let limit = i64::from(per_page) + 1;
    let rows = match filter {
        ListFilter::All => {
            select!(with_totals
                "FROM connections c WHERE c.id > $1 ORDER BY c.id LIMIT $2",
                id.0,
                limit
            )
            .fetch_all(db)
            .await?
        }
        ListFilter::Active => {
            select!(with_totals
                "FROM connections c WHERE c.is_active AND c.id > $1 ORDER BY c.id LIMIT $2",
                id.0,
                limit
            )
            .fetch_all(db)
            .await?
        }
    };
    let mut stretch = cut(rows, per_page);
    stretch.connections.reverse();
    Ok(stretch)
}

fn cut(mut rows: Vec<Row>, per_page: u32) -> Stretch {
    let wanted = per_page as usize;
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let totals = match rows.first().and_then(|row| row.totals.as_deref()) {
        Some(&[own, own_active, shared, shared_active]) => Some(ConnectionTotals {
            own,
            own_active,
            shared,
            shared_active,
        }),
        _ => None,
    };
    Stretch {
        connections: rows.into_iter().map(Into::into).collect(),
        more,
        totals,
    }
}

/// The platform's shared connections, newest first: read under the platform's setting.
///
/// # Errors
/// As every statement.
pub async fn list_shared(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    offset: i64,
    limit: i64,
) -> Result<Vec<Connection>, StoreError> {
    let rows = select!(
        "FROM connections c WHERE c.allow_org_usage AND (c.is_active OR NOT $1) ORDER BY c.id DESC OFFSET $2 LIMIT $3",
        filter == ListFilter::Active, offset, limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
