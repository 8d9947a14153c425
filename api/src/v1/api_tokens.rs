//! API tokens.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::domain::ids::ApiTokenId;
use shared::domain::organization::ApiToken;
use shared::domain::secret::ExposeSecret;
use shared::flows::api_tokens::{self as flow, NewApiToken};

use crate::error::ApiError;
use crate::extract::{Body, Id, Listing, NoFilters, Permitted};
use crate::page::{ListReply, Plural};
use crate::reply::{Created, NoContent};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "API tokens";

impl Plural for ApiToken {
    const PLURAL: &'static str = "api_tokens";
}

/// A new API token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiTokenCreate {
    /// 1–100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// What it may do: a part of what the caller holds.
    #[schemars(length(min = 1))]
    permissions: Vec<String>,
    /// When it ends; never where absent.
    expires_at: Option<DateTime<Utc>>,
}

/// A token that was just made.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ApiTokenCreated {
    #[serde(flatten)]
    about: ApiToken,
    /// The secret (`mrg_…`), shown this once; `null` where an idempotency key repeats the
    /// answer.
    secret: Option<String>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_api_tokens",
    tag: TAG,
    summary: "List API tokens",
    description: "Newest first, without their secrets.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<NoFilters, ApiTokenId>,
) -> Result<ListReply<ApiToken>, ApiError> {
    let page = flow::list(&state.context, &permit, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.id,
        |row| row,
    ))
}

pub(crate) const CREATE: Doc = Doc {
    id: "create_api_token",
    tag: TAG,
    summary: "Make an API token",
    description: "The secret is in this answer and nowhere else: only its SHA-256 is stored.",
    problems: &[(422, "unknown_permission"), (422, "in_the_past")],
};

pub(crate) async fn create(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Body(body): Body<ApiTokenCreate>,
) -> Result<Created<ApiTokenCreated>, ApiError> {
    let new = NewApiToken {
        name: body.name,
        permissions: body.permissions,
        expires_at: body.expires_at,
    };
    let made = flow::create(&state.context, &permit, &new).await?;
    let kept = ApiTokenCreated {
        about: made.token,
        secret: None,
    };
    Ok(Created {
        body: ApiTokenCreated {
            secret: Some(made.secret.expose_secret().to_owned()),
            ..kept.clone()
        },
        location: None,
        kept: Some(kept),
    })
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_api_token",
    tag: TAG,
    summary: "Delete an API token",
    description: "It counts for nothing from the next call on.",
    problems: &[],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ApiTokenId>,
) -> Result<NoContent, ApiError> {
    flow::delete(&state.context, &permit, id).await?;
    Ok(NoContent)
}
