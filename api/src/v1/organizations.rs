//! Organizations.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::ids::OrganizationId;
use shared::domain::organization::Organization;
use shared::flows::organizations::{self as flow, Changes, NewOrganization};
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{Body, Listing, NoFilters, Permitted, Who, present};
use crate::page::{ListReply, Plural};
use crate::reply::{Created, NoContent, Reply, home};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Organizations";

impl Plural for Organization {
    const PLURAL: &'static str = "organizations";
}

/// A new organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationCreate {
    /// The platform's own id of it; a new one where absent.
    id: Option<Uuid>,
    /// 1–100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// A short name for URLs: lower-case letters, digits and single hyphens.
    #[schemars(length(min = 1, max = 63))]
    slug: Option<String>,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationUpdate {
    /// 1–100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    slug: Option<Option<String>>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_organizations",
    tag: TAG,
    summary: "List the caller's organizations",
    description: "Those that a person belongs to, the one of an API token, all of them for `portal_admin`; by id.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Who(caller): Who,
    listing: Listing<NoFilters, OrganizationId>,
) -> Result<ListReply<Organization>, ApiError> {
    let page = flow::list(&state.context, &caller, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.id,
        |row| row,
    ))
}

pub(crate) const CREATE: Doc = Doc {
    id: "create_organization",
    tag: TAG,
    summary: "Make an organization",
    description: "It has no members yet: add its first owner with `PUT …/members/{user_id}`.",
    problems: &[
        (409, "organization_exists"),
        (409, "slug_taken"),
        (422, "invalid_slug"),
    ],
};

pub(crate) async fn create(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<OrganizationCreate>,
) -> Result<Created<Organization>, ApiError> {
    let new = NewOrganization {
        id: body.id,
        name: body.name,
        slug: body.slug,
    };
    let made = flow::create(&state.context, &permit, &new).await?;
    let location = home(made.id);
    Ok(Created::at(made, location))
}

pub(crate) const GET: Doc = Doc {
    id: "get_organization",
    tag: TAG,
    summary: "Get an organization",
    description: "",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
) -> Result<Reply<Organization>, ApiError> {
    Ok(Reply(flow::get(&state.context, &permit).await?))
}

pub(crate) const UPDATE: Doc = Doc {
    id: "update_organization",
    tag: TAG,
    summary: "Change an organization's name or slug",
    description: "",
    problems: &[(409, "slug_taken"), (422, "invalid_slug")],
};

pub(crate) async fn update(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<OrganizationUpdate>,
) -> Result<Reply<Organization>, ApiError> {
    let changes = Changes {
        name: body.name,
        slug: body.slug,
    };
    Ok(Reply(
        flow::update(&state.context, &permit, &changes).await?,
    ))
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_organization",
    tag: TAG,
    summary: "Delete an organization with everything in it",
    description: "Connections, credentials, repositories, jobs, members and tokens go; its activity log moves to the platform's archive. The id cannot be used again.",
    problems: &[(409, "organization_busy")],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
) -> Result<NoContent, ApiError> {
    flow::delete(&state.context, &permit).await?;
    state.forget(permit.organization());
    Ok(NoContent)
}
