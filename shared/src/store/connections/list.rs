//! Pages of connections.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::row::{Row, select};
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::page::{PageRequest, Start};
use crate::store::error::StoreError;

/// Which connections a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFilter {
    /// All of the tenant.
    All,
    /// Only those that people want used.
    Active,
}

/// A page of the tenant's own connections, newest first, and whether more follow in its
/// direction. One row more than asked is read to know it.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    request: &PageRequest<ConnectionId>,
) -> Result<(Vec<Connection>, bool), StoreError> {
    let limit = i64::from(request.per_page) + 1;
    let (below, offset) = match request.start {
        Start::Offset(offset) => (Uuid::max(), i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::After(id) => (id.0, 0),
        Start::Before(id) => return list_before(db, filter, id, request.per_page).await,
    };
    // The inner select runs over the index alone, so that an offset does not read what it skips.
    let rows = match filter {
        ListFilter::All => {
            select!(
                "FROM (SELECT p.id FROM connections p WHERE p.id < $1 ORDER BY p.id DESC OFFSET $2 LIMIT $3) page
                 JOIN connections c ON c.id = page.id ORDER BY page.id DESC",
                below, offset, limit
            )
            .fetch_all(db)
            .await?
        }
        ListFilter::Active => {
            select!(
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

async fn list_before(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    id: ConnectionId,
    per_page: u32,
) -> Result<(Vec<Connection>, bool), StoreError> {
    let limit = i64::from(per_page) + 1;
    let rows = match filter {
        ListFilter::All => {
            select!(
                "FROM connections c WHERE c.id > $1 ORDER BY c.id LIMIT $2",
                id.0,
                limit
            )
            .fetch_all(db)
            .await?
        }
        ListFilter::Active => {
            select!(
                "FROM connections c WHERE c.is_active AND c.id > $1 ORDER BY c.id LIMIT $2",
                id.0,
                limit
            )
            .fetch_all(db)
            .await?
        }
    };
    let (mut connections, more) = cut(rows, per_page);
    connections.reverse();
    Ok((connections, more))
}

fn cut(mut rows: Vec<Row>, per_page: u32) -> (Vec<Connection>, bool) {
    let wanted = per_page as usize;
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    (rows.into_iter().map(Into::into).collect(), more)
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
