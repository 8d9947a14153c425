//! Connected repositories: what scanners may touch.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::ids::{ConnectedRepositoryId, ConnectionId};
use shared::domain::repository::ConnectedRepository;
use shared::flows::connected_repositories::{self as flow, Changes, NewConnectedRepository};

use super::connected_repository_view::ConnectedRepositoryView;
use crate::error::ApiError;
use crate::extract::{Body, Id, Listing, Permitted, present};
use crate::page::ListReply;
use crate::reply::{Created, NoContent, Reply, home};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Connected repositories";

/// A repository to connect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectedRepositoryCreate {
    /// The connection whose credential reads it: the organization's own, or a shared one.
    connection_id: ConnectionId,
    /// As the provider writes it: `owner/name`.
    full_name: String,
    /// Static analysis allowed.
    sast_enabled: bool,
    /// Dependency analysis allowed.
    sca_enabled: bool,
    /// The branch that scans read; the repository's default where absent.
    default_branch: Option<String>,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectedRepositoryUpdate {
    /// Static analysis allowed.
    sast_enabled: Option<bool>,
    /// Dependency analysis allowed.
    sca_enabled: Option<bool>,
    /// The branch that scans read; `null` leaves it to the repository.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    default_branch: Option<Option<String>>,
}

/// What the list is narrowed by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectedRepositoryFilters {
    /// Of one connection.
    connection_id: Option<ConnectionId>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_connected_repositories",
    tag: TAG,
    summary: "List connected repositories",
    description: "Newest first.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<ConnectedRepositoryFilters, ConnectedRepositoryId>,
) -> Result<ListReply<ConnectedRepositoryView>, ApiError> {
    let of = listing.filters.connection_id;
    let page = flow::list(&state.context, &permit, of, &listing.page).await?;
    let key = |row: &ConnectedRepository| row.id;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        key,
        Into::into,
    ))
}

pub(crate) const CREATE: Doc = Doc {
    id: "create_connected_repository",
    tag: TAG,
    summary: "Connect a repository",
    description: "It must be one that the connection sees.",
    problems: &[
        (409, "already_connected"),
        (422, "not_found"),
        (422, "required"),
        (502, "provider_unreachable"),
        (503, "provider_rate_limited"),
    ],
};

pub(crate) async fn create(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<ConnectedRepositoryCreate>,
) -> Result<Created<ConnectedRepositoryView>, ApiError> {
    let new = NewConnectedRepository {
        connection_id: body.connection_id,
        full_name: body.full_name,
        sast_enabled: body.sast_enabled,
        sca_enabled: body.sca_enabled,
        default_branch: body.default_branch,
    };
    let made = flow::connect(&state.context, &permit, &new).await?;
    let location = format!(
        "{}/connected-repositories/{}",
        home(made.organization_id),
        made.id
    );
    Ok(Created::at(made.into(), location))
}

pub(crate) const GET: Doc = Doc {
    id: "get_connected_repository",
    tag: TAG,
    summary: "Get a connected repository",
    description: "",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectedRepositoryId>,
) -> Result<Reply<ConnectedRepositoryView>, ApiError> {
    Ok(Reply(flow::get(&state.context, &permit, id).await?.into()))
}

pub(crate) const UPDATE: Doc = Doc {
    id: "update_connected_repository",
    tag: TAG,
    summary: "Change what scanners may do with a repository",
    description: "",
    problems: &[],
};

pub(crate) async fn update(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectedRepositoryId>,
    Body(body): Body<ConnectedRepositoryUpdate>,
) -> Result<Reply<ConnectedRepositoryView>, ApiError> {
    let changes = Changes {
        sast_enabled: body.sast_enabled,
        sca_enabled: body.sca_enabled,
        default_branch: body.default_branch,
    };
    let changed = flow::update(&state.context, &permit, id, &changes).await?;
    Ok(Reply(changed.into()))
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_connected_repository",
    tag: TAG,
    summary: "Disconnect a repository",
    description: "The repository itself stays as it is, here and at the provider.",
    problems: &[],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectedRepositoryId>,
) -> Result<NoContent, ApiError> {
    flow::disconnect(&state.context, &permit, id).await?;
    Ok(NoContent)
}
