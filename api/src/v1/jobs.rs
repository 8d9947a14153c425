//! Jobs.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::ids::{ConnectionId, JobId};
use shared::domain::job::{Job, JobStatus};
use shared::flows::jobs::{self as flow, Filter};

use crate::error::ApiError;
use crate::extract::{Id, Listing, Permitted};
use crate::page::{ListReply, Plural};
use crate::reply::{Accepted, Reply};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Jobs";

impl Plural for Job {
    const PLURAL: &'static str = "jobs";
}

/// What the list is narrowed by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobFilters {
    /// Of this kind.
    kind: Option<String>,
    /// Standing so.
    status: Option<JobStatus>,
    /// About this connection.
    connection_id: Option<ConnectionId>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_jobs",
    tag: TAG,
    summary: "List jobs",
    description: "Newest first. Jobs that ended well are kept for 14 days, failed ones for 90.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<JobFilters, JobId>,
) -> Result<ListReply<Job>, ApiError> {
    let filter = Filter {
        kind: listing.filters.kind,
        status: listing.filters.status,
        connection_id: listing.filters.connection_id,
    };
    let page = flow::list(&state.context, &permit, &filter, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.id,
        |row| row,
    ))
}

pub(crate) const GET: Doc = Doc {
    id: "get_job",
    tag: TAG,
    summary: "Get a job",
    description: "With its progress while it runs, and its result or error after.",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<JobId>,
) -> Result<Reply<Job>, ApiError> {
    Ok(Reply(flow::get(&state.context, &permit, id).await?))
}

pub(crate) const RETRY: Doc = Doc {
    id: "retry_job",
    tag: TAG,
    summary: "Run a failed or cancelled job again",
    description: "Answers the job that does the work now, which is another one where the same work was asked for meanwhile.",
    problems: &[(409, "job_not_failed"), (409, "job_standing")],
};

pub(crate) async fn retry(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<JobId>,
) -> Result<Accepted, ApiError> {
    Ok(Accepted(flow::retry(&state.context, &permit, id).await?))
}

pub(crate) const CANCEL: Doc = Doc {
    id: "cancel_job",
    tag: TAG,
    summary: "Cancel a job",
    description: "A queued job ends at once, a running one within a second; one that ended already stays as it is.",
    problems: &[],
};

pub(crate) async fn cancel(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<JobId>,
) -> Result<Reply<Job>, ApiError> {
    Ok(Reply(flow::cancel(&state.context, &permit, id).await?))
}
