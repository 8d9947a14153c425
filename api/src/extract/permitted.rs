//! What the guard found: a handler cannot make it, only ask for it.

use axum::extract::FromRequestParts;
use http::request::Parts;
use shared::authz::{CallContext, Caller, Permit};

use crate::error::ApiError;
use crate::problem::Problem;
use crate::state::ApiState;

/// Left in the request by the guard.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// Who calls.
    pub caller: std::sync::Arc<Caller>,
    /// The call, for a permit that only the body tells the place of.
    pub call: CallContext,
    /// What they may do, where the route belongs to an organization or the platform.
    pub permit: Option<Permit>,
}

/// The permit of a route that has one.
#[derive(Debug)]
pub(crate) struct Permitted(pub Permit);

/// The caller of a route that needs one.
#[derive(Debug)]
pub(crate) struct Who(pub std::sync::Arc<Caller>);

/// The caller and the call, of a route whose body tells where.
#[derive(Debug)]
pub(crate) struct Asking(pub Admitted);

impl aide::OperationInput for Asking {}
impl aide::OperationInput for Permitted {}
impl aide::OperationInput for Who {}

impl FromRequestParts<ApiState> for Permitted {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Admitted>()
            .and_then(|admitted| admitted.permit.clone())
            .map(Self)
            .ok_or_else(unguarded)
    }
}

impl FromRequestParts<ApiState> for Who {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Admitted>()
            .map(|admitted| Self(admitted.caller.clone()))
            .ok_or_else(unguarded)
    }
}

impl FromRequestParts<ApiState> for Asking {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        let admitted = parts.extensions.get::<Admitted>();
        admitted.cloned().map(Self).ok_or_else(unguarded)
    }
}

/// A route whose access is too wide for its handler: closed, and loud.
fn unguarded() -> ApiError {
    tracing::error!("a handler wants a permit that its route does not ask for");
    Problem::internal().into()
}
