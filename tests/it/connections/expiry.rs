//! When tokens end, as the providers tell it.

use chrono::{DateTime, TimeDelta, Utc};
use mooring_forge::TokenSpec;
use serde_json::{Value, json};

use crate::world::run_test;

#[test]
fn the_end_of_a_github_token_is_learned_from_its_header() {
    run_test(|w| async move {
        w.forge.add_user("octo");
        let end = w.clock.now() + TimeDelta::days(90);
        let token = w.forge.mint(TokenSpec::classic("octo").expires_at(end));
        let owner = w.owner();
        let id = owner.connect_and_sync("github", &token).await;
        let found = owner.connection(&id).await;
        let told = time(&found["token_expires_at"]);
        assert!((told - end).abs() < TimeDelta::seconds(1), "{told} {end}");
        assert_eq!(found["health"]["code"], "ok");

        // It comes near, and passes.
        w.clock.advance(TimeDelta::days(70));
        let owner = w.owner();
        let path = format!("/git-connections/{id}/validate");
        let validated = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(
            (&validated["valid"], &validated["health"]["code"]),
            (&json!(true), &json!("expiring"))
        );
        w.clock.advance(TimeDelta::days(30));
        let owner = w.owner();
        let validated = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(
            (&validated["valid"], &validated["health"]["code"]),
            (&json!(false), &json!("reauth_required"))
        );
        assert_eq!(owner.connection(&id).await["status"], "expired");
    });
}

#[test]
fn the_end_of_a_gitlab_token_is_the_beginning_of_its_date() {
    run_test(|w| async move {
        w.forge.add_user("tanuki");
        let end = w.clock.now() + TimeDelta::days(60);
        let token = w.forge.mint(TokenSpec::gitlab("tanuki").expires_at(end));
        let owner = w.owner();
        let id = owner.connect_and_sync("gitlab", &token).await;
        let found = owner.connection(&id).await;
        let midnight = end.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
        assert_eq!(time(&found["token_expires_at"]), midnight);
        assert_eq!(found["scopes"], json!(["api"]));
        assert_eq!(found["username"], "tanuki");
    });
}

#[test]
fn a_token_that_ends_soon_says_so_from_the_start() {
    run_test(|w| async move {
        w.forge.add_user("octo");
        let end = w.clock.now() + TimeDelta::days(10);
        let token = w
            .forge
            .mint(TokenSpec::fine_grained("octo").expires_at(end));
        let owner = w.owner();
        let id = owner.connect("github", &token).await;
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("expiring"))
        );
        // A fine-grained token does not tell its scopes.
        assert_eq!(found["scopes"], json!(null));
    });
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}
