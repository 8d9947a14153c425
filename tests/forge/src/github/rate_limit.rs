//! `GET /rate_limit`, which costs nothing.

use serde_json::{Value, json};

use super::Call;
use crate::answer::{self, Answer};
use crate::meters::Reading;

pub(super) fn show(call: &Call<'_>, core: Reading) -> Answer {
    let rate = |limit: u32, used: u32| {
        json!({
            "limit": limit,
            "used": used,
            "remaining": limit.saturating_sub(used),
            "reset": core.reset.timestamp(),
            "resource": "core",
        })
    };
    let named = |name: &str, mut rate: Value| {
        rate["resource"] = name.into();
        rate
    };
    let mut body = json!({
        "resources": {
            "core": rate(core.limit, core.used),
            "search": named("search", rate(30, 0)),
            "graphql": named("graphql", rate(5_000, 0)),
        },
    });
    // Gone with the version 2026-03-10.
    if call.version < "2026-03-10" {
        body["rate"] = rate(core.limit, core.used);
    }
    answer::json(200, &body)
}
