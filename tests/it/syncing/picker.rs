//! The live picker: what may be written to, over all connections, at no cost where nothing changed.

use chrono::TimeDelta;
use mooring_forge::{Access, Action, Canned, Face, Fault, Hold, Match, RepositorySpec, TokenSpec};
use serde_json::{Value, json};

use crate::world::run_test;

fn of(answer: &Value, connection: &str) -> Vec<String> {
    let rows = answer["repositories"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["connection_id"] == connection)
        .map(|row| row["full_name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn everything_that_may_be_written_to_is_there_and_a_failure_leaves_the_others() {
    run_test(|w| async move {
        let owner = w.owner();
        let github = w.github_account("octo", 230);
        let gitlab = w.gitlab_account("tanuki", 120);
        let gone = w.github_account("mona", 5);
        w.forge.add_user("other");
        let readable = RepositorySpec::named("readable").collaborator("octo", Access::Read);
        w.forge.add_repository("other", readable);
        let writable = RepositorySpec::named("writable").collaborator("tanuki", Access::Write);
        w.forge.add_repository("other", writable);
        let reported = RepositorySpec::named("reported").collaborator("tanuki", Access::Read);
        w.forge.add_repository("other", reported);
        let mut ids = Vec::new();
        for (provider, token) in [("github", &github), ("gitlab", &gitlab), ("github", &gone)] {
            ids.push(owner.connect_and_sync(provider, token).await);
        }
        w.forge.revoke(&gone);
        let answer = owner.get("/repositories/available").await.expect(200);
        assert_eq!(of(&answer, &ids[0]).len(), 230);
        assert!(!of(&answer, &ids[0]).contains(&"other/readable".to_owned()));
        let of_gitlab = of(&answer, &ids[1]);
        assert_eq!(of_gitlab.len(), 121);
        assert!(of_gitlab.contains(&"other/writable".to_owned()));
        assert_eq!(
            answer["errors"],
            json!([{
                "connection_id": ids[2], "provider": "github", "code": "credential_refused",
                "message": answer["errors"][0]["message"],
            }])
        );
        let row = &answer["repositories"][0];
        for field in ["default_branch", "html_url", "full_name"] {
            assert!(row[field].is_string(), "{row}");
        }
        assert_eq!(
            (&row["is_private"], &row["has_write_access"]),
            (&json!(true), &json!(true))
        );

        // A connection that is switched off is not there at all.
        owner
            .patch(
                &format!("/git-connections/{}", ids[2]),
                json!({ "is_active": false }),
            )
            .await
            .expect(200);
        let answer = owner.get("/repositories/available").await.expect(200);
        assert_eq!(answer["errors"], json!([]));
    });
}

#[test]
fn typing_costs_no_quota() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 230);
        let id = owner.connect_and_sync("github", &token).await;
        owner.get("/repositories/available").await.expect(200);
        w.forge.clear_log();
        let asked = || w.forge.requests(&Match::any());
        for _ in 0..5 {
            owner.get("/repositories/available").await.expect(200);
        }
        assert_eq!(asked().len(), 0, "a moment later");
        for _ in 0..3 {
            w.clock.advance(TimeDelta::seconds(11));
            let answer = owner.get("/repositories/available").await.expect(200);
            assert_eq!(of(&answer, &id).len(), 230);
        }
        assert!(asked().len() >= 9);
        assert!(asked().iter().all(|request| request.status == Some(304)));
        w.forge.add_repositories("octo", 1);
        w.clock.advance(TimeDelta::seconds(11));
        let answer = owner.get("/repositories/available").await.expect(200);
        assert_eq!(of(&answer, &id).len(), 231, "and is live all the same");
        w.idle().await;
    });
}

#[test]
fn looking_at_what_has_not_changed_costs_no_quota() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 230);
        let names = (0..130).map(|number| format!("feature/{number:03}"));
        let spec = RepositorySpec::named("tools").branches(names);
        w.forge.add_repository("octo", spec);
        let id = owner.connect_and_sync("github", &token).await;
        let connection = format!("/git-connections/{id}");
        let paths = [
            format!("{connection}/repositories?source=live&page=2&per_page=100"),
            format!("{connection}/repositories?source=live&search=repo-0019"),
            format!("{connection}/branches?repo=octo/tools"),
            format!("{connection}/branches?repo=octo/tools&search=feature/01"),
        ];
        let mut first = Vec::new();
        for path in &paths {
            first.push(owner.get(path).await.expect(200));
        }
        w.forge.clear_log();
        let asked = || w.forge.requests(&Match::face(Face::GitHub));
        for (path, first) in paths.iter().zip(&first) {
            assert_eq!(&owner.get(path).await.expect(200), first, "{path}");
        }
        assert!(asked().len() >= 4, "it is asked for all the same");
        assert!(asked().iter().all(|request| request.status == Some(304)));
        // What changes is seen at once.
        w.forge.edit(|state| {
            let oldest = state.repositories().map(|found| found.id).min().unwrap();
            state.delete(oldest);
        });
        let live = owner.get(&paths[0]).await.expect(200);
        assert!(live != first[0], "it is live");
        // Another token has a memory of its own, and nothing of the first one's.
        let other = w.forge.mint(TokenSpec::classic("octo").scopes(["repo"]));
        let body = json!({ "api_token": other });
        owner.patch(&connection, body).await.expect(200);
        w.idle().await;
        w.forge.clear_log();
        owner.get(&paths[2]).await.expect(200);
        assert!(asked().iter().all(|request| !request.conditional));
        w.forge.revoke(&other);
        owner
            .get(&paths[2])
            .await
            .problem(422, "credential_refused");
    });
}

#[test]
fn callers_of_one_connection_wait_for_one_reading() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        owner.connect_and_sync("github", &token).await;
        w.forge.clear_log();
        let listing = Match::face(Face::GitHub).path("/user/repos");
        let gate = w.forge.gate(listing.clone(), Hold::BeforeWork);
        let calls = (0..4).map(|_| {
            let caller = owner.clone();
            tokio::spawn(async move { caller.get("/repositories/available").await })
        });
        let calls: Vec<_> = calls.collect();
        gate.arrived(1).await;
        gate.open();
        for call in calls {
            let answer = call.await.unwrap().expect(200);
            assert_eq!(answer["repositories"].as_array().unwrap().len(), 3);
        }
        assert_eq!(w.forge.count(&listing), 1);
        // A failure is not kept.
        w.clock.advance(TimeDelta::seconds(11));
        w.forge
            .fault(Fault::on(listing, Action::Answer(Canned::html(502))).once());
        let answer = owner.get("/repositories/available").await.expect(200);
        assert_eq!(answer["errors"][0]["code"], "provider_unreachable");
        let answer = owner.get("/repositories/available").await.expect(200);
        assert_eq!(answer["repositories"].as_array().unwrap().len(), 3);
    });
}
