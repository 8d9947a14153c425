//! What providers show of hooks that fail, are off or are gone; silence; and a look that is held back.

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Match, Post};
use serde_json::json;
use shared::domain::ids::OrganizationId;
use shared::flows::webhooks::appear;
use sqlx::{AssertSqlSafe, Executor};

use super::hook_lists::{ALL, Hooked, away, sweep};
use super::register::hooks;
use crate::upkeep::by_hand;
use crate::world::{World, run_test, until};

/// A list of what a hook at GitHub has sent.
fn list() -> Match {
    Match::face(Face::GitHub).path("/repositories/*/hooks/*/deliveries")
}

#[test]
fn a_mark_of_failures_has_its_list_looked_through() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        let all = Post {
            lost: 100,
            ..Post::default()
        };
        hooked.rename(&w, "unheard", all).await;
        w.clock.advance(TimeDelta::hours(25));
        assert_ne!(hooked.name().await, "unheard");
        sweep(&w).await;
        assert_eq!(hooked.name().await, "unheard");
        assert_eq!(hooked.webhook().await["recovered"], 1);
        assert_eq!(hooked.syncs().await, 0);
    });
}

#[test]
fn a_hook_that_was_switched_off_or_taken_away_is_put_right() {
    run_test(|w| async move {
        for provider in ALL {
            let hooked = Hooked::at(&w, provider).await;
            for away in [false, true] {
                let name = format!("in-silence-{away}");
                let standing = hooks(&w, hooked.face);
                w.forge.edit(|state| {
                    for hook in &standing {
                        if away {
                            state.remove_hook(hook.id);
                        } else {
                            state.set_hook_active(hook.id, false);
                        }
                    }
                    // Of which nothing is sent.
                    state.rename(hooked.repository, &name);
                });
                w.clock.advance(TimeDelta::hours(25));
                let syncs = hooked.syncs().await;
                sweep(&w).await;
                until("a hook that sends", || async {
                    let now = hooks(&w, hooked.face);
                    let whole = now.len() == standing.len() && now.iter().all(|one| one.active);
                    whole.then_some(())
                })
                .await;
                w.everybody_idle().await;
                let told = format!("{provider:?} away: {away}");
                assert_eq!(hooked.name().await, name, "{told}");
                let state = hooked.webhook().await;
                assert!(state["gap_from"].is_string(), "{told}: {state}");
                assert!(hooked.syncs().await > syncs, "{told}");
            }
        }
    });
}

#[test]
fn a_silent_week_is_asked_after_once() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        let lists = || w.forge.count(&list());
        for day in 1..=6 {
            w.clock.advance(TimeDelta::hours(24));
            sweep(&w).await;
            assert_eq!(lists(), 0, "day {day}");
        }
        for _ in 7..=9 {
            w.clock.advance(TimeDelta::hours(24));
            sweep(&w).await;
            assert_eq!(lists(), 1);
        }
        // Silence is no gap.
        let state = hooked.webhook().await;
        assert!(state["gap_from"].is_null(), "{state}");
    });
}

#[test]
fn a_look_that_is_held_back_goes_on_and_keeps_its_mark_until_then() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        away(&w).await;
        let all = Post {
            lost: 100,
            ..Post::default()
        };
        hooked.rename(&w, "late", all).await;
        let limited = Canned::github_secondary_limit(60);
        w.forge
            .fault(Fault::on(list(), Action::Answer(limited)).once());
        assert!(appear(&w.context).await.unwrap().is_some());
        until("a look that was refused", || async {
            (w.forge.count(&list()) == 1).then_some(())
        })
        .await;
        w.everybody_idle().await;
        let marked = || async {
            let mut tx = w.context.db.tenant(w.organization).await.unwrap();
            let marked: bool =
                sqlx::query_scalar("SELECT bool_or(look_since IS NOT NULL) FROM webhook_sources")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
            marked
        };
        assert!(marked().await);
        w.clock.advance(TimeDelta::seconds(90));
        until("the rest of it", || async {
            (!marked().await).then_some(())
        })
        .await;
        w.idle().await;
        assert_eq!(hooked.name().await, "late");
    });
}

