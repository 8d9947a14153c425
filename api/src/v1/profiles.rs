//! Application profiles: what a repository is made of.

use axum::extract::State;
use shared::domain::ids::RepositoryId;
use shared::domain::profile::ApplicationProfile;
use shared::flows::repositories as flow;

use crate::error::ApiError;
use crate::extract::{Id, Permitted};
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

pub(crate) const GET: Doc = Doc {
    id: "get_repository_profile",
    tag: "Repositories",
    summary: "Get a repository's application profile",
    description: "A `stub` from the moment a sync finds the repository.",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<RepositoryId>,
) -> Result<Reply<ApplicationProfile>, ApiError> {
    Ok(Reply(flow::profile(&state.context, &permit, id).await?))
}
