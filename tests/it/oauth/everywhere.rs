//! Every provider by every method, the whole way: connected, synced, listed, dead at the provider,
//! healed in place, lent to Git; by consent also renewed. What was gone through is printed as a
//! table, as far as it came where a step fails.

use std::collections::BTreeMap;

use mooring_forge::{OAuthApp, OAuthAppSpec, Role as OrgRole, TokenSpec};
use serde_json::{Value, json};
use shared::domain::organization::Role;

use super::{api, app_at, configure, connect, face, ready};
use crate::github_app::installed;
use crate::world::{Caller, World, new_organization, run_test};

/// Columns of the table.
const STEPS: [&str; 4] = ["connect", "heal in place", "list", "branches"];

/// Which steps each provider's methods came through.
#[derive(Default)]
struct Table(BTreeMap<(&'static str, &'static str), Vec<&'static str>>);

impl Table {
    fn tick(&mut self, way: &Way, step: &'static str) {
        let key = (way.provider, way.method);
        self.0.entry(key).or_default().push(step);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        println!("| provider | method | {} |", STEPS.join(" | "));
        println!("|---|---|{}", "---|".repeat(STEPS.len()));
        for ((provider, method), done) in &self.0 {
            let mark = |step| if done.contains(step) { "✓" } else { "✗" };
            let marks: Vec<_> = STEPS.iter().map(mark).collect();
            println!("| {provider} | {method} | {} |", marks.join(" | "));
        }
    }
}

/// One way to be connected, and what is to be seen that way.
struct Way {
    provider: &'static str,
    method: &'static str,
    repositories: usize,
    /// What Git takes for a user name; none where it takes any.
    git_username: Option<&'static str>,
}

fn way(provider: &'static str, method: &'static str, git_username: Option<&'static str>) -> Way {
    Way {
        provider,
        method,
        repositories: 3,
        git_username,
    }
}

/// The stored list and the branches of its first repository.
async fn lists(owner: &Caller, id: &str, way: &Way, table: &mut Table) {
    let path = format!("/git-connections/{id}");
    let list = owner
        .get(&format!("{path}/repositories?source=stored"))
        .await
        .expect(200);
    assert_eq!(list["total"], way.repositories, "{list}");
    assert!(list["synced_at"].is_string(), "{list}");
    table.tick(way, "list");
    let name = list["repositories"][0]["full_name"].as_str().unwrap();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("repo", name)
        .finish();
    let branches = owner.get(&format!("{path}/branches?{query}")).await;
    let branches = branches.expect(200);
    let is_default = |branch: &&Value| branch["is_default"] == json!(true);
    let rows = branches["branches"].as_array().unwrap();
    assert_eq!(rows.iter().filter(is_default).count(), 1, "{branches}");
    table.tick(way, "branches");
}

/// The provider no longer takes it, and the connection knows.
async fn is_dead(owner: &Caller, id: &str) {
    let path = format!("/git-connections/{id}/validate");
    let found = owner.post(&path, json!({})).await.expect(200);
    assert_eq!(found["valid"], false, "{found}");
    assert_eq!(found["health"]["code"], "reauth_required", "{found}");
    let dead = owner.connection(id).await;
    let status = dead["status"].as_str().unwrap();
    assert!(matches!(status, "revoked" | "expired"), "{dead}");
}

/// The same connection works again, with what it had.
async fn is_healed(owner: &Caller, id: &str, way: &Way, table: &mut Table) {
    let healed = owner.connection(id).await;
    assert_eq!(
        (&healed["status"], &healed["health"]["code"]),
        (&json!("active"), &json!("ok")),
        "{healed}"
    );
    let live = owner
        .get(&format!("/git-connections/{id}/repositories?source=live"))
        .await
        .expect(200);
    let seen = live["repositories"].as_array().unwrap().len();
    assert_eq!(seen, way.repositories, "{live}");
    // What healing asks for has ended before another one is, which is then its own job.
    owner.synced(id).await;
    let job = owner.sync(id).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    let kept = owner.connection(id).await;
    assert_eq!(kept["repository_count"], way.repositories, "{kept}");
    table.tick(way, "heal in place");
}

/// What Git is lent works at the provider, under the name that Git says there.
async fn is_lent(w: &World, owner: &Caller, id: &str, way: &Way) {
    let path = format!("/git-connections/{id}/credentials");
    let lent = owner.post(&path, json!({ "purpose": "clone" })).await;
    let lent = lent.expect(201);
    let username = lent["username"].as_str().unwrap();
    assert!(!username.is_empty());
    assert!(way.git_username.is_none_or(|name| name == username));
    let token = w.forge.token_id(lent["password"].as_str().unwrap());
    assert!(super::is_alive(w, token.unwrap()), "{}", way.method);
}

/// By consent of `login`'s to an app.
async fn by_consent(
    w: &World,
    owner: &Caller,
    way: &Way,
    (app, login, renews): (OAuthApp, &str, bool),
    table: &mut Table,
) {
    configure(owner, way.provider, &app).await;
    w.forge.consents_as(face(way.provider), login);
    let id = connect(owner, way.provider, json!({})).await;
    let made = owner.connection(&id).await;
    assert_eq!(
        (&made["provider"], &made["auth_method"]),
        (&json!(way.provider), &json!("oauth"))
    );
    owner.synced(&id).await;
    table.tick(way, "connect");
    lists(owner, &id, way, table).await;

    w.forge.revoke_grants(app.id, login);
    is_dead(owner, &id).await;
    assert_eq!(connect(owner, way.provider, json!({})).await, id);
    is_healed(owner, &id, way, table).await;

    let path = format!("/api/v1/git-oauth/refresh/{id}");
    let renewed = owner.post(&path, json!({})).await.expect(200);
    assert_eq!(renewed["success"], renews, "{renewed}");
    assert!(renewed["message"].as_str().unwrap().len() > 10, "{renewed}");
    assert_eq!(renewed["expires_at"].is_string(), renews, "{renewed}");
    let found = owner.connection(&id).await;
    assert_eq!(found["last_refreshed_at"].is_string(), renews, "{found}");
    assert_eq!(found["status"], "active", "{found}");
    is_lent(w, owner, &id, way).await;
}

/// By a secret that somebody pastes; `dies` kills it at the provider and answers what heals it.
async fn by_pasting(
    w: &World,
    owner: &Caller,
    way: &Way,
    body: Value,
    dies: impl FnOnce() -> Value,
    table: &mut Table,
) {
    let made = owner.post("/git-connections", body).await.expect(201);
    assert_eq!(made["status"], "active", "{made}");
    let id = made["id"].as_str().unwrap();
    owner.synced(id).await;
    table.tick(way, "connect");
    lists(owner, id, way, table).await;

    let heals = dies();
    is_dead(owner, id).await;
    let path = format!("/git-connections/{id}");
    let healed = owner.patch(&path, heals).await.expect(200);
    assert_eq!(healed["id"], id);
    is_healed(owner, id, way, table).await;
    // There is nothing to renew it with, and that is said, not failed with.
    let path = format!("/api/v1/git-oauth/refresh/{id}");
    let renewed = owner.post(&path, json!({})).await.expect(200);
    assert_eq!(renewed["success"], false, "{renewed}");
    assert!(renewed["message"].as_str().unwrap().len() > 10, "{renewed}");
    is_lent(w, owner, id, way).await;
}

/// By a token of an account of its own.
async fn by_token(
    w: &World,
    owner: &Caller,
    (way, spec, more): (Way, TokenSpec, Value),
    table: &mut Table,
) {
    let token = w.forge.mint(spec.clone());
    let mut body = Caller::body(way.provider, &token);
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    let dies = || {
        assert!(w.forge.revoke(&token));
        json!({ "api_token": w.forge.mint(spec) })
    };
    by_pasting(w, owner, &way, body, dies, table).await;
}

#[test]
fn every_provider_by_every_method() {
    run_test(|w| async move {
        let mut table = Table::default();
        let api = api(&w).await;
        let owner = w.owner().at(&api);
        // Two organizations, or workspaces, or groups: some providers are walked by them.
        w.forge.add_user("grace");
        w.forge.add_repositories("grace", 3);
        w.forge
            .add_organization("navy", &[("grace", OrgRole::Owner)]);
        w.forge.add_repositories("navy", 2);
        for (provider, git_username) in [
            ("github", Some("x-access-token")),
            ("gitlab", Some("oauth2")),
            ("bitbucket", Some("x-token-auth")),
            ("azure_devops", None),
        ] {
            let mut way = way(provider, "oauth", git_username);
            way.repositories = 5;
            let app = app_at(&w, &api, provider);
            let told = (app, "grace", provider != "github");
            by_consent(&w, &owner, &way, told, &mut table).await;
        }
        // A GitHub App's user tokens end and are renewed; it takes the place of an OAuth app.
        let other = new_organization(&w.context, "Other").await;
        let second = w.member_of(other, Role::Owner).at(&api);
        let uri = format!("{}/api/v1/auth/github/callback", api.base);
        let app = w.forge.add_oauth_app(OAuthAppSpec::github_app(&uri));
        let mut user = way(
            "github",
            "oauth (user of a GitHub App)",
            Some("x-access-token"),
        );
        user.repositories = 5;
        by_consent(&w, &second, &user, (app, "grace", true), &mut table).await;

        let logins = ["octo", "tanuki", "kit", "bucket", "pail", "contoso"];
        for login in logins {
            w.forge.add_user(login);
            w.forge.add_repositories(login, 3);
        }
        let [octo, tanuki, kit, bucket, pail, contoso] = logins;
        for token in [
            (
                way("github", "pat", Some("x-access-token")),
                TokenSpec::classic(octo),
                json!({}),
            ),
            (
                way("gitlab", "gitlab_token", Some("oauth2")),
                TokenSpec::gitlab(tanuki),
                json!({ "auth_method": "gitlab_token" }),
            ),
            (
                way("gitlab", "pat", Some("oauth2")),
                TokenSpec::gitlab(kit),
                json!({}),
            ),
            (
                way(
                    "bitbucket",
                    "pat (API token)",
                    Some("x-bitbucket-api-token-auth"),
                ),
                TokenSpec::bitbucket(bucket),
                json!({ "username": "bucket@example.com" }),
            ),
            (
                way("bitbucket", "pat (access token)", Some("x-token-auth")),
                TokenSpec::bitbucket_access(pail),
                json!({}),
            ),
            (
                way("azure_devops", "pat", None),
                TokenSpec::azure(contoso),
                json!({ "azure_organization": contoso }),
            ),
        ] {
            by_token(&w, &owner, token, &mut table).await;
        }

        let one = installed(&w, 3);
        let dies = || {
            let fresh = w.forge.add_app_key(one.app.id);
            w.forge
                .edit(|state| state.app_mut(one.app.id).public_keys.remove(0));
            json!({ "github_app_private_key": fresh })
        };
        let app = way("github", "github_app", Some("x-access-token"));
        by_pasting(&w, &owner, &app, one.body(), dies, &mut table).await;
        assert_eq!(table.0.len(), 12);
        assert!(table.0.values().all(|done| done.len() == STEPS.len()));
    });
}

/// Prints how long it takes from the wish to connect until everything is stored, at a provider whose
/// answers take 50 ms.
#[test]
fn two_hundred_repositories_from_the_wish_to_their_rows() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        w.forge.add_user("grace");
        w.forge.add_repositories("grace", 200);
        for provider in ["github", "gitlab"] {
            w.forge.consents_as(face(provider), "grace");
            w.forge
                .set_latency(face(provider), std::time::Duration::from_millis(50));
            let began = std::time::Instant::now();
            let id = connect(&owner, provider, json!({})).await;
            let path = format!("/git-connections/{id}");
            let found = crate::world::until("every repository", || async {
                let found = owner.get(&path).await.expect(200);
                (!found["last_synced_at"].is_null()).then_some(found)
            })
            .await;
            assert_eq!(found["repository_count"], 200);
            println!(
                "{provider}: 200 repositories stored after {:?}",
                began.elapsed()
            );
        }
    });
}
