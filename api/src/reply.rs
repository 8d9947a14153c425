//! Answers: JSON written straight to bytes.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Documented};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use http::header::{self, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::ids::OrganizationId;
use shared::domain::job::Job;

use crate::problem::Problem;

/// JSON bytes of a value.
pub(crate) fn json_bytes<T: Serialize>(value: &T) -> Result<Bytes, serde_json::Error> {
    let mut out = BytesMut::with_capacity(2048).writer();
    serde_json::to_writer(&mut out, value)?;
    Ok(out.into_inner().freeze())
}

pub(crate) fn json_response<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match json_bytes(value) {
        Ok(bytes) => json_body(status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Problem::internal().into_response()
        }
    }
}

pub(crate) fn json_body(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// What an idempotency key keeps of an answer that shows a secret once: the same with the secret
/// `null`.
#[derive(Clone, Debug)]
pub(crate) struct Kept(pub Bytes);

/// 200 and a body.
#[derive(Debug)]
pub struct Reply<T>(pub T);

/// 201, a body and where it is.
#[derive(Debug)]
pub struct Created<T> {
    /// The new resource.
    pub body: T,
    /// Its path below the public URL.
    pub location: Option<String>,
    /// The body with its secrets `null`, where it shows some.
    pub kept: Option<T>,
}

/// 200 or 201: put by its own id.
#[derive(Debug)]
pub struct Put<T> {
    /// The resource.
    pub body: T,
    /// Whether it is new.
    pub is_new: bool,
}

/// 202: a job does it.
#[derive(Debug)]
pub struct Accepted(pub Job);

/// 202 and a body: it is stored, and done later.
#[derive(Debug)]
pub struct Taken<T>(pub T);

/// 204.
#[derive(Debug)]
pub struct NoContent;

impl<T> Created<T> {
    /// A new resource at a path.
    pub fn at(body: T, location: String) -> Self {
        Self {
            body,
            location: Some(location),
            kept: None,
        }
    }
}

/// The path of an organization, or of the platform.
pub(crate) fn home(organization: OrganizationId) -> String {
    match organization.shown() {
        Some(id) => format!("/api/v1/organizations/{id}"),
        None => "/api/v1/platform".to_owned(),
    }
}

fn with_location(mut response: Response, location: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        json_response(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = json_response(StatusCode::CREATED, &self.body);
        if let Some(kept) = self.kept.as_ref().and_then(|kept| json_bytes(kept).ok()) {
            response.extensions_mut().insert(Kept(kept));
        }
        match self.location {
            Some(location) => with_location(response, &location),
            None => response,
        }
    }
}

impl<T: Serialize> IntoResponse for Put<T> {
    fn into_response(self) -> Response {
        let status = if self.is_new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        json_response(status, &self.body)
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let organization = self.0.organization_id.unwrap_or(OrganizationId::PLATFORM);
        let location = format!("{}/jobs/{}", home(organization), self.0.id);
        with_location(json_response(StatusCode::ACCEPTED, &self.0), &location)
    }
}

impl<T: Serialize> IntoResponse for Taken<T> {
    fn into_response(self) -> Response {
        json_response(StatusCode::ACCEPTED, &self.0)
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

fn documented<T: JsonSchema>(
    context: &mut GenContext,
    operation: &mut Operation,
    statuses: &[u16],
) -> Vec<(Option<u16>, Documented)> {
    let Some(response) = axum::Json::<T>::operation_response(context, operation) else {
        return Vec::new();
    };
    statuses
        .iter()
        .map(|status| (Some(*status), response.clone()))
        .collect()
}

macro_rules! documented {
    ($($reply:ident: $($status:literal),+;)+) => {$(
        impl<T: JsonSchema> OperationOutput for $reply<T> {
            type Inner = T;
            fn inferred_responses(
                context: &mut GenContext,
                operation: &mut Operation,
            ) -> Vec<(Option<u16>, Documented)> {
                documented::<T>(context, operation, &[$($status),+])
            }
        }
    )+};
}

documented! {
    Reply: 200;
    Created: 201;
    Taken: 202;
    Put: 200, 201;
}

impl OperationOutput for Accepted {
    type Inner = Job;
    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, Documented)> {
        documented::<Job>(context, operation, &[202])
    }
}

impl OperationOutput for NoContent {
    type Inner = ();
    fn inferred_responses(_: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Documented)> {
        let response = Documented {
            description: "Done; there is nothing to say.".to_owned(),
            ..Documented::default()
        };
        vec![(Some(204), response)]
    }
}
