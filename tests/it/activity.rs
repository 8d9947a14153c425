//! The activity log: an entry per change, sealed soon, and what a check of the chain finds.

mod ended;
mod tampering;

use chrono::{DateTime, Utc};
use mooring_forge::TokenSpec;
use serde_json::{Value, json};

use crate::world::{Caller, run_test, until};

const OLGA: &str = "00000000-0000-0000-0000-000000000070";

/// Entries by event, oldest first.
async fn entries(caller: &Caller, event: &str) -> Vec<Value> {
    let path = format!("/activity?per_page=100&event={event}");
    let page = caller.get(&path).await.expect(200);
    let rows = page["entries"].as_array().unwrap().iter();
    rows.rev().cloned().collect()
}

#[test]
fn every_change_has_its_entry() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 2);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        owner
            .patch(&path, json!({ "name": "renamed", "description": "why" }))
            .await
            .expect(200);
        w.forge.revoke(&token);
        owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        let fresh = w.forge.mint(TokenSpec::classic("octo"));
        owner
            .patch(&path, json!({ "api_token": fresh }))
            .await
            .expect(200);
        w.idle().await;
        let body = json!({ "connection_id": id, "full_name": "octo/repo-00001", "sast_enabled": true, "sca_enabled": false });
        let connected = owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        let of_connected = format!(
            "/connected-repositories/{}",
            connected["id"].as_str().unwrap()
        );
        owner
            .patch(&of_connected, json!({ "sca_enabled": true }))
            .await
            .expect(200);
        owner.delete(&of_connected).await.expect(204);
        let user = "00000000-0000-0000-0000-000000000077";
        let member = format!("/members/{user}");
        owner
            .put(&member, json!({ "role": "member" }))
            .await
            .expect(201);
        owner
            .put(&member, json!({ "role": "admin" }))
            .await
            .expect(200);
        owner.delete(&member).await.expect(204);
        let body = json!({ "name": "ci", "permissions": ["org.jobs.list"] });
        let token = owner.post("/api-tokens", body).await.expect(201);
        let of_token = format!("/api-tokens/{}", token["id"].as_str().unwrap());
        owner.delete(&of_token).await.expect(204);
        owner
            .patch("", json!({ "name": "Acme Limited" }))
            .await
            .expect(200);
        owner.delete(&path).await.expect(204);

        let olga = json!({ "id": OLGA, "type": "user", "name": "Olga Owner" });
        for (event, subject, expected) in [
            (
                "git_connection_created",
                "connection",
                vec![json!({ "creator_id": OLGA, "provider": "github", "auth_method": "pat" })],
            ),
            (
                "git_connection_updated",
                "connection",
                vec![
                    json!({ "updater_id": OLGA, "changed_fields": ["name", "description"] }),
                    json!({ "updater_id": OLGA, "changed_fields": ["api_token"] }),
                ],
            ),
            (
                "git_connection_validated",
                "connection",
                vec![
                    json!({ "validator_id": OLGA, "validation_result": "valid" }),
                    json!({ "validator_id": OLGA, "validation_result": "invalid" }),
                ],
            ),
            (
                "git_connection_status_changed",
                "connection",
                vec![
                    json!({ "from": "active", "to": "revoked", "code": "reauth_required" }),
                    json!({ "from": "revoked", "to": "active", "code": "ok" }),
                ],
            ),
            (
                "git_connection_deleted",
                "connection",
                vec![json!({ "deleter_id": OLGA, "connection_name": "renamed" })],
            ),
            (
                "connected_repository_created",
                "connected_repository",
                vec![json!({ "connection_id": id, "sast_enabled": true, "sca_enabled": false })],
            ),
        ] {
            let found = entries(&owner, event).await;
            let metadata: Vec<Value> = found
                .iter()
                .map(|entry| entry["metadata"].clone())
                .collect();
            assert_eq!(metadata, expected, "{event}");
            for entry in &found {
                assert_eq!(entry["actor"], olga, "{entry}");
                assert_eq!(entry["subject"]["type"], subject, "{entry}");
                assert_eq!(entry["ip"], "127.0.0.1", "{entry}");
                assert_eq!(entry["request_id"].as_str().unwrap().len(), 36, "{entry}");
            }
        }
        for event in [
            "connected_repository_updated",
            "connected_repository_deleted",
            "member_added",
            "member_updated",
            "member_removed",
            "api_token_created",
            "api_token_deleted",
            "organization_updated",
        ] {
            assert_eq!(entries(&owner, event).await.len(), 1, "{event}");
        }
        let all = owner
            .get(&format!("/activity?subject_id={id}"))
            .await
            .expect(200);
        assert_eq!(all["total"], 8);
        let refused = owner.delete(&path).await;
        refused.problem(404, "not_found");
        assert_eq!(
            owner.get("/activity").await.expect(200)["total"],
            17,
            "what fails leaves no entry"
        );
        let none = owner
            .get(&format!("/activity?actor={user}"))
            .await
            .expect(200);
        assert_eq!(none["total"], 0);
    });
}

