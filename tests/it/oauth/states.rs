//! States that are missing, tampered with, too old, used, another's.

use chrono::TimeDelta;
use serde_json::json;
use shared::queue::catalogue::ForgetOauthStates;
use url::Url;

use super::{
    begin, begin_with, come_back, connections, consented, exchanges, landed, ready, refused,
};
use crate::bad_input::rows;
use crate::upkeep::sweep;
use crate::world::{Answer, World, run_test};

fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(key, _)| key != name)
        .collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(kept);
    if let Some(value) = value {
        changed.query_pairs_mut().append_pair(name, value);
    }
    changed
}

/// Nothing of it is believed.
#[track_caller]
fn not_ours(answer: &Answer) {
    assert_eq!(answer.status, 400, "{answer}");
    assert!(answer.header("location").is_none());
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(answer.to_string().contains("state_mismatch"));
}

async fn sql(w: &World, statement: &'static str) {
    use sqlx::Connection;
    let mut owner = sqlx::PgConnection::connect_with(&w.options).await.unwrap();
    sqlx::query(statement).execute(&mut owner).await.unwrap();
}

#[test]
fn a_state_that_is_not_ours_leads_nowhere() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let begun = begin(&owner, "github").await;
        let back = consented(&begun).await;
        let mut changed = begun.state.clone();
        changed.replace_range(40..41, if &changed[40..41] == "A" { "B" } else { "A" });
        let long = "A".repeat(9000);
        for state in [
            None,
            Some(""),
            Some("nonsense"),
            Some(&changed[..]),
            Some(&long),
        ] {
            not_ours(&come_back(&owner.api, &with(&back, "state", state), None).await);
        }
        // Twice is not once, whichever of them is ours.
        let mut twice = back.clone();
        twice.query_pairs_mut().append_pair("state", "other");
        not_ours(&come_back(&owner.api, &twice, None).await);
        for provider in ["gitlab", "bitbucket", "sourcehut"] {
            let mut elsewhere = back.clone();
            elsewhere.set_path(&format!("/api/v1/auth/{provider}/callback"));
            not_ours(&come_back(&owner.api, &elsewhere, None).await);
        }
        // A row that was changed behind our back is not the one that was signed.
        sql(&w, "UPDATE oauth_states SET actor_id = gen_random_uuid()").await;
        not_ours(&come_back(&owner.api, &back, None).await);
        assert!(exchanges(&w).is_empty());
        assert!(connections(&owner).await.is_empty());
    });
}

#[test]
fn it_ends_after_ten_minutes_and_is_forgotten_after_a_day() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let begun = begin(&owner, "gitlab").await;
        let back = consented(&begun).await;
        w.clock.advance(TimeDelta::minutes(10));
        refused(&come_back(&owner.api, &back, None).await, "state_expired");
        assert!(exchanges(&w).is_empty());
        sweep(&w, &ForgetOauthStates {}).await;
        assert_eq!(rows(&w).await["oauth_states"], 1);
        w.clock.advance(TimeDelta::days(1));
        sweep(&w, &ForgetOauthStates {}).await;
        assert_eq!(rows(&w).await["oauth_states"], 0);
        not_ours(&come_back(&owner.api, &back, None).await);
    });
}

#[test]
fn of_many_browsers_with_one_state_a_single_one_goes_on() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let back = consented(&begin(&owner, "gitlab").await).await;
        let all = (0..8).map(|_| come_back(&owner.api, &back, None));
        let all = futures_util::future::join_all(all).await;
        let through = all.iter().filter(|one| landed(one)["status"] == "success");
        assert_eq!(through.count(), 1);
        for other in all.iter().filter(|one| landed(one)["status"] != "success") {
            refused(other, "state_used");
        }
        assert_eq!(exchanges(&w).len(), 1);
        assert_eq!(connections(&owner).await.len(), 1);
        refused(&come_back(&owner.api, &back, None).await, "state_used");
        assert_eq!(exchanges(&w).len(), 1);
    });
}

#[test]
fn a_code_is_worth_nothing_under_another_state() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        for provider in ["github", "gitlab"] {
            // Seen, and not used by whom it was for: the verifier is another one.
            let victim = consented(&begin(&owner, provider).await).await;
            let code = victim
                .query_pairs()
                .find(|(name, _)| name == "code")
                .unwrap()
                .1
                .into_owned();
            let attacker = consented(&begin(&owner, provider).await).await;
            let stolen = with(&attacker, "code", Some(&code));
            refused(
                &come_back(&owner.api, &stolen, None).await,
                "exchange_failed",
            );
        }
        assert!(connections(&owner).await.is_empty());
    });
}

#[test]
fn a_flow_of_a_session_needs_its_browser() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let begun = begin(&owner, "github").await;
        sql(&w, "UPDATE oauth_states SET cookie_required = true").await;
        let back = consented(&begun).await;
        for cookie in [None, Some("mooring_oauth=other"), Some("other=1")] {
            refused(
                &come_back(&owner.api, &back, cookie).await,
                "state_mismatch",
            );
        }
        assert!(exchanges(&w).is_empty());
        let cookies = format!("a=b; {}", begun.cookie);
        let answer = come_back(&owner.api, &back, Some(&cookies)).await;
        assert_eq!(landed(&answer)["status"], "success");
    });
}

#[test]
fn a_browser_shares_its_cookie_between_flows() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let body = super::wanted(&owner, "github", json!({}));
        let first = super::authorize(&owner, body.clone()).await;
        let header = first.header("set-cookie").unwrap().to_owned();
        for part in ["HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/api/v1"] {
            assert!(header.contains(part), "{header}");
        }
        let cookie = header.split(';').next().unwrap();
        for (sent, same) in [(cookie, true), ("mooring_oauth=short", false)] {
            let call = owner.call(http::Method::POST, "/api/v1/git-oauth/authorize");
            let answer = call.json(&body).header("cookie", sent).send().await;
            let again = answer
                .header("set-cookie")
                .unwrap()
                .split(';')
                .next()
                .unwrap();
            assert_eq!(again == cookie, same);
        }
        let begun = begin_with(&owner, "github", json!({})).await;
        assert_ne!(begun.cookie, cookie);
    });
}
