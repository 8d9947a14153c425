//! Ids in paths. What is no UUID names nothing: 404.

use aide::OperationInput;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use shared::domain::ids::{
    ApiTokenId, ConnectedRepositoryId, ConnectionId, CredentialLeaseId, JobId, ProviderConfigId,
    RepositoryId, UserId, WebhookDeliveryId,
};
use uuid::Uuid;

use crate::error::ApiError;
use crate::problem::Problem;
use crate::state::ApiState;

/// An id that stands in paths.
pub(crate) trait PathId: From<Uuid> {
    /// The name of the parameter.
    const PARAMETER: &'static str;
    /// What it names, for the 404.
    const THING: &'static str;
}

macro_rules! path_ids {
    ($($id:ident: $parameter:literal, $thing:literal;)+) => {$(
        impl PathId for $id {
            const PARAMETER: &'static str = $parameter;
            const THING: &'static str = $thing;
        }
    )+};
}

path_ids! {
    ConnectionId: "connection_id", "connection";
    RepositoryId: "repository_id", "repository";
    ConnectedRepositoryId: "connected_repository_id", "connected repository";
    JobId: "job_id", "job";
    UserId: "user_id", "member";
    CredentialLeaseId: "lease_id", "lease";
    ApiTokenId: "token_id", "API token";
    WebhookDeliveryId: "delivery_id", "delivery";
    ProviderConfigId: "config_id", "provider configuration";
}

/// An id of the path.
#[derive(Debug)]
pub(crate) struct Id<I>(pub I);

impl<I> OperationInput for Id<I> {}

impl<I: PathId + Send> FromRequestParts<ApiState> for Id<I> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let missing = || ApiError::from(Problem::not_found(I::THING));
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| missing())?;
        params
            .iter()
            .find(|(name, _)| *name == I::PARAMETER)
            .and_then(|(_, text)| parse(text))
            .map(|id| Self(id.into()))
            .ok_or_else(missing)
    }
}

/// One spelling per id: hyphenated.
pub(crate) fn parse(text: &str) -> Option<Uuid> {
    if text.len() == 36 {
        Uuid::try_parse(text).ok()
    } else {
        None
    }
}
