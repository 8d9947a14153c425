//! The description and the table are one: nothing is served that is not described, and what is
//! described is a sound OpenAPI 3.1 document.

use std::collections::HashSet;

use serde_json::Value;
use shared::authz::{Need, Permission};

use crate::{Access, openapi, routes};

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let mut described = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                described.insert((method.to_uppercase(), path.clone(), id));
            }
        }
    }
    let served: HashSet<_> = routes()
        .iter()
        .map(|route| {
            (
                route.method.to_string(),
                route.path.clone(),
                route.operation.clone(),
            )
        })
        .collect();
    assert_eq!(served, described);
    assert_eq!(served.len(), routes().len());
}

#[test]
fn the_document_is_sound() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    for field in ["title", "version", "description"] {
        assert!(document["info"][field].is_string(), "{field}");
    }
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'));
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{id}");
            check_parameters(path, operation, id);
            check_responses(operation, id);
        }
    }
    check_references(&document, &document);
    let tags: HashSet<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["name"])
        .collect();
    assert!(tags.len() > 5);
}

fn check_parameters(path: &str, operation: &Value, id: &str) {
    let empty = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&empty);
    let mut seen = HashSet::new();
    for parameter in parameters {
        let (name, place) = (&parameter["name"], &parameter["in"]);
        assert!(
            seen.insert((name.clone(), place.clone())),
            "{id}: {name} twice"
        );
        assert!(parameter["schema"].is_object(), "{id}: {name}");
        assert!(
            parameter["description"].is_string(),
            "{id}: {name} is not explained"
        );
    }
    for part in path
        .split('/')
        .filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'))
    {
        let found = parameters
            .iter()
            .find(|p| p["name"] == part && p["in"] == "path");
        assert_eq!(
            found.unwrap_or(&Value::Null)["required"],
            true,
            "{id}: {part}"
        );
    }
    let in_path = parameters.iter().filter(|p| p["in"] == "path").count();
    assert_eq!(in_path, path.matches('{').count(), "{id}");
}

fn check_responses(operation: &Value, id: &str) {
    let responses = operation["responses"].as_object().unwrap();
    assert!(
        responses.keys().any(|status| status.starts_with('2')) || id.contains("metrics"),
        "{id}"
    );
    for (status, response) in responses {
        assert!(response["description"].is_string(), "{id} {status}");
        if status.starts_with('4') || status.starts_with('5') {
            let content = &response["content"];
            let told = content["application/problem+json"].is_object();
            // A browser that comes back from a provider is shown a page.
            assert!(told || content["text/html"].is_object(), "{id} {status}");
        }
    }
    let guarded = operation.get("security").is_some();
    // A provider's signature is its credential.
    let signed = id.starts_with("receive_");
    assert_eq!(guarded || signed, responses.contains_key("401"), "{id}");
}

/// Every `$ref` leads somewhere.
fn check_references(value: &Value, document: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            fields
                .values()
                .for_each(|field| check_references(field, document));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| check_references(item, document)),
        _ => {}
    }
}

#[test]
fn everything_about_connections_is_below_the_platform_too() {
    const ORGANIZATION: &str = "/api/v1/organizations/{organization_id}/";
    for route in routes() {
        let Some(rest) = route.path.strip_prefix(ORGANIZATION) else {
            continue;
        };
        if rest.starts_with("members") {
            continue;
        }
        let twin = format!("/api/v1/platform/{rest}");
        let platform = routes()
            .iter()
            .find(|other| other.path == twin && other.method == route.method)
            .unwrap_or_else(|| panic!("{twin}"));
        let (Access::Organization(here), Access::Platform(there)) = (route.access, platform.access)
        else {
            panic!("{}", route.path);
        };
        assert_eq!(here, there);
    }
}

#[test]
fn access_follows_the_published_table() {
    let access = |method: &str, path: &str| {
        routes()
            .iter()
            .find(|route| route.method == method && route.path == path)
            .unwrap_or_else(|| panic!("{method} {path}"))
            .access
    };
    let organization = |permission| Access::Organization(Need::Permission(permission));
    const C: &str = "/api/v1/organizations/{organization_id}/git-connections";
    assert_eq!(access("GET", C), organization(Permission::ConnectionsList));
    assert_eq!(
        access("POST", C),
        organization(Permission::ConnectionsCreate)
    );
    assert_eq!(
        access("POST", &format!("{C}/test")),
        organization(Permission::ConnectionsTest)
    );
    let one = format!("{C}/{{connection_id}}");
    assert_eq!(
        access("PATCH", &one),
        organization(Permission::ConnectionsUpdate)
    );
    assert_eq!(
        access("DELETE", &one),
        organization(Permission::ConnectionsDelete)
    );
    assert_eq!(
        access("POST", &format!("{one}/sync")),
        organization(Permission::RepositoriesManage)
    );
    assert_eq!(
        access("POST", "/api/v1/organizations"),
        Access::Platform(Need::PortalAdmin)
    );
    let open: Vec<&str> = routes()
        .iter()
        .filter(|route| route.access == Access::Anyone)
        .map(|route| route.path.as_str())
        .collect();
    let callback = "/api/v1/auth/{provider}/callback";
    let setup = "/api/v1/auth/github/setup";
    let ops = ["/healthz", "/readyz", "/metrics"];
    assert_eq!(open, [&ops[..], &[callback, setup]].concat());
}
