//! Syncs at scale: unchanged pages, pages at once, turns by the clock, what is told of it.

mod conditional;
mod parents;
mod picker;
mod told;
mod turns;

use serde_json::{Value, json};

use crate::world::Caller;

/// Asks for a sync that trusts no ETag; its job, when it has ended.
async fn sync_fully(caller: &Caller, id: &str) -> Value {
    let path = format!("/git-connections/{id}/sync");
    let answer = caller.post(&path, json!({ "full": true })).await;
    answer.expect(202);
    let location = answer.header("location").unwrap().to_owned();
    caller.job_ended(&location).await
}

/// What a sync's job tells: found, added, updated, removed, requests, not modified.
fn counts(job: &Value) -> [i64; 6] {
    assert_eq!(job["result"]["complete"], true, "{job}");
    let names = [
        "found",
        "added",
        "updated",
        "removed",
        "requests",
        "not_modified",
    ];
    names.map(|name| job["result"][name].as_i64().unwrap())
}

/// The names of everything stored, sorted.
async fn names(caller: &Caller) -> Vec<String> {
    let mut page = caller.get("/repositories?per_page=100").await;
    let mut names = Vec::new();
    loop {
        for row in page.expect(200)["repositories"].as_array().unwrap() {
            names.push(row["full_name"].as_str().unwrap().to_owned());
        }
        match page.link("next") {
            Some(next) => page = caller.get(&next).await,
            None => return names,
        }
    }
}
