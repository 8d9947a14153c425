//! What a refusal means in HTTP: decided here, once, for all handlers.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use shared::authz::{Denied, Unauthenticated};
use shared::flows::callers::Unknown;
use shared::flows::{self, Error};

use crate::problem::{Dependants, Problem};

/// The error type of handlers.
#[derive(Debug)]
pub struct ApiError(pub Box<Problem>);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        of_flow(error).into()
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let detail = denied.to_string();
        match denied {
            Denied::NotFound => Problem::not_found("organization"),
            Denied::Lacks(_) => Problem::new(StatusCode::FORBIDDEN, "permission_denied", detail),
            Denied::Assurance => Problem::new(StatusCode::FORBIDDEN, "aal2_required", detail),
        }
        .into()
    }
}

impl From<Unknown> for ApiError {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Refused(refused) => unauthenticated(refused).into(),
            Unknown::Failed(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl aide::OperationOutput for ApiError {
    type Inner = Self;
}

/// 401 with the challenge that RFC 6750 asks for.
pub fn unauthenticated(refused: Unauthenticated) -> Problem {
    let detail = refused.to_string();
    let (code, challenge) = match refused {
        Unauthenticated::Missing => ("unauthenticated", r#"Bearer realm="mooring""#),
        Unauthenticated::Expired => (
            "token_expired",
            r#"Bearer realm="mooring", error="invalid_token", error_description="the token has expired""#,
        ),
        Unauthenticated::Invalid(_) => (
            "invalid_token",
            r#"Bearer realm="mooring", error="invalid_token""#,
        ),
        Unauthenticated::KeysUnavailable => {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "identity_provider_unavailable",
                detail,
            )
            .header(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
    };
    Problem::new(StatusCode::UNAUTHORIZED, code, detail).header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    )
}

fn of_flow(error: flows::Error) -> Problem {
    match error {
        Error::NotFound(what) => Problem::not_found(what),
        Error::PermissionDenied(permission) => Problem::new(
            StatusCode::FORBIDDEN,
            "permission_denied",
            format!("This call needs the permission {permission} over this resource."),
        ),
        Error::Forbidden { code, message } => Problem::new(StatusCode::FORBIDDEN, code, message),
        Error::Invalid(errors) => Problem::invalid(errors),
        Error::Conflict { code, message } => Problem::new(StatusCode::CONFLICT, code, message),
        Error::InUse {
            message,
            dependants,
        } => Problem {
            dependants: Some(Box::new(Dependants(dependants))),
            ..Problem::new(StatusCode::CONFLICT, "connection_in_use", message)
        },
        Error::ProviderRateLimited { retry_at } => {
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "provider_rate_limited",
                "The provider's rate limit is used up. Repeat the call when the window starts anew.",
            );
            match retry_at {
                Some(at) => problem.retry_at(at),
                None => problem.header(header::RETRY_AFTER, HeaderValue::from_static("60")),
            }
        }
        Error::Provider {
            code,
            message,
            callers_fault,
        } => {
            let status = if callers_fault {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::BAD_GATEWAY
            };
            Problem::new(status, code, message)
        }
        Error::TooMany {
            code,
            message,
            retry_at,
        } => Problem::new(StatusCode::TOO_MANY_REQUESTS, code, message).retry_at(retry_at),
        Error::Unavailable(source) => {
            tracing::error!(error = %source, "the database does not answer");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "database_unavailable",
                "The database does not answer. Nothing was changed as far as is known; repeat the call shortly.",
            )
            .header(header::RETRY_AFTER, HeaderValue::from_static("2"))
        }
        Error::Internal(detail) => {
            tracing::error!(error = %detail, "a call failed");
            Problem::internal()
        }
    }
}
