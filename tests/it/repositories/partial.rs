//! A listing that the provider cut down, or that broke off, removes nothing.

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Match, Role, TokenSpec};
use serde_json::json;

use super::all;
use crate::world::{run_test, until};

#[test]
fn repositories_behind_a_single_sign_on_are_not_gone() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 2);
        w.forge.edit(|state| {
            state.add_organization("acme", &[("octo", Role::Owner)]);
            state.add_repositories("acme", "tool", 3);
        });
        let id = owner.connect_and_sync("github", &token).await;
        assert_eq!(all(&owner).await.len(), 5);

        w.forge
            .edit(|state| state.organization_mut("acme").sso_enforced = true);
        let job = owner.sync(&id).await;
        let result = &job["result"];
        assert_eq!(
            (&result["complete"], &result["incomplete_reason"]),
            (&json!(false), &json!("sso_partial_results")),
            "{job}"
        );
        assert_eq!(
            (&result["found"], &result["removed"]),
            (&json!(2), &json!(0))
        );
        assert_eq!(all(&owner).await.len(), 5);
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["repository_count"]),
            (&json!("active"), &json!(5))
        );
        assert_eq!(found["health"]["code"], "degraded", "{found}");

        // A token that was authorized sees everything again.
        let authorized = TokenSpec::classic("octo").sso_authorized("acme");
        let body = json!({ "api_token": w.forge.mint(authorized) });
        let healed = owner
            .patch(&format!("/git-connections/{id}"), body)
            .await
            .expect(200);
        assert_eq!(healed["health"]["code"], "ok");
        let job = owner.sync(&id).await;
        assert_eq!(job["result"]["complete"], true, "{job}");
        assert_eq!(owner.connection(&id).await["repository_count"], 5);
    });
}

#[test]
fn a_page_that_fails_again_and_again_removes_nothing_and_the_run_goes_on_there() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1_950);
        let id = owner.connect_and_sync("github", &token).await;
        let last = w
            .forge
            .read(|state| state.repositories().map(|r| r.id).max().unwrap());
        w.forge.edit(|state| state.delete(last));
        w.forge.clear_log();
        let page = |number| Match::face(Face::GitHub).path("/user/repos").page(number);
        let broken = Fault::on(page(7), Action::Answer(Canned::html(502)));
        let broken = w.forge.fault(broken);
        let path = format!("/git-connections/{id}/sync");
        owner.post(&path, json!({ "full": true })).await.expect(202);
        until("five failures", || async {
            w.clock.advance(TimeDelta::seconds(1));
            (w.forge.hits(broken) >= 5).then_some(())
        })
        .await;
        assert_eq!(owner.connection(&id).await["repository_count"], 1_950);
        let runs = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        let run = &runs["syncs"][0];
        assert_eq!(
            (&run["status"], &run["complete"]),
            (&json!("running"), &json!(false))
        );
        w.forge.remove_fault(broken);
        let run = until("the end of the run", || async {
            w.clock.advance(TimeDelta::seconds(1));
            let runs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            (runs["syncs"][0]["status"] == "succeeded").then(|| runs["syncs"][0].clone())
        })
        .await;
        assert_eq!(
            (&run["complete"], &run["removed"]),
            (&json!(true), &json!(1)),
            "{run}"
        );
        for number in (1..=20).filter(|number| *number != 7) {
            assert_eq!(w.forge.count(&page(number)), 1, "page {number}");
        }
        w.idle().await;
    });
}