#[test]
fn entries_are_sealed_within_a_second_by_the_workers() {
    run_test(|w| async move {
        let owner = w.owner();
        for round in 1..=3 {
            owner
                .patch("", json!({ "name": format!("Acme {round}") }))
                .await
                .expect(200);
            // Two seconds: one is promised, and the machine has other work.
            let asked = std::time::Instant::now();
            let entry = until("a seal", || async {
                let page = owner.get("/activity?per_page=1").await.expect(200);
                let entry = page["entries"][0].clone();
                (!entry["hash"].is_null()).then_some(entry)
            })
            .await;
            assert!(asked.elapsed().as_millis() < 2_000, "{:?}", asked.elapsed());
            assert_eq!(entry["sequence"], round);
            assert_eq!(entry["hash"].as_str().unwrap().len(), 64);
        }
        let verified = owner.get("/activity/verify").await.expect(200);
        assert_eq!(
            (&verified["ok"], &verified["entries"]),
            (&json!(true), &json!(3))
        );
        assert!(verified.get("first_bad").is_none(), "{verified}");
        let page = owner.get("/activity?per_page=1").await.expect(200);
        assert_eq!(page["entries"][0]["hash"], verified["head"]);
    });
}

#[test]
fn an_export_is_every_entry_in_the_order_of_the_chain() {
    run_test(|w| async move {
        let owner = w.owner();
        for round in 0..25 {
            owner
                .patch("", json!({ "name": format!("Acme {round}") }))
                .await
                .expect(200);
        }
        let export = owner.get("/activity/export").await;
        assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
        let text = String::from_utf8(export.bytes.to_vec()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 25);
        for (line, sequence) in lines.iter().zip(1..) {
            assert_eq!(line["sequence"], sequence);
        }
        let listed = owner.get("/activity?per_page=100").await.expect(200);
        let mut listed = listed["entries"].as_array().unwrap().clone();
        listed.sort_by_key(|entry| entry["sequence"].as_i64());
        assert_eq!(lines, listed);
        let verified = owner.get("/activity/verify").await.expect(200);
        assert_eq!(verified["head"], lines[24]["hash"]);
    });
}

#[test]
fn times_narrow_the_list() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut times: Vec<DateTime<Utc>> = Vec::new();
        for round in 0..3 {
            times.push(w.clock.now());
            owner
                .patch("", json!({ "name": format!("Acme {round}") }))
                .await
                .expect(200);
            w.clock.advance(chrono::TimeDelta::minutes(10));
        }
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        for (query, count) in [
            (format!("since={}", text(times[1])), 2),
            (format!("until={}", text(times[1])), 1),
            (
                format!("since={}&until={}", text(times[1]), text(times[2])),
                1,
            ),
            (format!("since={}", text(w.clock.now())), 0),
        ] {
            let page = owner.get(&format!("/activity?{query}")).await.expect(200);
            assert_eq!(page["total"], count, "{query}");
        }
    });
}
