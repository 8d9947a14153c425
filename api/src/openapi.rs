//! The OpenAPI 3.1 description, made from the handlers' own types and the notes beside them.

use aide::generate;
use aide::openapi::{
    Components, Info, License, MediaType, OpenApi, Operation, Parameter, ParameterData,
    ParameterSchemaOrContent, PathStyle, ReferenceOr, Response, Responses, SchemaObject,
    SecurityScheme, StatusCode, Tag,
};
use aide::transform::TransformOperation;
use indexmap::IndexMap;
use schemars::json_schema;
use shared::domain::provider::ProviderKind;

use crate::problem::Document;
use crate::route::{Access, Doc, Route};

const SCHEME: &str = "bearer";

/// The description of everything that is served.
#[must_use]
pub fn openapi() -> OpenApi {
    crate::router::build().1
}

/// What stands above the operations.
pub(crate) fn frame() -> OpenApi {
    generate::extract_schemas(true);
    generate::infer_responses(true);
    let mut api = OpenApi {
        openapi: "3.1.0".into(),
        info: Info {
            title: "Mooring".to_owned(),
            summary: Some("Keeps the Git connections of a platform.".to_owned()),
            description: Some(include_str!("openapi.md").to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            license: Some(License {
                name: "Apache-2.0 OR MIT".to_owned(),
                identifier: Some("Apache-2.0 OR MIT".to_owned()),
                ..License::default()
            }),
            ..Info::default()
        },
        ..OpenApi::default()
    };
    // Every operation points at it by name.
    generate::in_context(|context| context.schema.subschema_for::<Document<'static>>());
    let components = api.components.get_or_insert_with(Components::default);
    components.security_schemes.insert(
        SCHEME.to_owned(),
        ReferenceOr::Item(SecurityScheme::Http {
            scheme: "bearer".to_owned(),
            bearer_format: Some("user JWT or API token (mrg_…)".to_owned()),
            description: Some(
                "`Authorization: Bearer …` with a user token or an API token.".to_owned(),
            ),
            extensions: IndexMap::default(),
        }),
    );
    api
}

/// Adds what only the finished description shows: its tags, in the order of the router.
pub(crate) fn complete(api: &mut OpenApi) {
    let mut names: Vec<String> = Vec::new();
    let operations = api
        .paths
        .iter()
        .flat_map(|paths| paths.paths.values())
        .filter_map(ReferenceOr::as_item)
        .flat_map(|item| item.iter());
    for (_, operation) in operations {
        for tag in &operation.tags {
            if !names.contains(tag) {
                names.push(tag.clone());
            }
        }
    }
    api.tags = names
        .into_iter()
        .map(|name| Tag {
            name,
            ..Tag::default()
        })
        .collect();
}

/// One operation: what is written beside the handler, and what the conventions add.
pub(crate) fn describe<'t>(
    mut transform: TransformOperation<'t>,
    route: &Route,
    doc: &Doc,
) -> TransformOperation<'t> {
    let operation = transform.inner_mut();
    operation.operation_id = Some(route.operation.clone());
    operation.summary = Some(doc.summary.to_owned());
    operation.tags = vec![doc.tag.to_owned()];
    let who = who(route.access);
    operation.description = Some(if doc.description.is_empty() {
        who
    } else {
        format!("{}\n\n{who}", doc.description)
    });
    let open = matches!(route.access, Access::Anyone | Access::Provider);
    if !open {
        operation
            .security
            .push(IndexMap::from_iter([(SCHEME.to_owned(), Vec::new())]));
    }
    add_path_parameters(operation, &route.path);
    if route.changes() && !open {
        operation.parameters.push(idempotency_key());
    }
    add_problems(operation, route, doc);
    transform
}

fn who(access: Access) -> String {
    match access {
        Access::Anyone => "Needs no credential.".to_owned(),
        Access::Provider => "Called by providers: the signature is the credential.".to_owned(),
        Access::SignedIn => "Needs a user token or an API token.".to_owned(),
        Access::Organization(need) => format!("Needs `{}` in the organization.", need.word()),
        Access::Platform(shared::authz::Need::PortalAdmin) => "Needs `portal_admin`.".to_owned(),
        Access::Platform(need) => {
            format!(
                "Needs `portal_admin`, or an API token of the platform with `{}`.",
                need.word()
            )
        }
    }
}

