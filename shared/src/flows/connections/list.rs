//! The list of connections: one's own, newest first, then the platform's shared ones.
//!
//! Own and shared rows lie in two tenants and are read by two queries. The list is one: own rows
//! first, shared ones after them, and the counters tell both totals, so that a page knows where it
//! lies without counting. Without shared connections (most installations) the second query never
//! runs.

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
    /// So many shared rows have been shown.
    Shared(u64),
}

/// A page of the connections that the permit's organization sees.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    list: &List,
) -> Result<Page<Connection>, Error> {
    let filter = if list.active_only {
        ListFilter::Active
    } else {
        ListFilter::All
    };
    let per_page = list.page.per_page;
    let mut tx = context.db.tenant(permit.organization()).await?;
    let totals = counters::connections(&mut *tx).await?;
    let (own_total, mut shared_total) = match filter {
        ListFilter::All => (totals.own, totals.shared),
        ListFilter::Active => (totals.own_active, totals.shared_active),
    };
    if permit.organization().is_platform() {
        shared_total = 0;
    }
    let own_request = match &list.page.start {
        Start::Offset(offset) => Some(Start::Offset(*offset)),
        Start::After(ListKey::Own(id)) => Some(Start::After(*id)),
        Start::Before(ListKey::Own(id)) => Some(Start::Before(*id)),
        Start::After(ListKey::Shared(_)) | Start::Before(ListKey::Shared(_)) => None,
    };
    let (mut items, more_own) = match own_request {
        Some(start) => {
            let request = PageRequest {
                page: list.page.page,
                per_page,
                start,
            };
            connections::list(&mut *tx, filter, &request).await?
        }
        None => (Vec::new(), false),
    };
    drop(tx);

    let backwards = matches!(list.page.start, Start::Before(ListKey::Own(_)));
    let room = per_page as usize - items.len().min(per_page as usize);
    // Where the shared rows begin on this page.
    let skip = match &list.page.start {
        Start::Offset(offset) => i64::try_from(*offset)
            .unwrap_or(i64::MAX)
            .saturating_sub(own_total)
            .max(0),
        Start::After(ListKey::Shared(shown)) => i64::try_from(*shown).unwrap_or(i64::MAX),
        Start::Before(ListKey::Shared(shown)) => {
            i64::try_from(shown.saturating_sub(u64::from(per_page))).unwrap_or(0)
        }
        Start::After(ListKey::Own(_)) | Start::Before(ListKey::Own(_)) => 0,
    };
    let mut has_next = more_own || (!backwards && skip < shared_total);
    if !backwards && !more_own && room > 0 && skip < shared_total {
        let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
        let limit = i64::try_from(room).unwrap_or(i64::MAX);
        let mut shared = connections::list_shared(&mut *tx, filter, skip, limit + 1).await?;
        has_next = shared.len() > room;
        shared.truncate(room);
        items.extend(shared);
    }
    let has_prev = match &list.page.start {
        Start::Offset(offset) => *offset > 0,
        Start::After(_) => true,
        Start::Before(_) => more_own,
    };
    if backwards {
        has_next = true;
    }
    Ok(Page {
        items,
        total: Some(own_total + shared_total),
        has_next,
        has_prev,
    })
}
