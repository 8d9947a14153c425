//! Deliveries that never arrive, and come all the same.

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Happened, Hold, HookPlace, Match, Post, Sent};
use serde_json::{Value, json};

use super::hook_lists::later_turns;
use crate::github_app;
use crate::world::{Caller, World, run_test, until};

const SECRET: &str = "the App's secret";

async fn stage(w: &World) -> (Caller, String, github_app::Installed) {
    let owner = w.owner();
    let installed = github_app::installed(w, 30);
    let body = json!({ "provider": "github", "github_app_id": installed.app.id,
        "github_app_slug": installed.app.slug, "github_app_private_key": installed.app.private_key,
        "webhook_secret": SECRET });
    github_app::save(&owner, body).await;
    let made = owner
        .post("/git-connections", installed.body())
        .await
        .expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    owner.synced(&id).await;
    let url = format!("{}/api/v1/webhooks/github", w.api.base);
    w.forge
        .edit(|state| state.add_hook(Face::GitHub, HookPlace::App(installed.app.id), &url, SECRET));
    (owner, id, installed)
}

/// Lets the hour pass, and waits for the look through the App's list that is due then.
async fn look(w: &World) {
    w.clock.advance(TimeDelta::hours(1) + TimeDelta::minutes(6));
    let due = w.clock.now();
    until("a look", || async {
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        let done: Option<bool> =
            sqlx::query_scalar("SELECT bool_or(checked_until >= $1) FROM webhook_sources")
                .bind(due)
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        done.unwrap_or(false).then_some(())
    })
    .await;
    w.idle().await;
}

