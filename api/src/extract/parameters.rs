//! Query parameters, each known and of its type.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{Operation, ReferenceOr};
use aide::operation::{ParamLocation, parameters_from_schema};
use axum::extract::FromRequestParts;
use http::request::Parts;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use shared::flows::FieldError;

use super::body::fault;
use crate::error::ApiError;
use crate::problem::Problem;
use crate::state::ApiState;

/// The query as a struct that denies unknown fields.
#[derive(Debug)]
pub(crate) struct Parameters<T>(pub T);

impl<T: JsonSchema> OperationInput for Parameters<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        document::<T>(context, operation);
    }
}

/// Adds the fields of a struct as query parameters.
pub(super) fn document<T: JsonSchema>(context: &mut GenContext, operation: &mut Operation) {
    let schema = context.schema.subschema_for::<T>();
    let parameters = parameters_from_schema(context, schema, ParamLocation::Query);
    operation
        .parameters
        .extend(parameters.into_iter().map(ReferenceOr::Item));
}

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Parameters<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        Ok(Self(parse(parts.uri.query().unwrap_or_default())?))
    }
}

/// The struct of a query string.
pub(super) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    if query.contains("%00") {
        return Err(Problem::field(
            "query",
            "invalid_characters",
            "A parameter may not hold a NUL character.",
        ));
    }
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        Problem::invalid(vec![as_parameter(fault(&path, &error.inner().to_string()))])
    })
}

fn as_parameter(fault: FieldError) -> FieldError {
    match fault.code.as_str() {
        "unknown_field" => FieldError {
            code: "unknown_parameter".to_owned(),
            message: fault.message.replace("field", "parameter"),
            ..fault
        },
        "invalid_value" | "invalid_type" if !fault.message.contains("one of") => FieldError {
            code: "invalid_value".to_owned(),
            message: "This value does not have the form that is asked for (whole numbers, true or false, UUIDs, RFC 3339 times).".to_owned(),
            ..fault
        },
        _ => fault,
    }
}
