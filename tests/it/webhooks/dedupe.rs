//! Repeats, replays and look-alikes, told apart.

use chrono::TimeDelta;
use mooring_forge::{Letter, Scheme};
use serde_json::{Value, json};

use super::{Letters, hooked};
use crate::world::{Caller, World, run_test, run_without_worker, until};

async fn deliveries(owner: &Caller) -> Vec<Value> {
    let list = owner.get("/webhook-deliveries").await.expect(200);
    list["deliveries"].as_array().unwrap().clone()
}

#[test]
fn ids_and_bytes_decide_where_ids_are_not_signed() {
    run_test(|w| async move {
        let (owner, _, hook) = hooked(&w).await;
        let body = |n: u32| json!({ "zen": "x", "n": n });
        let letter = Letters(&w).letter("one", "watch", &body(1));
        let first = hook.accepted(&letter).await;
        // The same again.
        for _ in 0..2 {
            let again = hook.send(&letter).await.expect(202);
            assert_eq!(
                (&again["status"], &again["delivery_id"]),
                (&json!("duplicate"), &json!(first))
            );
        }
        // The same id with other bytes is a delivery of its own.
        let other = hook
            .accepted(&Letters(&w).letter("one", "watch", &body(2)))
            .await;
        assert_ne!(other, first);
        // The same bytes under another id.
        let replay = hook
            .send(&Letters(&w).letter("two", "watch", &body(1)))
            .await
            .expect(202);
        assert_eq!(
            (&replay["status"], &replay["delivery_id"]),
            (&json!("duplicate"), &json!(first))
        );
        let all = deliveries(&owner).await;
        assert_eq!(all.len(), 2, "{all:?}");
        let counted = all.iter().find(|one| one["id"] == *first).unwrap();
        assert_eq!(counted["duplicates"], 3);
        w.idle().await;
    });
}

#[test]
fn the_same_bytes_at_two_connections_are_two_deliveries() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let letter = Letters(&w).letter("one", "watch", &json!({}));
        for login in ["octo", "hub"] {
            let id = owner.connect("github", &w.github_account(login, 1)).await;
            owner
                .hook(&id, Scheme::GitHub)
                .await
                .accepted(&letter)
                .await;
        }
        assert_eq!(deliveries(&owner).await.len(), 2);
    });
}

#[test]
fn bytes_under_another_id_have_a_sync_look_at_most_once_a_minute() {
    run_test(|w| async move {
        let (owner, id, hook) = hooked(&w).await;
        let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
        let told = super::send::github_repository(&stored);
        let push =
            json!({ "ref": "refs/heads/x", "before": "a1", "after": "0000", "repository": told });
        let letter = |id: &str| Letters(&w).letter(id, "push", &push);
        let first = hook.accepted(&letter("1")).await;
        owner.delivery_handled(&first).await;
        w.idle().await;
        let syncs = || async {
            let runs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            runs["syncs"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|run| run["trigger"] == "webhook")
                .count()
        };
        let before = syncs().await;
        for repeat in ["2", "3", "4"] {
            let answer = hook.send(&letter(repeat)).await.expect(202);
            assert_eq!(answer["status"], "duplicate");
            w.idle().await;
        }
        assert_eq!(syncs().await, before + 1, "one sync within the minute");
        w.clock.advance(TimeDelta::seconds(61));
        hook.send(&letter("5")).await.expect(202);
        until("another sync", || async {
            (syncs().await == before + 2).then_some(())
        })
        .await;
    });
}

#[test]
fn a_signed_id_decides_alone_and_a_stale_time_is_refused() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let id = owner
            .connect("gitlab", &w.gitlab_account("octolab", 1))
            .await;
        let hook = owner.hook(&id, Scheme::GitLabSigned).await;
        let body = json!({ "object_kind": "note" });
        let letter = Letters(&w).letter("one", "Note Hook", &body);
        let first = hook.accepted(&letter).await;
        let again = Letter {
            at: letter.at + TimeDelta::seconds(9),
            ..letter.clone()
        };
        let again = hook.send(&again).await.expect(202);
        assert_eq!(
            (&again["status"], &again["delivery_id"]),
            (&json!("duplicate"), &json!(first))
        );
        // The same bytes under another signed id happened twice.
        hook.accepted(&Letters(&w).letter("two", "Note Hook", &body))
            .await;
        for late in [-301, 301] {
            let stale = Letter {
                id: "three".to_owned(),
                at: letter.at + TimeDelta::seconds(late),
                ..letter.clone()
            };
            hook.send(&stale).await.problem(401, "invalid_signature");
        }
        // It signs, so the bare secret proves nothing any more.
        let bare = super::Hook {
            scheme: Scheme::GitLabToken,
            ..hook.clone()
        };
        let letter = Letters(&w).letter("four", "Note Hook", &body);
        until("the sender is known to sign", || async {
            (bare.send(&letter).await.status == 401).then_some(())
        })
        .await;
    });
}

#[test]
fn a_secret_verifies_for_a_day_after_its_successor_was_made() {
    run_without_worker(|w: std::sync::Arc<World>| async move {
        let owner = w.owner();
        let id = owner.connect("github", &w.github_account("octo", 1)).await;
        let old = owner.hook(&id, Scheme::GitHub).await;
        let new = owner.hook(&id, Scheme::GitHub).await;
        assert_ne!(old.secret, new.secret);
        let letter = |n: u32| Letters(&w).letter(&n.to_string(), "watch", &json!({ "n": n }));
        old.accepted(&letter(1)).await;
        new.accepted(&letter(2)).await;
        w.clock
            .advance(TimeDelta::hours(24) - TimeDelta::minutes(1));
        old.accepted(&letter(3)).await;
        w.clock.advance(TimeDelta::minutes(2));
        old.send(&letter(4)).await.problem(401, "invalid_signature");
        new.accepted(&letter(5)).await;
        owner
            .delete(&format!("/git-connections/{id}/webhook"))
            .await
            .expect(204);
        new.send(&letter(6)).await.problem(401, "invalid_signature");
        owner
            .delete(&format!("/git-connections/{id}/webhook"))
            .await
            .problem(404, "not_found");
    });
}

/// Look for a delivery among the first hundred of its id and this fails: the last ones stay open for ever.
#[test]
fn however_many_bodies_one_id_has_each_is_handled() {
    run_test(|w| async move {
        let (owner, _, hook) = hooked(&w).await;
        let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
        let told = super::send::github_repository(&stored);
        let mut last = String::new();
        for number in 0..110 {
            let push = json!({ "ref": format!("refs/heads/b{number}"), "before": "0000", "after": "a1",
                "repository": told });
            let letter = Letters(&w).letter("one", "push", &push);
            last = hook.accepted(&letter).await;
        }
        owner.delivery_handled(&last).await;
    });
}
