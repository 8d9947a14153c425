//! The OpenAPI description and the table of routes say the same.

use std::collections::BTreeSet;

use api::Access;
use serde_json::Value;

use crate::world::run_without_worker;

#[test]
fn every_route_is_described_and_nothing_else_is() {
    run_without_worker(|w| async move {
        let document = w.api.get("/api/openapi.json").await.expect(200);
        assert_eq!(document["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                described.insert(format!("{} {path}", method.to_uppercase()));
                let id = operation["operationId"].as_str();
                assert!(id.is_some(), "{method} {path} has no operationId");
            }
        }
        let routes: BTreeSet<String> = api::routes()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(described, routes);
        let ids: BTreeSet<&str> = api::routes().iter().map(|r| r.operation.as_str()).collect();
        assert_eq!(ids.len(), routes.len(), "operation ids are unique");
    });
}

#[test]
fn every_operation_says_what_it_needs_and_what_may_go_wrong() {
    run_without_worker(|w| async move {
        let document = w.api.get("/api/openapi.json").await.expect(200);
        for route in api::routes() {
            let method = route.method.as_str().to_lowercase();
            let operation = &document["paths"][&route.path][&method];
            let said = format!("{method} {}", route.path);
            assert_eq!(operation["operationId"], route.operation, "{said}");
            let secured = !operation["security"].as_array().is_none_or(Vec::is_empty);
            let open = matches!(route.access, Access::Anyone | Access::Provider);
            assert_eq!(secured, !open, "{said}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(
                answers.keys().any(|status| status.starts_with('2')),
                "{said}"
            );
            if secured {
                assert!(answers.contains_key("401"), "{said}");
            }
            let parameters = operation["parameters"].as_array().map_or(0, |all| {
                all.iter().filter(|one| one["in"] == "path").count()
            });
            assert_eq!(parameters, route.path.matches('{').count(), "{said}");
        }
        assert_eq!(dangling(&document, &document), Vec::<String>::new());
    });
}

/// References of the document that lead nowhere.
fn dangling(document: &Value, part: &Value) -> Vec<String> {
    match part {
        Value::Object(fields) => {
            let own = fields
                .get("$ref")
                .and_then(Value::as_str)
                .filter(|to| {
                    let pointer = to.strip_prefix('#');
                    pointer.is_none_or(|pointer| document.pointer(pointer).is_none())
                })
                .map(str::to_owned);
            let inner = fields.values().flat_map(|value| dangling(document, value));
            own.into_iter().chain(inner).collect()
        }
        Value::Array(items) => items
            .iter()
            .flat_map(|item| dangling(document, item))
            .collect(),
        _ => Vec::new(),
    }
}
