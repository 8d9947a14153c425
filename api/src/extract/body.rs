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
use serde::de::{DeserializeOwned, IgnoredAny};
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
    // A struct could be read from an array too, by the order of its fields: nobody means that.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| malformed(&error))?;
        return Err(Problem::field("", "invalid_type", "Expected an object."));
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

#[cfg(test)]
mod tests {
    use shared::domain::provider::ProviderKind;

    use super::*;
    use crate::extract::SecretText;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "on")]
        _on: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "name")]
        _name: String,
        #[serde(rename = "provider")]
        _provider: Option<ProviderKind>,
        #[serde(rename = "items", default)]
        _items: Vec<Inner>,
        #[serde(rename = "token")]
        _token: Option<SecretText>,
        #[serde(default, deserialize_with = "present")]
        note: Option<Option<String>>,
    }

    fn problem(json: &str) -> Problem {
        parse::<Outer>(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn every_fault_has_its_code_and_its_field() {
        for (json, status, code, field) in [
            ("{", 400, "malformed_json", None),
            ("", 400, "malformed_json", None),
            (r#"{"name":"a"} x"#, 400, "malformed_json", None),
            (r#"{"name":"a",}"#, 400, "malformed_json", None),
            ("[1]", 422, "invalid_type", Some("")),
            (r#""text""#, 422, "invalid_type", Some("")),
            ("{}", 422, "required", Some("name")),
            (r#"{"name":7}"#, 422, "invalid_type", Some("name")),
            (r#"{"name":null}"#, 422, "invalid_type", Some("name")),
            (
                r#"{"name":"a","nmae":1}"#,
                422,
                "unknown_field",
                Some("nmae"),
            ),
            (
                r#"{"name":"a","name":"b"}"#,
                422,
                "duplicate_field",
                Some("name"),
            ),
            (
                r#"{"name":"a","provider":"svn"}"#,
                422,
                "invalid_value",
                Some("provider"),
            ),
            (
                r#"{"name":"a","items":[{"on":1}]}"#,
                422,
                "invalid_type",
                Some("items[0].on"),
            ),
            (
                r#"{"name":"a","items":[{}]}"#,
                422,
                "required",
                Some("items[0].on"),
            ),
            (
                r#"{"name":"a","items":[{"on":true,"of":1}]}"#,
                422,
                "unknown_field",
                Some("items[0].of"),
            ),
            (
                r#"{"name":"a\u0000b"}"#,
                422,
                "invalid_characters",
                Some("name"),
            ),
        ] {
            let problem = problem(json);
            assert_eq!(problem.status.as_u16(), status, "{json}");
            assert_eq!(problem.code, code, "{json}");
            let named = problem.errors.first().map(|error| error.field.as_str());
            assert_eq!(named, field, "{json}");
            if let Some(error) = problem.errors.first() {
                assert_eq!(error.code, code, "{json}");
            }
        }
    }

    #[test]
    fn an_answer_lists_what_is_allowed_and_quotes_nothing_that_was_sent() {
        let unknown = problem(r#"{"name":"a","provider":"ghp_secret"}"#);
        assert!(
            unknown
                .detail
                .contains("github, gitlab, bitbucket, azure_devops")
        );
        for json in [
            r#"{"name":"a","provider":"ghp_secret"}"#,
            r#"{"name":"a","items":"ghp_secret"}"#,
            r#"{"name":"a","items":[{"on":"ghp_secret"}]}"#,
        ] {
            let problem = problem(json);
            assert!(!format!("{problem:?}").contains("ghp_secret"), "{json}");
        }
    }

    #[test]
    fn null_is_not_absence() {
        let parsed: Outer = parse(br#"{"name":"a","note":null}"#).unwrap();
        assert_eq!(parsed.note, Some(None));
        let parsed: Outer = parse(br#"{"name":"a"}"#).unwrap();
        assert_eq!(parsed.note, None);
    }

    #[test]
    fn only_json_is_read_as_json() {
        let check = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            check_content_type(&headers).is_ok()
        };
        assert!(check("application/json") && check("Application/JSON; charset=utf-8"));
        assert!(check("application/merge-patch+json"));
        assert!(!check("text/plain") && !check("application/x-www-form-urlencoded"));
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }
}
