//! Everything that happened to a connection.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::HeaderValue;
use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::ids::{ActivityId, ConnectionId};
use shared::domain::page::Start;
use shared::domain::quota::RateLimit;
use shared::domain::timeline::TimelineEntry;
use shared::flows::connections as flow;

use crate::error::ApiError;
use crate::extract::{Id, Listing, NoFilters, Permitted};
use crate::page::{Links, with_link};
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

/// A page of a connection's timeline.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Timeline")]
pub(crate) struct TimelineReply {
    /// What happened, newest first.
    entries: Vec<TimelineEntry>,
    /// The page, from 1.
    page: u32,
    /// Entries per page.
    per_page: u32,
    /// Entries in all; `null` beyond 10,000.
    total: Option<i64>,
    /// The provider's rate limit for the connection's credential, as last seen.
    budget: RateLimit,
    #[serde(skip)]
    #[schemars(skip)]
    link: Option<HeaderValue>,
}

impl IntoResponse for TimelineReply {
    fn into_response(mut self) -> Response {
        let link = self.link.take();
        with_link(Reply(self).into_response(), link)
    }
}

impl aide::OperationOutput for TimelineReply {
    type Inner = Self;
    fn inferred_responses(
        context: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        Reply::<Self>::inferred_responses(context, operation)
    }
}

pub(crate) const LIST: Doc = Doc {
    id: "list_connection_timeline",
    tag: "Connections",
    summary: "List what happened to a connection",
    description: "Newest first: renewals, rotations, validations, syncs, lent credentials, warnings, changes of status and of the connection itself, and what is left of its budget at the provider. Of a connection that the platform shares an organization sees what it did with it itself.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    listing: Listing<NoFilters, ActivityId>,
) -> Result<TimelineReply, ApiError> {
    let found = flow::timeline(&state.context, &permit, id, &listing.page).await?;
    let (page, asked) = (found.page, &listing.page);
    let key = |row: Option<&TimelineEntry>| row.map(|row| row.id);
    let links = Links {
        here: &listing.here,
        page: asked.page,
        per_page: asked.per_page,
        total: page.total,
        next: key(page.items.last().filter(|_| page.has_next)).map(Start::After),
        prev: key(page.items.first().filter(|_| page.has_prev)).map(Start::Before),
    };
    let link = links.header();
    Ok(TimelineReply {
        page: asked.page,
        per_page: asked.per_page,
        total: page.total,
        budget: found.budget,
        link,
        entries: page.items,
    })
}
