//! Branches of a repository, live.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::domain::ids::ConnectionId;
use shared::domain::page::MAX_PER_PAGE;
use shared::domain::repository::Branch;
use shared::flows::repositories as flow;
use shared::providers::BranchQuery;

use super::repositories::{neighbours, page_of};
use crate::error::ApiError;
use crate::extract::{Id, Listing, Permitted};
use crate::page::with_link;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

/// Which branches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BranchFilters {
    /// `owner/name`, as the provider writes it.
    repo: String,
    /// Text that the name contains.
    search: Option<String>,
}

/// A page of branches.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Branches {
    branches: Vec<Branch>,
    page: u32,
    per_page: u32,
    #[serde(skip)]
    #[schemars(skip)]
    link: Option<HeaderValue>,
}

impl IntoResponse for Branches {
    fn into_response(mut self) -> Response {
        let link = self.link.take();
        with_link(Reply(self).into_response(), link)
    }
}

impl aide::OperationOutput for Branches {
    type Inner = Self;
    fn inferred_responses(
        context: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        Reply::<Self>::inferred_responses(context, operation)
    }
}

pub(crate) const LIST: Doc = Doc {
    id: "list_branches",
    tag: "Repositories",
    summary: "List the branches of a repository",
    description: "As the provider tells now; 100 per page where the call names no number.",
    problems: &[
        (422, "required"),
        (422, "credential_refused"),
        (502, "provider_unreachable"),
        (503, "provider_rate_limited"),
    ],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    listing: Listing<BranchFilters, u64, MAX_PER_PAGE>,
) -> Result<Branches, ApiError> {
    let full_name = listing.filters.repo.trim();
    if full_name.is_empty() {
        return Err(
            Problem::field("repo", "required", "Name the repository: repo=owner/name.").into(),
        );
    }
    let page = page_of(&listing)?;
    let query = BranchQuery {
        full_name: full_name.to_owned(),
        search: listing
            .filters
            .search
            .clone()
            .filter(|text| !text.is_empty()),
        page,
        per_page: listing.page.per_page,
    };
    let found = flow::branches(&state.context, &permit, id, &query).await?;
    let link = neighbours(&listing, page, found.has_next, None);
    Ok(Branches {
        branches: found.branches,
        page,
        per_page: query.per_page,
        link,
    })
}