#[test]
fn a_deleted_connection_leaves_no_hook_at_the_provider_and_no_credential_here() {
    run_test(|w| async move {
        for provider in ALL {
            let hooked = Hooked::at(&w, provider).await;
            assert!(!hooks(&w, hooked.face).is_empty());
            // The first try is lost.
            let unanswered = Match::face(hooked.face).method(http::Method::DELETE);
            w.forge
                .fault(Fault::on(unanswered, Action::Answer(Canned::text(503, "away"))).once());
            let path = format!("/git-connections/{}?force=true", hooked.id);
            hooked.owner.delete(&path).await.expect(204);
            w.everybody_idle().await;
            w.clock.advance(TimeDelta::minutes(3));
            until("a provider without our hooks", || async {
                hooks(&w, hooked.face).is_empty().then_some(())
            })
            .await;
            w.everybody_idle().await;
            assert_eq!(left(&w).await, 0);
        }
    });
}

#[test]
fn what_cannot_be_taken_away_is_forgotten_after_a_day() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        let away = Match::face(Face::GitHub);
        w.forge
            .fault(Fault::on(away, Action::Answer(Canned::text(503, "away"))));
        let path = format!("/git-connections/{}?force=true", hooked.id);
        hooked.owner.delete(&path).await.expect(204);
        w.everybody_idle().await;
        assert_eq!(left(&w).await, 1);
        w.clock.advance(TimeDelta::hours(25));
        sweep(&w).await;
        assert_eq!(left(&w).await, 0);
    });
}

/// The hooks of all its connections, and what is left of one that was deleted before.
#[test]
fn an_organization_that_is_deleted_leaves_no_hook_at_any_provider() {
    run_test(|w| async move {
        let mut all = Vec::new();
        for provider in ALL {
            all.push(Hooked::at(&w, provider).await);
        }
        let unanswered = Match::any().method(http::Method::DELETE);
        let away = Action::Answer(Canned::text(503, "away"));
        w.forge.fault(Fault::on(unanswered, away));
        let (owner, id) = (&all[0].owner, &all[0].id);
        let path = format!("/git-connections/{id}?force=true");
        owner.delete(&path).await.expect(204);
        w.everybody_idle().await;
        owner.delete("").await.expect(204);
        w.everybody_idle().await;
        for one in &all {
            assert!(!hooks(&w, one.face).is_empty());
        }
        assert_eq!(left(&w).await, 0);
        assert_eq!(left_to(&w, OrganizationId::PLATFORM).await, 4);
        w.forge.clear_faults();
        w.clock.advance(TimeDelta::minutes(3));
        until("providers without our hooks", || async {
            let gone = all.iter().all(|one| hooks(&w, one.face).is_empty());
            gone.then_some(())
        })
        .await;
        w.everybody_idle().await;
        assert_eq!(left_to(&w, OrganizationId::PLATFORM).await, 0);
    });
}

/// What was connected through it goes with it.
#[test]
fn a_deleted_provider_configuration_leaves_no_hook_at_the_provider() {
    run_test(|w| async move {
        let at = ALL.into_iter().find(|(provider, _)| *provider == "gitlab");
        let hooked = Hooked::at(&w, at.unwrap()).await;
        let body = json!({ "provider": "gitlab", "client_id": "app", "client_secret": "a secret of ours" });
        let made = hooked.owner.post("/git-provider-configs", body).await;
        let config = made.expect(201)["id"].as_str().unwrap().to_owned();
        // As if it had come by a consent.
        let sql = format!(
            "UPDATE connections SET auth_method = 'oauth' WHERE id = '{}'",
            hooked.id
        );
        by_hand(&w).await.execute(AssertSqlSafe(sql)).await.unwrap();
        let path = format!("/git-provider-configs/{config}");
        hooked.owner.delete(&path).await.expect(204);
        until("a provider without our hooks", || async {
            hooks(&w, hooked.face).is_empty().then_some(())
        })
        .await;
        w.everybody_idle().await;
        assert_eq!(left(&w).await, 0);
    });
}

/// Credentials of connections that are gone.
async fn left(w: &World) -> i64 {
    left_to(w, w.organization).await
}

async fn left_to(w: &World, organization: OrganizationId) -> i64 {
    let mut tx = w.context.db.tenant(organization).await.unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM hook_removals");
    count.fetch_one(&mut *tx).await.unwrap()
}
