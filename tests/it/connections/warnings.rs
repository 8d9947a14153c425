//! A credential's end is told of in time, each step once.

use chrono::TimeDelta;
use mooring_forge::{Match, TokenSpec};
use serde_json::{Value, json};
use shared::domain::ids::OrganizationId;
use shared::queue::catalogue::WarnOfExpiry;
use sqlx::AssertSqlSafe;

use crate::upkeep::{by_hand, sweep};
use crate::world::{Caller, Setup, World, run_as, run_test, run_without_worker};

/// Two sweeps at once, by whichever workers there are.
async fn swept(w: &World) {
    let (payload, other) = (WarnOfExpiry {}, WarnOfExpiry {});
    tokio::join!(sweep(w, &payload), sweep(w, &other));
}

/// What was told of ends, oldest first.
async fn told(caller: &Caller) -> Vec<Value> {
    let path = "/activity?per_page=100&event=git_connection_expiring";
    let page = caller.get(path).await.expect(200);
    let rows = page["entries"].as_array().unwrap().iter().rev();
    rows.map(|row| row["metadata"].clone()).collect()
}

#[test]
fn forty_days_see_four_warnings_and_one_end() {
    let setup = Setup {
        workers: 2,
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        w.forge.add_user("octo");
        let end = w.clock.now() + TimeDelta::days(40);
        let token = w.forge.mint(TokenSpec::classic("octo").expires_at(end));
        let id = w.owner().connect_and_sync("github", &token).await;
        // One that never ends, and one of a neighbour that is switched off.
        let lasting = w.github_account("lasting", 1);
        let lasting = w.owner().connect_and_sync("github", &lasting).await;
        w.forge.add_user("off");
        let off = w.forge.mint(TokenSpec::classic("off").expires_at(end));
        let off_id = w.owner().connect_and_sync("github", &off).await;
        let path = format!("/git-connections/{off_id}");
        w.owner()
            .patch(&path, json!({ "is_active": false }))
            .await
            .expect(200);
        for day in 1..=41 {
            w.clock.advance(TimeDelta::days(1));
            swept(&w).await;
            let found = w.owner().connection(&id).await;
            let code = match day {
                ..10 => "ok",
                10..40 => "expiring",
                _ => "reauth_required",
            };
            assert_eq!(found["health"]["code"], code, "day {day}: {found:#}");
            let status = if day < 40 { "active" } else { "expired" };
            assert_eq!(found["status"], status, "day {day}: {found:#}");
        }
        let asked = Match::any().token(w.forge.token_id(&off).unwrap());
        assert_eq!(
            w.forge.count(&asked.path("/user")),
            1,
            "what is switched off was looked at"
        );
        let owner = w.owner();
        let all = told(&owner).await;
        let days: Vec<i64> = all
            .iter()
            .map(|one| one["days"].as_i64().unwrap())
            .collect();
        assert_eq!(days, [30, 14, 7, 1]);
        assert!(all.iter().all(|one| one["what"] == "token"), "{all:?}");
        let found = owner.connection(&id).await;
        let why = found["validation_error"].as_str().unwrap();
        assert!(
            why.starts_with("The credential has passed its date, "),
            "{why}"
        );
        assert_eq!(owner.connection(&lasting).await["health"]["code"], "ok");
        assert_eq!(owner.connection(&off_id).await["health"]["code"], "ok");

        let path = format!("/git-connections/{id}/timeline?per_page=100");
        let timeline = owner.get(&path).await.expect(200);
        let text = timeline.to_string();
        for words in [
            "The token ends in 30 days, at ",
            "The token ends within a day, at ",
        ] {
            assert!(text.contains(words), "{timeline:#}");
        }
    });
}

/// Somebody asks in the moment that it passes, before a sweep has looked: the same is said.
#[test]
fn a_refusal_past_the_date_says_that_it_has_passed() {
    run_without_worker(|w| async move {
        w.forge.add_user("octo");
        let end = w.clock.now() + TimeDelta::days(2);
        let token = w.forge.mint(TokenSpec::classic("octo").expires_at(end));
        let owner = w.owner();
        let id = owner.connect("github", &token).await;
        w.clock.advance(TimeDelta::days(2));
        let path = format!("/git-connections/{id}/validate");
        let said = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(said["valid"], false);
        let found = owner.connection(&id).await;
        assert_eq!(found["status"], "expired", "{found:#}");
        let why = found["validation_error"].as_str().unwrap();
        assert!(
            why.starts_with("The credential has passed its date, "),
            "{why}"
        );
    });
}

#[test]
fn a_date_that_moves_is_warned_of_anew() {
    run_test(|w| async move {
        w.forge.add_user("octo");
        let spec = |days| {
            let end = w.clock.now() + TimeDelta::days(days);
            TokenSpec::fine_grained("octo").expires_at(end)
        };
        let token = w.forge.mint(spec(10));
        let id = w.owner().connect("github", &token).await;
        swept(&w).await;
        assert_eq!(told(&w.owner()).await[0]["days"], 10);
        let fresh = w.forge.mint(spec(20));
        let path = format!("/git-connections/{id}");
        w.owner()
            .patch(&path, json!({ "api_token": fresh }))
            .await
            .expect(200);
        swept(&w).await;
        let all = told(&w.owner()).await;
        assert_eq!((all.len(), &all[1]["days"]), (2, &json!(20)));
    });
}

/// Makes a connection one of a grant, as its rows would be.
async fn make_grant(w: &World, id: &str, refresh_ends_in_days: Option<i64>) {
    let end = refresh_ends_in_days.map_or("NULL".to_owned(), |days| {
        format!("'{}'", w.clock.now() + TimeDelta::days(days))
    });
    let soon = w.clock.now() + TimeDelta::hours(2);
    let mut connection = by_hand(w).await;
    for sql in [
        format!(
            "UPDATE credentials SET refresh_token = access_token, expires_at = '{soon}',
                refresh_expires_at = {end} WHERE connection_id = '{id}'"
        ),
        format!(
            "UPDATE connections SET auth_method = 'oauth', token_expires_at = '{soon}',
                refresh_token_expires_at = {end} WHERE id = '{id}'"
        ),
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
    }
}

#[test]
fn of_a_grant_that_renews_itself_only_the_refresh_tokens_end_counts() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let ends = owner.connect_and_sync("github", &token).await;
        let token = w.github_account("other", 1);
        let lasts = owner.connect_and_sync("github", &token).await;
        make_grant(&w, &ends, Some(6)).await;
        make_grant(&w, &lasts, None).await;
        swept(&w).await;
        let all = told(&owner).await;
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(
            (&all[0]["what"], &all[0]["days"]),
            (&json!("refresh_token"), &json!(6))
        );
        let found = owner.connection(&ends).await;
        assert_eq!(
            found["health"]["action"],
            "Connect again before the date; nothing else changes."
        );
        assert_eq!(owner.connection(&lasts).await["health"]["code"], "ok");
    });
}

#[test]
fn the_platforms_own_are_told_to_the_platform() {
    run_test(|w| async move {
        w.forge.add_user("octo");
        let end = w.clock.now() + TimeDelta::days(3);
        let token = w.forge.mint(TokenSpec::classic("octo").expires_at(end));
        w.admin().connect_and_sync("github", &token).await;
        swept(&w).await;
        assert_eq!(
            told(&w.admin()).await.len(),
            1,
            "{}",
            OrganizationId::PLATFORM
        );
        assert!(told(&w.owner()).await.is_empty());
    });
}
