//! Runs that register hooks and end early, are refused, or have more to do than one list holds.

use chrono::TimeDelta;
use http::Method;
use mooring_forge::{Action, Canned, Face, Fault, Hook as AtForge, Match, TokenSpec};
use serde_json::{Value, json};
use uuid::Uuid;

use super::hook_lists::later_turns;
use super::register::{connect_repositories, hooks, registered};
use crate::world::{Caller, World, run_test, until};

/// A synced connection of an account of its own, whose repositories are all there.
struct Account {
    owner: Caller,
    login: &'static str,
    face: Face,
    id: String,
}

impl Account {
    async fn at(w: &World, face: Face, login: &'static str, repositories: usize) -> Self {
        let owner = w.owner();
        w.forge.add_user(login);
        w.forge.add_repositories(login, repositories);
        let made = match face {
            Face::Bitbucket => {
                let token = w.forge.mint(TokenSpec::bitbucket(login));
                let mut body = Caller::body("bitbucket", &token);
                body["username"] = json!(format!("{login}@example.com"));
                owner.post("/git-connections", body).await
            }
            _ => {
                let body = Caller::body("github", &fresh(w, login));
                owner.post("/git-connections", body).await
            }
        };
        let id = made.expect(201)["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        // Its turn by the clock does not come in between.
        later_turns(w).await;
        Self {
            owner,
            login,
            face,
            id,
        }
    }

    async fn webhook(&self) -> Value {
        let path = format!("/git-connections/{}/webhook", self.id);
        self.owner.get(&path).await.expect(200)
    }

    /// What is noted of its hooks, without those that are in order.
    async fn faults(&self) -> Vec<Value> {
        let state = self.webhook().await;
        let all = state["hooks"].as_array().unwrap().iter();
        let faults = all.filter(|one| !one["error_code"].is_null());
        faults.map(|one| one["error_code"].clone()).collect()
    }

    /// Its hooks at the provider.
    async fn standing(&self, w: &World) -> Vec<AtForge> {
        let url = self.webhook().await["url"].clone();
        let mut all = hooks(w, self.face);
        all.retain(|hook| hook.url == url);
        all
    }

    /// Waits until so many of its hooks stand, and all is done.
    async fn stand(&self, w: &World, count: usize) {
        until("hooks at the provider", || async {
            (self.standing(w).await.len() == count).then_some(())
        })
        .await;
        w.idle().await;
    }

    /// Takes a connected repository away and connects it again; its new id.
    async fn reconnect(&self, w: &World, connected: &str) -> String {
        let path = format!("/connected-repositories/{connected}");
        let was = self.owner.get(&path).await.expect(200);
        self.owner.delete(&path).await.expect(204);
        w.idle().await;
        let body = json!({ "connection_id": self.id, "full_name": was["full_name"],
            "sast_enabled": true, "sca_enabled": false });
        let made = self.owner.post("/connected-repositories", body).await;
        let id = made.expect(201)["id"].as_str().unwrap().to_owned();
        w.idle().await;
        id
    }

    async fn paste(&self, w: &World) {
        let path = format!("/git-connections/{}", self.id);
        let body = json!({ "api_token": fresh(w, self.login) });
        self.owner.patch(&path, body).await.expect(200);
    }
}

/// A GitHub token of the account that nobody has seen.
fn fresh(w: &World, login: &str) -> String {
    let token = TokenSpec::classic(login).scopes(["repo", "read:org"]);
    w.forge.mint(token)
}

/// Questions for the hooks of a repository at GitHub.
fn lists() -> Match {
    Match::face(Face::GitHub)
        .method(Method::GET)
        .path("/repositories/*/hooks")
}

/// Requests about hooks that a provider has seen.
fn asked(w: &World, face: Face) -> usize {
    let all = w.forge.requests(&Match::face(face));
    all.iter().filter(|one| one.path.contains("/hooks")).count()
}

fn unknown() -> Canned {
    Canned::json(401, json!({ "message": "Bad credentials" }))
}

fn unable() -> Canned {
    let message = "Resource not accessible by personal access token";
    Canned::json(403, json!({ "message": message }))
}

#[test]
fn a_run_that_is_held_back_goes_on_where_it_was() {
    run_test(|w| async move {
        let account = Account::at(&w, Face::Bitbucket, "many", 5).await;
        let connected = connect_repositories(&account.owner, &account.id).await;
        let lists = Match::face(Face::Bitbucket)
            .method(Method::GET)
            .path("/repositories/*/*/hooks");
        let message = "Rate limit for this resource has been exceeded";
        let limited = json!({ "type": "error", "error": { "message": message } });
        let limited = Canned::json(429, limited).header("retry-after", 600);
        w.forge
            .fault(Fault::on(lists, Action::Answer(limited)).after(2).once());
        registered(&account.owner, &account.id).await;
        w.idle().await;
        assert_eq!(account.standing(&w).await.len(), 2);
        // Two of two requests each, and the one that was refused.
        assert_eq!(asked(&w, Face::Bitbucket), 5);
        w.clock.advance(TimeDelta::minutes(11));
        account.stand(&w, 5).await;
        assert_eq!(asked(&w, Face::Bitbucket), 5 + 3 * 2);
        assert!(account.faults().await.is_empty());

        // A new secret goes to all of them.
        let path = format!("/git-connections/{}/webhook", account.id);
        let rotated = account.owner.post(&path, json!({})).await.expect(201);
        w.idle().await;
        let standing = account.standing(&w).await;
        let secret = rotated["secret"].as_str();
        assert!(standing.iter().all(|hook| hook.secret.as_deref() == secret));
        assert_eq!((standing.len(), asked(&w, Face::Bitbucket)), (5, 21));

        // One that goes and comes is asked for alone.
        account.reconnect(&w, &connected[0]).await;
        assert_eq!(account.standing(&w).await.len(), 5);
        assert_eq!(asked(&w, Face::Bitbucket), 21 + 2 + 2);
    });
}

#[test]
fn a_new_token_has_hooks_installed_that_the_former_one_could_not() {
    run_test(|w| async move {
        for (login, refusal, codes) in [
            ("unknown", unknown(), vec!["reauth_required"]),
            ("unable", unable(), vec!["scope_missing"; 3]),
        ] {
            let account = Account::at(&w, Face::GitHub, login, 3).await;
            connect_repositories(&account.owner, &account.id).await;
            let refused = Fault::on(lists(), Action::Answer(refusal));
            let refused = w.forge.fault(refused);
            registered(&account.owner, &account.id).await;
            w.idle().await;
            assert_eq!(account.faults().await, codes);
            assert_eq!(w.forge.hits(refused), codes.len() as u64);
            w.forge.remove_fault(refused);
            let before = asked(&w, Face::GitHub);
            w.clock.advance(TimeDelta::minutes(30));
            w.everybody_idle().await;
            assert_eq!(asked(&w, Face::GitHub), before, "{login}");

            account.paste(&w).await;
            account.stand(&w, 3).await;
            assert!(account.faults().await.is_empty());
        }
    });
}

#[test]
fn what_was_refused_rests_and_is_tried_again_after_the_rest() {
    run_test(|w| async move {
        let account = Account::at(&w, Face::GitHub, "partly", 3).await;
        let mut connected = connect_repositories(&account.owner, &account.id).await;
        let refused = Fault::on(lists(), Action::Answer(unable())).times(2);
        w.forge.fault(refused);
        registered(&account.owner, &account.id).await;
        w.idle().await;
        assert_eq!(account.standing(&w).await.len(), 1);
        assert_eq!(account.faults().await, ["scope_missing"; 2]);
        // A run that another hook has set going leaves them alone.
        let state = account.webhook().await;
        let well = state["hooks"].as_array().unwrap().iter();
        let mut well = well.filter(|one| one["error_code"].is_null());
        let well = well.next().unwrap()["provider_repository_id"].clone();
        let mut of_it = None;
        for one in connected.drain(..) {
            let path = format!("/connected-repositories/{one}");
            let told = account.owner.get(&path).await.expect(200);
            if told["provider_repository_id"] == well {
                of_it = Some(one);
            }
        }
        let before = asked(&w, Face::GitHub);
        let of_it = account.reconnect(&w, &of_it.unwrap()).await;
        assert_eq!(asked(&w, Face::GitHub), before + 4);
        assert_eq!(account.standing(&w).await.len(), 1);

        w.clock.advance(TimeDelta::hours(7));
        account.reconnect(&w, &of_it).await;
        account.stand(&w, 3).await;
        assert!(account.faults().await.is_empty());
    });
}

#[test]
fn a_hook_that_cannot_be_taken_away_is_not_forgotten() {
    run_test(|w| async move {
        for (login, refusal, code) in [
            ("unknown", unknown(), "reauth_required"),
            ("unable", unable(), "scope_missing"),
        ] {
            let account = Account::at(&w, Face::GitHub, login, 2).await;
            let connected = connect_repositories(&account.owner, &account.id).await;
            registered(&account.owner, &account.id).await;
            w.idle().await;
            assert_eq!(account.standing(&w).await.len(), 2);
            w.forge
                .fault(Fault::on(lists(), Action::Answer(refusal)).once());
            let path = format!("/connected-repositories/{}", connected[0]);
            account.owner.delete(&path).await.expect(204);
            w.idle().await;
            assert_eq!(account.standing(&w).await.len(), 2);
            assert_eq!(account.faults().await, [code]);
            let state = account.webhook().await;
            assert_eq!(state["hooks"].as_array().unwrap().len(), 2);

            account.paste(&w).await;
            account.stand(&w, 1).await;
            let state = account.webhook().await;
            assert_eq!(state["hooks"].as_array().unwrap().len(), 1);
            assert!(account.faults().await.is_empty());
        }
    });
}

#[test]
fn more_hooks_than_one_page_holds_are_installed_and_taken_away() {
    run_test(|w| async move {
        let account = Account::at(&w, Face::GitHub, "large", 130).await;
        let id: Uuid = account.id.parse().unwrap();
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        sqlx::query(
            "INSERT INTO connected_repositories (organization_id, id, connection_organization_id, \
                connection_id, provider, provider_repository_id, full_name, sast_enabled, \
                sca_enabled, created_at, updated_at) \
             SELECT organization_id, gen_random_uuid(), organization_id, connection_id, provider, \
                provider_repository_id, full_name, true, false, now(), now() \
             FROM repositories WHERE connection_id = $1",
        )
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        registered(&account.owner, &account.id).await;
        account.stand(&w, 130).await;

        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        sqlx::query(
            "DELETE FROM connected_repositories WHERE connection_id = $1 AND id NOT IN \
                (SELECT id FROM connected_repositories WHERE connection_id = $1 ORDER BY id LIMIT 3)",
        )
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
        let left: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM connected_repositories WHERE connection_id = $1")
                .bind(id)
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(left.len(), 3);
        let path = format!("/connected-repositories/{}", left[0]);
        account.owner.delete(&path).await.expect(204);
        account.stand(&w, 2).await;
        let state = account.webhook().await;
        assert_eq!(state["hooks"].as_array().unwrap().len(), 2);
    });
}
