//! What a repository's hook sends in vain, found in the provider's list: when it is looked at, and when
//! nothing is asked.

use chrono::TimeDelta;
use mooring_forge::{
    Action, Canned, Face, Fault, Happened, Letter, Match, Post, RepositoryId, Scheme, Sent,
};
use serde_json::{Value, json};
use shared::flows::webhooks::{appear, hook_sweep_job};
use shared::queue::enqueue;

use super::register::{connect_repositories, registered};
use crate::world::{Caller, World, http_client, run_test};

/// Providers, with their faces.
pub const ALL: [(&str, Face); 4] = [
    ("github", Face::GitHub),
    ("gitlab", Face::GitLab),
    ("bitbucket", Face::Bitbucket),
    ("azure_devops", Face::Azure),
];

/// A connection whose one repository has a hook of ours.
pub struct Hooked {
    pub owner: Caller,
    pub id: String,
    pub face: Face,
    pub repository: RepositoryId,
}

impl Hooked {
    pub async fn at(w: &World, (provider, face): (&str, Face)) -> Self {
        let owner = w.owner();
        let id = owner.any_connection(w, provider).await;
        owner.synced(&id).await;
        connect_repositories(&owner, &id).await;
        registered(&owner, &id).await;
        w.idle().await;
        // Its turn by the clock does not come in between.
        later_turns(w).await;
        let login = format!("hooked-{}", provider.replace('_', "-"));
        let repository = w.forge.read(|state| {
            let mut all = state.repositories();
            let own = all.find(|one| state.owner(one.owner).unwrap().login == login);
            own.unwrap().id
        });
        Self {
            owner,
            id,
            face,
            repository,
        }
    }

    pub async fn webhook(&self) -> Value {
        let path = format!("/git-connections/{}/webhook", self.id);
        self.owner.get(&path).await.expect(200)
    }

    pub async fn deliveries(&self) -> Vec<Value> {
        let path = format!("/webhook-deliveries?per_page=100&connection_id={}", self.id);
        let list = self.owner.get(&path).await.expect(200);
        list["deliveries"].as_array().unwrap().clone()
    }

    /// Renames the repository, and tells of it so; how many deliveries were lost.
    pub async fn rename(&self, w: &World, name: &str, post: Post) -> usize {
        w.clock.advance(TimeDelta::seconds(2));
        w.forge.edit(|state| state.rename(self.repository, name));
        let happened = [Happened::Repository(self.repository, "renamed")];
        let sent = w.forge.tell(&w.served, &happened, post).await;
        sent.iter().filter(|one| one.status.is_none()).count()
    }

    /// The same; what was sent.
    pub async fn told(&self, w: &World, name: &str) -> Vec<Sent> {
        w.clock.advance(TimeDelta::seconds(2));
        w.forge.edit(|state| state.rename(self.repository, name));
        let happened = [Happened::Repository(self.repository, "renamed")];
        w.forge.tell(&w.served, &happened, Post::default()).await
    }

    pub async fn name(&self) -> String {
        let path = format!("/repositories?connection_id={}", self.id);
        let list = self.owner.get(&path).await.expect(200);
        let name = list["repositories"][0]["full_name"].as_str().unwrap();
        name.rsplit('/').next().unwrap().to_owned()
    }

    /// Requests about hooks that the provider has seen.
    pub fn asked(&self, w: &World) -> usize {
        self.questions(w).len()
    }

    pub fn questions(&self, w: &World) -> Vec<String> {
        let all = w.forge.requests(&Match::face(self.face));
        let about = all.iter().filter(|one| one.path.contains("/hooks"));
        about
            .map(|one| format!("{} {}", one.method, one.path))
            .collect()
    }

    pub async fn syncs(&self) -> usize {
        let path = format!("/git-connections/{}/syncs", self.id);
        let runs = self.owner.get(&path).await.expect(200);
        let all = runs["syncs"].as_array().unwrap();
        all.iter().filter(|run| run["trigger"] == "webhook").count()
    }
}

