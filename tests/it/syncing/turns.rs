//! Every connection has its turn once in an interval.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{Caller, World, run_test, until};

async fn scheduled(caller: &Caller, id: &str) -> usize {
    let runs = caller.get(&format!("/git-connections/{id}/syncs")).await;
    let runs = runs.expect(200)["syncs"].as_array().unwrap().clone();
    let by_clock = |run: &&Value| run["trigger"] == "scheduled" && run["status"] == "succeeded";
    runs.iter().filter(by_clock).count()
}

/// Moves the clock on and waits until the connections have had so many turns.
async fn after(w: &World, time: TimeDelta, caller: &Caller, ids: &[String], turns: usize) {
    w.clock.advance(time);
    until("a turn for everybody", || async {
        // Those of one host start one after another.
        w.clock.advance(TimeDelta::milliseconds(200));
        for id in ids {
            if scheduled(caller, id).await < turns {
                return None;
            }
        }
        Some(())
    })
    .await;
    w.idle().await;
    for id in ids {
        assert_eq!(scheduled(caller, id).await, turns);
    }
}

#[test]
fn active_connections_are_synced_once_in_an_interval_and_others_are_not() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut ids = Vec::new();
        for number in 0..4 {
            let token = w.github_account(&format!("octo-{number}"), 3);
            ids.push(owner.connect_and_sync("github", &token).await);
        }
        let off = ids.pop().unwrap();
        owner
            .patch(
                &format!("/git-connections/{off}"),
                json!({ "is_active": false }),
            )
            .await
            .expect(200);
        // Where in its first interval a turn comes is left to chance: within one, all come once.
        w.idle().await;
        let had = scheduled(&owner, &ids[0]).await;
        assert_eq!(had, 0, "not at once");
        after(&w, TimeDelta::hours(4), &owner, &ids, 1).await;
        w.forge.add_repositories("octo-0", 1);
        after(&w, TimeDelta::hours(4), &owner, &ids, 2).await;
        assert_eq!(owner.connection(&ids[0]).await["repository_count"], 4);
        // However many were missed, one makes up for them.
        after(&w, TimeDelta::hours(11), &owner, &ids, 3).await;
        assert_eq!(scheduled(&owner, &off).await, 0);
    });
}
