//! JSON bodies, and what can be wrong with them.
//!
//! The parser's own messages quote what was sent, which may be a secret in the wrong field: they
//! are read for what they mean and never passed on.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use shared::flows::FieldError;

use super::null;
use super::read_body::{TooLarge, read};
use crate::error::ApiError;
use crate::problem::Problem;
use crate::state::ApiState;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

/// A JSON body that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalBody<T>(pub T);

/// For fields whose `null` means "clear it": present or absent, then the value.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::Json::<T>::operation_input(context, operation);
    }
}

impl<T: JsonSchema> OperationInput for OptionalBody<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::Json::<T>::operation_input(context, operation);
        if let Some(body) = operation
            .request_body
            .as_mut()
            .and_then(|b| b.as_item_mut())
        {
            body.required = false;
        }
    }
}

impl<T: DeserializeOwned> FromRequest<ApiState> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let (headers, bytes) = take(request, state).await?;
        if bytes.is_empty() {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "body_required",
                "This call needs a JSON object as its body.",
            )
            .into());
        }
        check_content_type(&headers)?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<ApiState> for OptionalBody<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let (headers, bytes) = take(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        check_content_type(&headers)?;
        Ok(Self(parse(&bytes)?))
    }
}

async fn take(request: Request, state: &ApiState) -> Result<(HeaderMap, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = read(body, TooLarge(state.settings.max_body)).await?;
    Ok((parts.headers, bytes))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some(json) if json == "application/json" || is_json_suffix(json) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send JSON, with Content-Type: application/json.",
        )),
    }
}

fn is_json_suffix(essence: &str) -> bool {
    essence.starts_with("application/") && essence.ends_with("+json")
}

/// The value of a JSON text, or what is wrong with it.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if null::is_in(bytes)
        && let Some(path) = serde_json::from_slice(bytes)
            .ok()
            .and_then(|value| null::path_of(&value))
    {
        return Err(Problem::field(
            &path,
            "invalid_characters",
            "A text may not hold a NUL character.",
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        format!(
            "The body is not JSON: it breaks at line {}, column {}.",
            error.line(),
            error.column()
        ),
    )
}

fn explain(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return malformed(error);
    }
    let fault = fault(path, &error.to_string());
    Problem::invalid(vec![fault])
}

/// What one of serde's messages means. Only names of fields and of allowed values are taken from
/// it, never the given value.
pub(super) fn fault(path: &str, message: &str) -> FieldError {
    let path = if path == "." { "" } else { path };
    let within = |name: &str| match path {
        "" => name.to_owned(),
        // The path of an unknown or missing field may or may not end with its name.
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    };
    if let Some(name) = quoted_after(message, "unknown field ") {
        let name = within(name);
        let known = allowed(message).map_or_else(String::new, |all| format!(" Known are: {all}."));
        return FieldError::new(
            &name,
            "unknown_field",
            format!("There is no such field here.{known}"),
        );
    }
    if let Some(name) = quoted_after(message, "missing field ") {
        return FieldError::new(&within(name), "required", "This field is required.");
    }
    if let Some(name) = quoted_after(message, "duplicate field ") {
        return FieldError::new(&within(name), "duplicate_field", "Give this field once.");
    }
    if message.starts_with("unknown variant") {
        let known = allowed(message).map_or_else(String::new, |all| format!(" Use one of: {all}."));
        return FieldError::new(
            path,
            "invalid_value",
            format!("This value is not known.{known}"),
        );
    }
    if message.starts_with("invalid type") {
        let wanted = message
            .rsplit_once("expected ")
            .map_or("another type", |(_, rest)| up_to_position(rest));
        return FieldError::new(path, "invalid_type", format!("Expected {wanted}."));
    }
    FieldError::new(
        path,
        "invalid_value",
        "This value does not have the form that is asked for (ids are UUIDs, times RFC 3339).",
    )
}

fn quoted_after<'m>(message: &'m str, start: &str) -> Option<&'m str> {
    message
        .strip_prefix(start)?
        .strip_prefix('`')?
        .split('`')
        .next()
}

/// "…, expected one of `a`, `b`" → "a, b".
fn allowed(message: &str) -> Option<String> {
    let (_, rest) = message.rsplit_once(", expected ")?;
    let rest = up_to_position(rest);
    let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn up_to_position(text: &str) -> &str {
    text.split(" at line ").next().unwrap_or(text)
}
