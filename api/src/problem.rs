//! RFC 9457 problem documents: one shape for everything that is not a success.
//!
//! A handler, an extractor or a middleware makes a [`Problem`]; it travels as an extension of an
//! empty response, and the edge renders it once, where the request's id and path are at hand.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;
use shared::flows::{Dependant, FieldError};

/// A problem, before it knows its request.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// A stable code in `snake_case`.
    pub code: Cow<'static, str>,
    /// What went wrong and what to do, for people.
    pub detail: Cow<'static, str>,
    /// Faults in single fields (422).
    pub errors: Vec<FieldError>,
    /// What depends on the thing (409).
    pub dependants: Option<Box<Dependants>>,
    /// When to try again.
    pub retry_at: Option<DateTime<Utc>>,
    /// More headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// What depends on a thing. Boxed where it is kept: problems are results, and results are small.
#[derive(Clone, Debug)]
pub struct Dependants(pub Vec<Dependant>);

/// The document as sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document<'a> {
    /// A URI of the kind of problem: `urn:mooring:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What went wrong and what to do.
    detail: &'a str,
    /// The path that was called.
    instance: &'a str,
    /// A stable code in `snake_case`.
    code: &'a str,
    /// The request's id, as in `x-request-id`.
    request_id: &'a str,
    /// Faults in single fields.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    /// What depends on the thing that was to be deleted, the first of it.
    #[serde(skip_serializing_if = "<[Dependant]>::is_empty")]
    dependants: &'a [Dependant],
}

impl Problem {
    /// A problem of this status, code and sentence.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            dependants: None,
            retry_at: None,
            headers: Vec::new(),
        }
    }

    /// Fields that cannot be taken. Where all have one fault, its code is the problem's.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let code = match errors.split_first() {
            Some((first, rest)) if rest.iter().all(|other| other.code == first.code) => {
                first.code.clone()
            }
            _ => "validation_failed".to_owned(),
        };
        let detail = match errors.as_slice() {
            [only] => only.message.clone(),
            many => format!("{} fields cannot be taken; see errors.", many.len()),
        };
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        }
    }

    /// One field that cannot be taken.
    #[must_use]
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, code, message)])
    }

    /// A resource that is not there.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no such {what}, or it is not one of yours."),
        )
    }

    /// A fault of ours.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something went wrong here, and it was written down under the request's id. Try again; if it stays so, tell the operator that id.",
        )
    }

    /// With a time to try again.
    #[must_use]
    pub fn retry_at(mut self, at: DateTime<Utc>) -> Self {
        self.retry_at = Some(at);
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The response as sent.
    pub(crate) fn render(&self, path: &str, request_id: &str, now: DateTime<Utc>) -> Response {
        let document = Document {
            kind: format!("urn:mooring:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: path,
            code: &self.code,
            request_id,
            errors: &self.errors,
            dependants: self.dependants.as_ref().map_or(&[], |all| all.0.as_slice()),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(at) = self.retry_at {
            let seconds = (at - now).num_milliseconds().max(0) / 1000 + 1;
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}

impl aide::OperationOutput for Problem {
    type Inner = Self;
}