/// Puts the turns by the clock off, so that it is deliveries that tell.
pub async fn later_turns(w: &World) {
    let mut tx = w.context.db.tenant(w.organization).await.unwrap();
    sqlx::query("UPDATE turns SET last_at = $1")
        .bind(w.clock.now() + TimeDelta::days(30))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Runs the hourly sweep now, with what it sets going.
pub async fn sweep(w: &World) {
    let mut tx = w.context.db.system().begin().await.unwrap();
    let enqueued = enqueue(&mut tx, &[hook_sweep_job(w.clock.now())])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    w.context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    w.everybody_idle().await;
}

/// Nobody takes deliveries for a while.
pub async fn away(w: &World) {
    appear(&w.context).await.unwrap();
    w.clock.advance(TimeDelta::minutes(10));
}

pub async fn back(w: &World) {
    assert!(appear(&w.context).await.unwrap().is_some());
    w.everybody_idle().await;
}

#[test]
fn half_of_the_deliveries_are_lost_while_we_are_away_and_nothing_is_missing_after_one_look() {
    run_test(|w| async move {
        for provider in [ALL[0], ALL[1], ALL[3]] {
            let hooked = Hooked::at(&w, provider).await;
            away(&w).await;
            let (mut lost, half) = (
                0,
                Post {
                    lost: 50,
                    ..Post::default()
                },
            );
            for number in 0..24 {
                lost += hooked.rename(&w, &format!("renamed-{number}"), half).await;
            }
            // The last one certainly does not arrive.
            let all = Post {
                lost: 100,
                ..Post::default()
            };
            lost += hooked.rename(&w, "at-last", all).await;
            w.idle().await;
            assert!((6..=20).contains(&lost), "{lost} of 25 were lost");
            assert_ne!(hooked.name().await, "at-last");
            let before = hooked.deliveries().await.len();
            back(&w).await;
            assert_eq!(hooked.name().await, "at-last", "{provider:?}");
            let deliveries = hooked.deliveries().await;
            let recovered = deliveries
                .iter()
                .filter(|one| one["recovered"] == true)
                .count();
            let told = format!(
                "{provider:?} {:?} {}",
                hooked.questions(&w),
                hooked.webhook().await
            );
            assert_eq!(
                (recovered, deliveries.len()),
                (lost, before + lost),
                "{told}"
            );
            let state = hooked.webhook().await;
            assert_eq!(state["recovered"], json!(lost), "{state}");
            assert!(state["checked_until"].is_string(), "{state}");
            assert!(state["gap_from"].is_null(), "{state}");
            // It is done with: nobody asks again.
            let asked = hooked.asked(&w);
            sweep(&w).await;
            assert_eq!(hooked.asked(&w), asked);
        }
    });
}

#[test]
fn nothing_is_asked_where_nothing_speaks_for_a_loss() {
    run_test(|w| async move {
        let mut all = Vec::new();
        for provider in ALL {
            all.push(Hooked::at(&w, provider).await);
        }
        appear(&w.context).await.unwrap();
        let before: Vec<usize> = all.iter().map(|one| one.asked(&w)).collect();
        for hooked in &all {
            assert_eq!(hooked.rename(&w, "told", Post::default()).await, 0);
        }
        for _ in 0..3 {
            w.clock.advance(TimeDelta::seconds(50));
            assert!(appear(&w.context).await.unwrap().is_none());
            sweep(&w).await;
        }
        let after: Vec<usize> = all.iter().map(|one| one.asked(&w)).collect();
        assert_eq!(after, before, "a list was asked for needlessly");
        // The day's question is one for each hook, and no list.
        w.clock.advance(TimeDelta::hours(25));
        sweep(&w).await;
        for (hooked, before) in all.iter().zip(after) {
            let questions = hooked.questions(&w);
            assert_eq!(questions.len(), before + 1, "{questions:?}");
        }
    });
}

#[test]
fn what_was_fetched_and_comes_late_acts_once() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        away(&w).await;
        let all = Post {
            lost: 100,
            ..Post::default()
        };
        hooked.rename(&w, "fetched", all).await;
        back(&w).await;
        assert_eq!(hooked.name().await, "fetched");
        // The same delivery after all, in the bytes that the list did not have.
        let (sent, hook) = w.forge.read(|state| {
            let hook = state.hooks().next().cloned().unwrap();
            (state.sent().last().cloned().unwrap(), hook)
        });
        let told: Value = serde_json::from_slice(&sent.body).unwrap();
        let letter = Letter {
            id: sent.guid.clone(),
            event: sent.event,
            body: serde_json::to_vec_pretty(&told).unwrap(),
            at: sent.at,
        };
        let mut request = http_client().post(&hook.url).body(letter.body.clone());
        for (name, value) in letter.headers(Scheme::GitHub, hook.secret.as_deref().unwrap()) {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status(), 202);
        w.idle().await;
        let deliveries = hooked.deliveries().await;
        let mut standing: Vec<(&str, bool)> = deliveries
            .iter()
            .filter(|one| one["provider_delivery_id"] == json!(sent.guid))
            .map(|one| (one["status"].as_str().unwrap(), one["recovered"] == true))
            .collect();
        standing.sort_unstable();
        assert_eq!(
            standing,
            [("handled", true), ("ignored", false)],
            "{deliveries:?}"
        );
    });
}

#[test]
fn a_server_without_lists_has_a_sync_and_the_gap_is_told() {
    run_test(|w| async move {
        w.forge.edit(|state| {
            state.settings.gitlab.version = "17.0.0".to_owned();
            state.settings.gitlab.signs_webhooks = false;
        });
        for provider in [ALL[1], ALL[2]] {
            let hooked = Hooked::at(&w, provider).await;
            away(&w).await;
            let all = Post {
                lost: 100,
                ..Post::default()
            };
            hooked.rename(&w, "listed", all).await;
            assert_eq!(hooked.syncs().await, 0);
            back(&w).await;
            assert_eq!(hooked.syncs().await, 1);
            assert_eq!(hooked.name().await, "listed", "{provider:?}");
            let state = hooked.webhook().await;
            assert!(state["gap_from"].is_string(), "{state}");
            assert!(state["gap_until"].is_string(), "{state}");
            assert_eq!(state["recovered"], 0);
        }
    });
}

#[test]
fn one_that_is_not_given_is_a_gap_and_holds_up_no_other() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        away(&w).await;
        let all = Post {
            lost: 100,
            ..Post::default()
        };
        hooked.rename(&w, "refused", all).await;
        let sent = w.forge.read(|state| state.sent().last().cloned().unwrap());
        let detail = format!("/repositories/*/hooks/*/deliveries/{}", sent.id);
        let detail = Match::face(hooked.face).path(detail);
        let canned = Canned::json(422, json!({ "message": "Unprocessable" }));
        let fault = w.forge.fault(Fault::on(detail, Action::Answer(canned)));
        hooked.rename(&w, "given", all).await;
        back(&w).await;
        assert!(w.forge.hits(fault) >= 1);
        assert_eq!(hooked.name().await, "given");
        let state = hooked.webhook().await;
        assert_eq!(state["recovered"], 1, "{state}");
        assert!(state["gap_from"].is_string(), "{state}");
        assert!(state["checked_until"].is_string(), "{state}");
        assert_ne!(hooked.syncs().await, 0);
        // It is done with.
        let asked = hooked.asked(&w);
        sweep(&w).await;
        assert_eq!(hooked.asked(&w), asked);
    });
}
