//! Syncs of a connection.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::ids::{ConnectionId, SyncRunId};
use shared::domain::sync::SyncRun;
use shared::flows::sync as flow;

use crate::error::ApiError;
use crate::extract::{Id, Listing, NoFilters, OptionalBody, Permitted};
use crate::page::{ListReply, Plural};
use crate::reply::Accepted;
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Syncs";

impl Plural for SyncRun {
    const PLURAL: &'static str = "syncs";
}

/// How to sync.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncRequest {
    /// Read every page anew, also those that the provider says are unchanged.
    #[serde(default)]
    full: bool,
}

pub(crate) const REQUEST: Doc = Doc {
    id: "sync_connection",
    tag: TAG,
    summary: "Sync a connection's repositories",
    description: "One sync per connection runs at a time: a second call answers the running job.",
    problems: &[
        (409, "connection_inactive"),
        (409, "connection_disconnected"),
    ],
};

pub(crate) async fn request(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    OptionalBody(body): OptionalBody<SyncRequest>,
) -> Result<Accepted, ApiError> {
    Ok(Accepted(
        flow::request(&state.context, &permit, id, body.full).await?,
    ))
}

pub(crate) const LIST: Doc = Doc {
    id: "list_syncs",
    tag: TAG,
    summary: "List the runs of a connection's sync",
    description: "Newest first. A run that is not `complete` removed nothing; `incomplete_reason` says why.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    listing: Listing<NoFilters, SyncRunId>,
) -> Result<ListReply<SyncRun>, ApiError> {
    let page = flow::list(&state.context, &permit, id, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.id,
        |row| row,
    ))
}
