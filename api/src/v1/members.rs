//! Members of an organization.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::ids::UserId;
use shared::domain::organization::{Member, Role};
use shared::flows::members::{self as flow, NewMember};

use crate::error::ApiError;
use crate::extract::{Body, Id, Listing, NoFilters, Permitted};
use crate::page::{ListReply, Plural};
use crate::reply::{NoContent, Put, Reply};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Members";

impl Plural for Member {
    const PLURAL: &'static str = "members";
}

/// A member as it should be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberPut {
    /// The role.
    role: Role,
    /// A name to show; absent keeps the one that is known.
    #[schemars(length(max = 200))]
    name: Option<String>,
    /// An address to show; absent keeps the one that is known.
    #[schemars(length(max = 320))]
    email: Option<String>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_members",
    tag: TAG,
    summary: "List members",
    description: "The stored memberships, by user id. A user token that claims `organizations` counts by its claim instead.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<NoFilters, UserId>,
) -> Result<ListReply<Member>, ApiError> {
    let page = flow::list(&state.context, &permit, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.user_id,
        |row| row,
    ))
}

pub(crate) const GET: Doc = Doc {
    id: "get_member",
    tag: TAG,
    summary: "Get a member",
    description: "",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(user): Id<UserId>,
) -> Result<Reply<Member>, ApiError> {
    Ok(Reply(flow::get(&state.context, &permit, user).await?))
}

pub(crate) const PUT: Doc = Doc {
    id: "put_member",
    tag: TAG,
    summary: "Add a member or change its role",
    description: "Nobody gives a role that holds more than they do themselves; owners are made and unmade by owners. The last owner stays.",
    problems: &[(409, "last_owner"), (422, "invalid_email")],
};

pub(crate) async fn put(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(user): Id<UserId>,
    Body(body): Body<MemberPut>,
) -> Result<Put<Member>, ApiError> {
    let new = NewMember {
        role: body.role,
        name: body.name,
        email: body.email,
    };
    let (member, is_new) = flow::put(&state.context, &permit, user, &new).await?;
    Ok(Put {
        body: member,
        is_new,
    })
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_member",
    tag: TAG,
    summary: "Remove a member",
    description: "API tokens that the person made stay; delete them on their own.",
    problems: &[(409, "last_owner")],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(user): Id<UserId>,
) -> Result<NoContent, ApiError> {
    flow::remove(&state.context, &permit, user).await?;
    Ok(NoContent)
}
