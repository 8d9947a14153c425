//! Connections.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::ids::ConnectionId;
use shared::flows::connections::{self as flow, List, ListKey, Validation};

use super::connection_body::{ConnectionCreate, ConnectionUpdate};
use super::connection_view::ConnectionView;
use crate::error::ApiError;
use crate::extract::{Body, Id, Listing, Parameters, Permitted};
use crate::page::ListReply;
use crate::reply::{Created, NoContent, Reply, home};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Connections";

/// Which connections a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionFilters {
    /// Only those with `is_active`; the status does not matter.
    #[serde(default)]
    active_only: bool,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_connections",
    tag: TAG,
    summary: "List connections",
    description: "The organization's own, newest first, then the platform's shared ones (`level: \"platform\"`).",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<ConnectionFilters, ListKey>,
) -> Result<ListReply<ConnectionView>, ApiError> {
    let list = List {
        active_only: listing.filters.active_only,
        page: listing.page,
    };
    let page = flow::list(&state.context, &permit, &list).await?;
    Ok(ListReply::new(
        &listing.here,
        &list.page,
        page,
        |row| row.key.clone(),
        |row| row.connection.into(),
    ))
}

pub(crate) const CREATE: Doc = Doc {
    id: "create_connection",
    tag: TAG,
    summary: "Make a connection",
    description: "The credential is checked at the provider before it is stored. Refused there: 422 and nothing is stored. Out of reach: 201 with `status: \"error\"`, and it is tried again. A first sync follows by itself.\n\n`github_app` takes the App's id, the installation's id and the App's private key: the key is stored sealed, tokens are made from it as they are needed and kept in memory alone. An installation that this organization has connected already is not connected twice: that connection takes the key and heals in place, and so does the connection of an account that uninstalled the App and installed it anew; name and description stay.",
    problems: &[
        (422, "required"),
        (422, "too_long"),
        (422, "invalid_token"),
        (422, "invalid_private_key"),
        (422, "unknown_installation"),
        (422, "suspended"),
        (422, "unsupported_combination"),
        (422, "wrong_provider_token"),
        (422, "blocked_address"),
    ],
};

pub(crate) async fn create(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<ConnectionCreate>,
) -> Result<Created<ConnectionView>, ApiError> {
    let redirect_uri = state.settings.redirect_uri(body.provider());
    let made = flow::create(&state.context, &permit, &body.into_new(redirect_uri)?).await?;
    let location = format!("{}/git-connections/{}", home(made.organization_id), made.id);
    Ok(Created::at(made.into(), location))
}

pub(crate) const TEST: Doc = Doc {
    id: "test_connection",
    tag: TAG,
    summary: "Test a credential without storing it",
    description: "Takes the body of a new connection. A refusal by the provider is an answer (`valid: false`), not a problem.",
    problems: &[
        (422, "unsupported_combination"),
        (422, "wrong_provider_token"),
        (422, "blocked_address"),
    ],
};

pub(crate) async fn test(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<ConnectionCreate>,
) -> Result<Reply<Validation>, ApiError> {
    Ok(Reply(
        flow::test(&state.context, &permit, &body.into_new(None)?).await?,
    ))
}

pub(crate) const GET: Doc = Doc {
    id: "get_connection",
    tag: TAG,
    summary: "Get a connection",
    description: "The organization's own, or a shared one of the platform.",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
) -> Result<Reply<ConnectionView>, ApiError> {
    Ok(Reply(flow::find(&state.context, &permit, id).await?.into()))
}

pub(crate) const UPDATE: Doc = Doc {
    id: "update_connection",
    tag: TAG,
    summary: "Change a connection",
    description: "A new token is checked like the first one and heals the connection in place. A shared connection of the platform cannot be changed here (403).",
    problems: &[(422, "invalid_token"), (422, "unsupported_combination")],
};

pub(crate) async fn update(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    Body(body): Body<ConnectionUpdate>,
) -> Result<Reply<ConnectionView>, ApiError> {
    let found = flow::find_own(&state.context, &permit, id).await?;
    let redirect_uri = state.settings.redirect_uri(found.provider);
    let changes = body.into_changes(redirect_uri);
    let changed = flow::update(&state.context, &permit, id, &changes).await?;
    Ok(Reply(changed.into()))
}

/// How a connection is deleted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteParameters {
    /// Also where connected repositories depend on it: they go too.
    #[serde(default)]
    force: bool,
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_connection",
    tag: TAG,
    summary: "Delete a connection",
    description: "With its credential, repositories and runs.",
    problems: &[(409, "connection_in_use")],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    Parameters(how): Parameters<DeleteParameters>,
) -> Result<NoContent, ApiError> {
    flow::delete(&state.context, &permit, id, how.force).await?;
    Ok(NoContent)
}

pub(crate) const VALIDATE: Doc = Doc {
    id: "validate_connection",
    tag: TAG,
    summary: "Ask the provider whether the credential works",
    description: "A refusal is an answer (`valid: false`, with the health that it leads to), not a problem.",
    problems: &[],
};

pub(crate) async fn validate(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
) -> Result<Reply<Validation>, ApiError> {
    Ok(Reply(flow::validate(&state.context, &permit, id).await?))
}