/// Every `{parameter}` is an id, but a provider.
fn add_path_parameters(operation: &mut Operation, path: &str) {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    for name in names {
        let parameter_data = ParameterData {
            name: name.to_owned(),
            description: Some(format!(
                "The {}.",
                name.replace("_id", "").replace('_', " ")
            )),
            required: true,
            deprecated: None,
            format: if name == "provider" {
                provider()
            } else {
                uuid()
            },
            example: None,
            examples: IndexMap::default(),
            explode: None,
            extensions: IndexMap::default(),
        };
        operation
            .parameters
            .push(ReferenceOr::Item(Parameter::Path {
                parameter_data,
                style: PathStyle::Simple,
            }));
    }
}

fn uuid() -> ParameterSchemaOrContent {
    parameter_of(json_schema!({ "type": "string", "format": "uuid" }))
}

fn provider() -> ParameterSchemaOrContent {
    let words: Vec<&str> = ProviderKind::ALL.iter().map(|kind| kind.as_str()).collect();
    parameter_of(json_schema!({ "type": "string", "enum": words }))
}

fn parameter_of(json_schema: schemars::Schema) -> ParameterSchemaOrContent {
    ParameterSchemaOrContent::Schema(SchemaObject {
        json_schema,
        external_docs: None,
        example: None,
    })
}

fn idempotency_key() -> ReferenceOr<Parameter> {
    text_header(
        "Idempotency-Key",
        "Any text of your own, kept for 24 hours: the same key and body answers the first answer again.",
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 255 }),
    )
}

/// A header that a call may carry.
pub(crate) fn text_header(
    name: &str,
    description: &str,
    json_schema: schemars::Schema,
) -> ReferenceOr<Parameter> {
    ReferenceOr::Item(Parameter::Header {
        parameter_data: ParameterData {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(SchemaObject {
                json_schema,
                external_docs: None,
                example: None,
            }),
            example: None,
            examples: IndexMap::default(),
            explode: None,
            extensions: IndexMap::default(),
        },
        style: aide::openapi::HeaderStyle::Simple,
    })
}

fn add_problems(operation: &mut Operation, route: &Route, doc: &Doc) {
    let mut problems: Vec<(u16, &str)> = Vec::new();
    let open = matches!(route.access, Access::Anyone | Access::Provider);
    if !open {
        problems.extend([
            (401, "unauthenticated"),
            (401, "token_expired"),
            (401, "invalid_token"),
            (429, "too_many_requests"),
        ]);
    }
    match route.access {
        Access::Organization(_) => {
            problems.extend([(403, "permission_denied"), (404, "not_found")])
        }
        Access::Platform(_) => problems.push((403, "permission_denied")),
        Access::Anyone | Access::Provider | Access::SignedIn => {}
    }
    if route.changes() && !open {
        problems.extend([
            (403, "aal2_required"),
            (409, "idempotency_mismatch"),
            (409, "idempotency_in_progress"),
        ]);
    }
    if operation.request_body.is_some() {
        problems.extend([
            (400, "malformed_json"),
            (413, "body_too_large"),
            (415, "unsupported_media_type"),
            (422, "unknown_field"),
        ]);
    }
    if operation
        .parameters
        .iter()
        .any(|p| matches!(p.as_item(), Some(Parameter::Query { .. })))
    {
        problems.push((422, "unknown_parameter"));
    }
    if route.path.matches('{').count() > usize::from(route.path.contains("{organization_id}")) {
        problems.push((404, "not_found"));
    }
    problems.extend(doc.problems);
    problems.sort_unstable();
    problems.dedup();

    let responses = operation.responses.get_or_insert_with(Responses::default);
    for of_status in problems.chunk_by(|a, b| a.0 == b.0) {
        let codes: Vec<String> = of_status
            .iter()
            .map(|(_, code)| format!("`{code}`"))
            .collect();
        responses.responses.insert(
            StatusCode::Code(of_status[0].0),
            ReferenceOr::Item(problem_response(codes.join(", "))),
        );
    }
    responses.default = Some(ReferenceOr::Item(problem_response(
        "Any other problem, in the same form.".to_owned(),
    )));
}

fn problem_response(description: String) -> Response {
    let schema = json_schema!({ "$ref": "#/components/schemas/Problem" });
    Response {
        description,
        content: IndexMap::from_iter([(
            "application/problem+json".to_owned(),
            MediaType {
                schema: Some(SchemaObject {
                    json_schema: schema,
                    external_docs: None,
                    example: None,
                }),
                ..MediaType::default()
            },
        )]),
        ..Response::default()
    }
}
