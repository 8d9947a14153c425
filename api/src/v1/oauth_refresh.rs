//! Renewing a token because somebody asks.

use axum::extract::State;
use http::StatusCode;
use shared::authz::{Need, Permission};
use shared::domain::ids::ConnectionId;
use shared::flows::connections::{self as flow, Refreshed};

use crate::error::ApiError;
use crate::extract::{Asking, Id};
use crate::middleware::permit_in;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

pub(crate) const REFRESH: Doc = Doc {
    id: "refresh_connection",
    tag: "OAuth",
    summary: "Renew a connection's token now",
    description: "Through the same door as the sweep: where a renewal is under way, its outcome is this answer. A token that cannot be renewed, or not now, answers `success: false` with why. Needs `org.git.connections.use` where the connection belongs.",
    problems: &[(403, "permission_denied"), (404, "not_found")],
};

pub(crate) async fn refresh(
    State(state): State<ApiState>,
    Asking(asking): Asking,
    Id(id): Id<ConnectionId>,
) -> Result<Reply<Refreshed>, ApiError> {
    let owner = flow::organization_of(&state.context, id).await?;
    let Some(owner) = owner else {
        return Err(Problem::not_found("connection").into());
    };
    let need = Need::Permission(Permission::ConnectionsUse);
    let permit = permit_in(&state, &asking.caller, owner, need, &asking.call).await;
    // Another tenant's connection is not there, and neither is its organization.
    let permit = permit.map_err(|refused| match refused.0.status {
        StatusCode::NOT_FOUND => Problem::not_found("connection").into(),
        _ => refused,
    })?;
    Ok(Reply(flow::refresh(&state.context, &permit, id).await?))
}
