//! Who is it, may they, how often: asked of every route, by the route's own access.
//!
//! The order of the answers: no credential 401, another tenant 404, a missing permission 403, a
//! caller's own limit 429; then the key of a repeated call, and only then the request's content.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use shared::authz::{
    CallContext, Caller, Need, Permit, RequestInfo, Unauthenticated, require, require_signed_in,
};
use shared::domain::ids::OrganizationId;
use shared::flows::callers::authenticate;

use super::edge::PeerAddress;
use super::idempotency;
use super::request_id::CallId;
use crate::error::{ApiError, unauthenticated};
use crate::extract::{Admitted, parse_id};
use crate::problem::Problem;
use crate::route::{Access, Route};
use crate::state::ApiState;

/// Around every route.
pub(crate) async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let Some(route) = request.extensions().get::<&'static Route>().copied() else {
        return Problem::internal().into_response();
    };
    if matches!(route.access, Access::Anyone | Access::Provider) {
        return next.run(request).await;
    }
    // A body cannot be looked at from two sides at once, so the head goes alone.
    let (parts, body) = request.into_parts();
    let admitted = match admit(&state, route, &parts).await {
        Ok(admitted) => admitted,
        Err(error) => return error.into_response(),
    };
    let mut request = Request::from_parts(parts, body);
    let span = tracing::Span::current();
    span.record("caller", tracing::field::display(admitted.caller.id()));
    if let Some(permit) = &admitted.permit {
        span.record(
            "organization",
            tracing::field::display(permit.organization()),
        );
    }
    request.extensions_mut().insert(admitted.clone());
    if route.changes() && request.headers().contains_key(idempotency::HEADER) {
        return idempotency::once(&state, &admitted, request, next).await;
    }
    next.run(request).await
}

/// What a call was admitted by, to ask again while its answer goes on.
pub(crate) struct Standing {
    route: &'static Route,
    head: Parts,
}

impl aide::OperationInput for Standing {}

impl FromRequestParts<ApiState> for Standing {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        let route = parts.extensions.get::<&'static Route>().copied();
        Ok(Self {
            route: route.ok_or_else(Problem::internal)?,
            head: parts.clone(),
        })
    }
}

impl Standing {
    /// Whether the same call would still be let in: its token has not ended, its permission has not
    /// been taken away. Where that cannot be found out now, nothing has changed.
    pub(crate) async fn holds(&self, state: &ApiState) -> bool {
        match entitle(state, self.route, &self.head).await {
            Ok(_) => true,
            Err(error) => error.0.status.is_server_error(),
        }
    }
}

async fn admit(
    state: &ApiState,
    route: &'static Route,
    head: &Parts,
) -> Result<Admitted, ApiError> {
    let admitted = entitle(state, route, head).await?;
    if let Err(wait) = state
        .throttle
        .take(admitted.caller.id(), route.changes(), Instant::now())
    {
        let at = state.context.clock.now()
            + chrono::TimeDelta::from_std(wait).unwrap_or(chrono::TimeDelta::seconds(60));
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "You call more often than you may. Wait as long as Retry-After says.",
        )
        .retry_at(at)
        .into());
    }
    Ok(admitted)
}

/// Who calls, and what they may do there.
async fn entitle(
    state: &ApiState,
    route: &'static Route,
    head: &Parts,
) -> Result<Admitted, ApiError> {
    let credential = bearer(&head.headers)?;
    let caller = authenticate(&state.context, &state.verifier, credential).await?;
    let call = CallContext {
        request: request_info(head),
        changes: route.changes(),
        require_aal2: state.settings.require_aal2,
    };
    let permit = match route.access {
        Access::Anyone | Access::Provider | Access::SignedIn => {
            require_signed_in(&caller, &call)?;
            None
        }
        Access::Platform(need) => Some(require(&caller, OrganizationId::PLATFORM, need, &call)?),
        Access::Organization(need) => {
            let missing = || ApiError::from(Problem::not_found("organization"));
            let id = organization_of(head.uri.path()).ok_or_else(missing)?;
            // The platform's own row has no place among the organizations.
            if id.is_platform() {
                return Err(missing());
            }
            Some(permit_in(state, &caller, id, need, &call).await?)
        }
    };
    Ok(Admitted {
        caller: Arc::new(caller),
        call,
        permit,
    })
}

/// A permit in an organization that is there.
pub(crate) async fn permit_in(
    state: &ApiState,
    caller: &Caller,
    id: OrganizationId,
    need: Need,
    call: &CallContext,
) -> Result<Permit, ApiError> {
    let permit = require(caller, id, need, call)?;
    // A token's row points at its organization; a user token may claim anything.
    if !id.is_platform() && matches!(caller, Caller::User(_)) && !state.knows(id).await? {
        return Err(Problem::not_found("organization").into());
    }
    Ok(permit)
}

/// What the activity log keeps of a request.
pub(crate) fn request_info(head: &Parts) -> RequestInfo {
    RequestInfo {
        request_id: head.extensions.get::<CallId>().map(|id| id.0.to_string()),
        ip: head
            .extensions
            .get::<PeerAddress>()
            .map(|peer| peer.0.to_string()),
    }
}

/// The credential of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || unauthenticated(Unauthenticated::Missing);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(unauthenticated(Unauthenticated::Invalid(
            "there is more than one Authorization header",
        )));
    }
    let text = value.to_str().map_err(|_| missing())?;
    let (scheme, credential) = text.split_once(' ').ok_or_else(missing)?;
    let credential = credential.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || credential.is_empty() {
        return Err(missing());
    }
    Ok(credential)
}

/// The organization of `/api/v1/organizations/{organization_id}/…`.
fn organization_of(path: &str) -> Option<OrganizationId> {
    parse_id(path.split('/').nth(4)?).map(OrganizationId)
}
