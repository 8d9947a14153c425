//! The list of connections: one's own, newest first, then the platform's shared ones.
//!
//! Own and shared rows lie in two tenants and are read by two queries. The list is one: own rows
//! go by their ids, shared ones (few, and the same for everybody) by their position, and the
//! counters tell both totals, so that a page knows where it lies without counting. Without shared
//! connections (most installations) the second query never runs.

use uuid::Uuid;

use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::page::{Page, PageRequest, Start};
use crate::flows::{Context, Error};
use crate::store::connections::{self, ListFilter};
use crate::store::counters;

/// What a list of connections asks for.
#[derive(Clone, Debug)]
pub struct List {
    /// Only those that people want used.
    pub active_only: bool,
    /// Which page.
    pub page: PageRequest<ListKey>,
}

/// A place in the list: an own row by its id, a shared one by its position.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKey {
    /// An own row.
    Own(ConnectionId),
    /// The shared row before which so many others stand.
    Shared(u64),
}

/// A row of the list and its place.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its place.
    pub key: ListKey,
    /// The connection.
    pub connection: Connection,
}

/// What lies on a page: a stretch of own rows, then a stretch of shared ones.
struct Stretch {
    own: Option<Start<ConnectionId>>,
    /// Own rows at most; the shared rows fill what is left of the page.
    own_at_most: u32,
    /// The position of the first shared row, and how many at most.
    shared_from: u64,
    shared_at_most: u32,
}

/// A page of the connections that the permit's organization sees.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(context: &Context, permit: &Permit, list: &List) -> Result<Page<Listed>, Error> {
    let filter = if list.active_only {
        ListFilter::Active
    } else {
        ListFilter::All
    };
    let mut stretch = stretch(&list.page);
    let backwards = matches!(list.page.start, Start::Before(_));
    let organization = permit.organization();
    let found = own_rows(context, organization, filter, &stretch).await?;
    let totals = match found.totals {
        Some(totals) => totals,
        None => counters::connections(&mut *context.db.tenant(organization).await?).await?,
    };
    let (own, more_own) = (found.connections, found.more);
    let (own_total, shared_total) = match filter {
        ListFilter::All => (totals.own, totals.shared),
        ListFilter::Active => (totals.own_active, totals.shared_active),
    };
    let shared_total = if permit.organization().is_platform() {
        0
    } else {
        shared_total
    };
    if let Start::Offset(offset) = list.page.start {
        stretch.shared_from = offset.saturating_sub(u64::try_from(own_total).unwrap_or(0));
    }
    let room = if backwards {
        stretch.shared_at_most
    } else {
        let taken = u32::try_from(own.len()).unwrap_or(u32::MAX);
        stretch.shared_at_most.saturating_sub(taken)
    };
    let begins_shared = backwards || !more_own;
    let shared = if begins_shared && room > 0 && has_rows(stretch.shared_from, shared_total) {
        shared_rows(context, filter, stretch.shared_from, room).await?
    } else {
        Vec::new()
    };

    let shown = stretch.shared_from + shared.len() as u64;
    let has_next = backwards || more_own || has_rows(shown, shared_total);
    let has_prev = match list.page.start {
        Start::Offset(offset) => offset > 0,
        Start::After(_) => true,
        Start::Before(_) if stretch.own.is_some() => more_own,
        // Before a shared row, a whole page of shared rows: what precedes it is shared or own.
        Start::Before(_) => stretch.shared_from > 0 || own_total > 0,
    };
    let own_rows = own.into_iter().map(|connection| Listed {
        key: ListKey::Own(connection.id),
        connection,
    });
    let shared = (stretch.shared_from..)
        .zip(shared)
        .map(|(position, connection)| Listed {
            key: ListKey::Shared(position),
            connection,
        });
    Ok(Page {
        items: own_rows.chain(shared).collect(),
        total: Some(own_total + shared_total),
        has_next,
        has_prev,
    })
}

/// For an offset, where the shared rows begin follows from the totals.
fn stretch(page: &PageRequest<ListKey>) -> Stretch {
    let per_page = page.per_page;
    let (own, own_at_most, shared_from, shared_at_most) = match &page.start {
        Start::Offset(offset) => (Some(Start::Offset(*offset)), per_page, 0, per_page),
        Start::After(ListKey::Own(id)) => (Some(Start::After(*id)), per_page, 0, per_page),
        Start::After(ListKey::Shared(position)) => (None, 0, position + 1, per_page),
        Start::Before(ListKey::Own(id)) => (Some(Start::Before(*id)), per_page, 0, 0),
        Start::Before(ListKey::Shared(position)) => {
            match u32::try_from(*position).ok().filter(|p| *p < per_page) {
                // The oldest own rows fill the page.
                Some(before) => {
                    let oldest = Start::Before(ConnectionId(Uuid::nil()));
                    (Some(oldest), per_page - before, 0, before)
                }
                None => (None, 0, position - u64::from(per_page), per_page),
            }
        }
    };
    Stretch {
        own,
        own_at_most,
        shared_from,
        shared_at_most,
    }
}

async fn own_rows(
    context: &Context,
    organization: OrganizationId,
    filter: ListFilter,
    stretch: &Stretch,
) -> Result<connections::Stretch, Error> {
    let Some(start) = stretch.own.clone() else {
        return Ok(connections::Stretch::default());
    };
    let per_page = stretch.own_at_most;
    let after = match start {
        Start::Offset(0) => None,
        Start::After(id) => Some(id),
        start => {
            let request = PageRequest {
                page: 1,
                per_page,
                start,
            };
            let mut tx = context.db.tenant(organization).await?;
            return Ok(connections::list(&mut *tx, filter, &request).await?);
        }
    };
    Ok(connections::list_at_once(&context.db, organization, filter, after, per_page).await?)
}

/// By a second query under the platform's setting.
async fn shared_rows(
    context: &Context,
    filter: ListFilter,
    from: u64,
    at_most: u32,
) -> Result<Vec<Connection>, Error> {
    let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    Ok(connections::list_shared(&mut *tx, filter, from, i64::from(at_most)).await?)
}

fn has_rows(from: u64, total: i64) -> bool {
    i64::try_from(from).is_ok_and(|from| from < total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Start<ListKey>) -> Stretch {
        let page = PageRequest {
            page: 1,
            per_page: 10,
            start,
        };
        stretch(&page)
    }

    #[test]
    fn going_back_from_the_shared_rows_reaches_the_oldest_own_ones() {
        let near = at(Start::Before(ListKey::Shared(3)));
        assert_eq!(
            (near.own_at_most, near.shared_from, near.shared_at_most),
            (7, 0, 3)
        );
        assert_eq!(near.own, Some(Start::Before(ConnectionId(Uuid::nil()))));
        let far = at(Start::Before(ListKey::Shared(13)));
        assert_eq!(
            (far.own_at_most, far.shared_from, far.shared_at_most),
            (0, 3, 10)
        );
        assert_eq!(far.own, None);
        let on = at(Start::After(ListKey::Shared(13)));
        assert_eq!(on.shared_from, 14);
    }
}