async fn names(owner: &Caller) -> Vec<String> {
    let list = owner.get("/repositories?per_page=100").await.expect(200);
    let mut names: Vec<String> = list["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["full_name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

async fn deliveries(owner: &Caller) -> Vec<Value> {
    let list = owner
        .get("/webhook-deliveries?per_page=100")
        .await
        .expect(200);
    list["deliveries"].as_array().unwrap().clone()
}

#[test]
fn half_of_the_deliveries_are_lost_and_nothing_is_missing_after_one_look() {
    run_test(|w| async move {
        let (owner, _, _) = stage(&w).await;
        // A look before anything happens, so that the next one is due in an hour.
        look(&w).await;
        let all: Vec<u64> = w
            .forge
            .read(|state| state.repositories().map(|one| one.id).collect());
        let post = Post {
            lost: 50,
            twice: 20,
            shuffled: true,
        };
        let mut lost = 0;
        // Without syncs by the clock in between, so that it is deliveries that tell.
        for (number, id) in all.iter().enumerate() {
            w.clock.advance(TimeDelta::seconds(2));
            let happened = match number % 3 {
                0 => {
                    let gone = w
                        .forge
                        .read(|state| state.repository(*id).cloned().unwrap());
                    w.forge.edit(|state| state.delete(*id));
                    Happened::Deleted(Box::new(gone))
                }
                _ => {
                    w.forge
                        .edit(|state| state.rename(*id, &format!("renamed-{number}")));
                    Happened::Repository(*id, "renamed")
                }
            };
            let sent = w.forge.tell(&w.served, &[happened], post).await;
            lost += sent.iter().filter(|one| one.status.is_none()).count();
        }
        assert!((8..=22).contains(&lost), "{lost} of 30 were lost");
        w.idle().await;
        assert_eq!(deliveries(&owner).await.len(), 30 - lost);
        look(&w).await;
        assert_eq!(deliveries(&owner).await.len(), 30);
        let recovered = deliveries(&owner)
            .await
            .iter()
            .filter(|one| one["recovered"] == true)
            .count();
        assert_eq!(recovered, lost);
        let mut expected: Vec<String> = w.forge.read(|state| {
            state
                .repositories()
                .map(|one| format!("acme/{}", one.name))
                .collect()
        });
        expected.sort();
        assert_eq!(names(&owner).await, expected);
        // Another look finds nothing more.
        look(&w).await;
        assert_eq!(deliveries(&owner).await.len(), 30);
    });
}

#[test]
fn what_github_no_longer_remembers_is_listed_anew() {
    run_test(|w| async move {
        let (owner, id, _) = stage(&w).await;
        look(&w).await;
        // Nobody works for a week: as if the last look were long ago.
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        sqlx::query("UPDATE webhook_sources SET checked_until = checked_until - interval '7 days' WHERE checked_until IS NOT NULL")
            .execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        // Its turn by the clock does not come in between.
        later_turns(&w).await;
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
        assert_eq!(syncs().await, 0);
        w.clock.advance(TimeDelta::hours(1) + TimeDelta::minutes(6));
        until("a sync in place of what is lost", || async {
            (syncs().await == 1).then_some(())
        })
        .await;
        let path = format!("/git-connections/{id}/webhook");
        let state = owner.get(&path).await.expect(200);
        let shown = [
            &state["gap_from"],
            &state["gap_until"],
            &state["checked_until"],
        ];
        assert!(shown.iter().all(|at| at.is_string()), "{state}");
    });
}

/// What GitHub tells of a delivery whose payload is larger than any other answer may be.
fn large(sent: &Sent) -> Canned {
    let mut payload: Value = serde_json::from_slice(&sent.body).unwrap();
    payload["padding"] = "x".repeat(17 << 20).into();
    let told = json!({ "event": sent.event, "action": sent.action, "delivered_at": sent.at,
        "request": { "headers": {}, "payload": payload } });
    Canned::json(200, told)
}

#[test]
fn one_that_github_does_not_give_is_a_gap_and_holds_up_no_other() {
    run_test(|w| async move {
        let (owner, id, _) = stage(&w).await;
        look(&w).await;
        // Its turn by the clock does not come in between.
        later_turns(&w).await;
        let path = format!("/git-connections/{id}/webhook");
        assert!(owner.get(&path).await.expect(200)["gap_from"].is_null());
        let all: Vec<u64> = w
            .forge
            .read(|state| state.repositories().map(|one| one.id).collect());
        let told = ["forgotten", "unreadable", "told", "large"];
        let mut faults = Vec::new();
        for (name, repository) in told.into_iter().zip(all) {
            w.clock.advance(TimeDelta::seconds(2));
            w.forge.edit(|state| state.rename(repository, name));
            let happened = [Happened::Repository(repository, "renamed")];
            let post = Post {
                lost: 100,
                ..Post::default()
            };
            let sent = w.forge.tell(&w.served, &happened, post).await;
            assert_eq!(sent.len(), 1);
            let answer = match name {
                "forgotten" => Canned::json(404, json!({ "message": "Not Found" })),
                "unreadable" => Canned::text(404, "what is this?"),
                "large" => large(&sent[0]),
                _ => continue,
            };
            let detail = format!("/app/hook/deliveries/{}", sent[0].id);
            let detail = Match::face(Face::GitHub).path(detail);
            faults.push(w.forge.fault(Fault::on(detail, Action::Answer(answer))));
        }
        let shows = |name: &'static str| {
            let owner = &owner;
            async move {
                let names = names(owner).await;
                names.contains(&format!("acme/{name}")).then_some(())
            }
        };
        // The sync that stands in for the two waits, so that the others show by themselves.
        let listing = Match::face(Face::GitHub).path("/installation/repositories");
        let gate = w.forge.gate(listing, Hold::BeforeWork);
        w.clock.advance(TimeDelta::hours(1) + TimeDelta::minutes(6));
        until("one that is given", || shows("told")).await;
        until("one that is large", || shows("large")).await;
        assert_eq!(shows("forgotten").await, None);
        assert_eq!(shows("unreadable").await, None);
        gate.open();
        until("the first that is not", || shows("forgotten")).await;
        until("the second that is not", || shows("unreadable")).await;
        w.idle().await;
        let recovered = deliveries(&owner).await;
        assert_eq!(recovered.len(), 2, "{recovered:?}");
        let state = owner.get(&path).await.expect(200);
        let shown = [
            &state["gap_from"],
            &state["gap_until"],
            &state["checked_until"],
        ];
        assert!(shown.iter().all(|at| at.is_string()), "{state}");
        let hits = || -> Vec<u64> { faults.iter().map(|fault| w.forge.hits(*fault)).collect() };
        let asked = hits();
        assert!(asked.iter().all(|count| *count >= 1), "{asked:?}");
        // The mark has moved past them.
        look(&w).await;
        assert_eq!(hits(), asked);
        assert_eq!(deliveries(&owner).await.len(), 2);
    });
}
