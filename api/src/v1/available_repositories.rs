//! The live picker.

use axum::extract::State;
use shared::flows::repositories::{self as flow, Available};

use crate::error::ApiError;
use crate::extract::Permitted;
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

pub(crate) const LIST: Doc = Doc {
    id: "list_available_repositories",
    tag: "Repositories",
    summary: "List what may be picked",
    description: "Everything that the identities of all active connections, own and shared ones, may \
        write to, as the providers tell now; 10 seconds per connection. A connection that could not \
        be listed is in `errors`, and the others are there all the same.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
) -> Result<Reply<Available>, ApiError> {
    Ok(Reply(flow::available(&state.context, &permit).await?))
}
