//! A listing that the provider cut down removes nothing.

use mooring_forge::{Role, TokenSpec};
use serde_json::json;

use super::all;
use crate::world::run_test;

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
