//! Deliveries of GitHub Apps: whose they are, and whom they reach.

use mooring_forge::Scheme;
use serde_json::{Value, json};
use shared::domain::organization::Role;
use sqlx::{AssertSqlSafe, Executor};

use super::{Hook, Letters};
use crate::github_app::{self, Installed};
use crate::upkeep::by_hand;
use crate::world::{Caller, World, new_organization, run_test};

/// The hook of an App, whose secret is this.
fn hook_of(w: &World, app: u64, secret: &str) -> Hook {
    Hook {
        api: w.api.clone(),
        path: "/api/v1/webhooks/github".to_owned(),
        secret: secret.to_owned(),
        scheme: Scheme::GitHub,
        extra: vec![(
            "x-github-hook-installation-target-id".to_owned(),
            app.to_string(),
        )],
    }
}

async fn configure(caller: &Caller, installed: &Installed, secret: &str) {
    let body = json!({
        "provider": "github",
        "github_app_id": installed.app.id,
        "github_app_slug": installed.app.slug,
        "github_app_private_key": installed.app.private_key,
        "webhook_secret": secret,
    });
    caller.post("/git-provider-configs", body).await;
}

fn installation(installed: &Installed, action: &str, at: chrono::DateTime<chrono::Utc>) -> Value {
    json!({ "action": action, "installation": { "id": installed.id, "updated_at": at, "suspended_at": at },
        "sender": { "id": 1 } })
}

#[test]
fn an_organizations_own_app_reaches_its_own_connections_alone() {
    run_test(|w| async move {
        let installed = github_app::installed(&w, 2);
        let (own, other) = (
            w.owner(),
            w.member_of(new_organization(&w.context, "Other").await, Role::Owner),
        );
        let mut ids = Vec::new();
        for caller in [&own, &other] {
            let made = caller
                .post("/git-connections", installed.body())
                .await
                .expect(201);
            let id = made["id"].as_str().unwrap().to_owned();
            caller.synced(&id).await;
            ids.push(id);
        }
        configure(&own, &installed, "the organization's secret").await;
        let hook = hook_of(&w, installed.app.id, "the organization's secret");
        let at = w.clock.now() + chrono::TimeDelta::seconds(5);
        let letter = Letters(&w).letter(
            "1",
            "installation",
            &installation(&installed, "suspend", at),
        );
        let wrong = hook_of(&w, installed.app.id, "another secret");
        wrong.send(&letter).await.problem(401, "invalid_signature");
        let sent = hook.accepted(&letter).await;
        let done = own.delivery_handled(&sent).await;
        assert_eq!(done["status"], "handled", "{done}");
        assert_eq!(done["connection_id"], ids[0]);
        assert_eq!(own.connection(&ids[0]).await["health"]["code"], "suspended");
        assert_eq!(other.connection(&ids[1]).await["health"]["code"], "ok");
        other
            .get(&format!("/webhook-deliveries/{sent}"))
            .await
            .problem(404, "not_found");

        // An older suspension undoes no lifted one; a deletion is final.
        let lifted = w.clock.now() + chrono::TimeDelta::seconds(9);
        let letter = Letters(&w).letter(
            "2",
            "installation",
            &installation(&installed, "unsuspend", lifted),
        );
        own.delivery_handled(&hook.accepted(&letter).await).await;
        w.idle().await;
        assert_eq!(own.connection(&ids[0]).await["health"]["code"], "ok");
        let letter = Letters(&w).letter(
            "3",
            "installation",
            &installation(&installed, "suspend", at + chrono::TimeDelta::seconds(1)),
        );
        own.delivery_handled(&hook.accepted(&letter).await).await;
        w.idle().await;
        assert_eq!(own.connection(&ids[0]).await["health"]["code"], "ok");
        let letter = Letters(&w).letter(
            "4",
            "installation",
            &installation(&installed, "deleted", at),
        );
        own.delivery_handled(&hook.accepted(&letter).await).await;
        let gone = own.connection(&ids[0]).await;
        assert_eq!(
            (&gone["status"], &gone["health"]["code"]),
            (&json!("disconnected"), &json!("uninstalled"))
        );
    });
}

#[test]
fn the_platforms_app_reaches_every_connection_of_its_installation() {
    run_test(|w| async move {
        let installed = github_app::installed(&w, 2);
        let owner = w.owner();
        let made = owner
            .post("/git-connections", installed.body())
            .await
            .expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        configure(&w.admin(), &installed, "the platform's secret").await;
        let hook = hook_of(&w, installed.app.id, "the platform's secret");
        let body = json!({ "action": "added", "installation": { "id": installed.id }, "repository_selection": "selected",
            "repositories_added": [{ "id": 888_777, "name": "space", "full_name": "acme/space", "private": true }],
            "repositories_removed": [] });
        let sent = hook
            .accepted(&Letters(&w).letter("1", "installation_repositories", &body))
            .await;
        let done = w.admin().delivery_handled(&sent).await;
        assert_eq!(done["status"], "handled", "{done}");
        // What the tenant's connection is called stays with the tenant.
        assert!(!done.to_string().contains(&id), "{done}");
        w.idle().await;
        // The sync that follows knows of none.
        let row = owner.repository_of("888777").await.unwrap();
        assert_eq!(row["full_name"], "acme/space");
    });
}

/// So many registrations of one App as anybody likes to save leave room for everybody else's, and what is
/// wrong with one of them is no other one's business.
#[test]
fn many_registrations_of_one_organization_keep_no_other_from_being_heard() {
    run_test(|w| async move {
        let installed = github_app::installed(&w, 1);
        let other = new_organization(&w.context, "Other").await;
        let sql = format!(
            "INSERT INTO provider_configs (organization_id, id, provider, base_url, github_app_id, \
                github_app_private_key, webhook_secret, created_at, updated_at) \
             SELECT '{}', lpad(to_hex(n), 32, '0')::uuid, 'github', 'https://h' || n || '.example', {}, \
                'x', 'x', now(), now() FROM generate_series(1, 500) n",
            other.0, installed.app.id
        );
        by_hand(&w).await.execute(AssertSqlSafe(sql)).await.unwrap();
        let owner = w.owner();
        configure(&owner, &installed, "a secret").await;
        let hook = hook_of(&w, installed.app.id, "a secret");
        let letter = Letters(&w).letter("1", "ping", &json!({ "zen": "x" }));
        let id = hook.accepted(&letter).await;
        assert_eq!(owner.delivery_handled(&id).await["status"], "handled");
    });
}

/// Anybody can write down the number of an installation, at a host of their own or with a key that nobody has
/// asked about.
#[test]
fn a_number_that_somebody_wrote_down_is_reached_by_no_delivery() {
    run_test(|w| async move {
        let installed = github_app::installed(&w, 1);
        let (owner, other) = (
            w.owner(),
            w.member_of(new_organization(&w.context, "Other").await, Role::Owner),
        );
        let mut ids = Vec::new();
        for caller in [&owner, &other] {
            let made = caller
                .post("/git-connections", installed.body())
                .await
                .expect(201);
            ids.push(made["id"].as_str().unwrap().to_owned());
            caller.synced(&ids[ids.len() - 1]).await;
        }
        configure(&w.admin(), &installed, "the platform's secret").await;
        let hook = hook_of(&w, installed.app.id, "the platform's secret");
        let as_if = [
            "base_url = 'https://elsewhere.example'",
            "account_id = NULL, base_url = (SELECT c.base_url FROM connections c \
                WHERE c.base_url <> 'https://elsewhere.example')",
        ];
        for (number, change) in as_if.into_iter().enumerate() {
            let sql = format!("UPDATE connections SET {change} WHERE id = '{}'", ids[1]);
            by_hand(&w).await.execute(AssertSqlSafe(sql)).await.unwrap();
            let id = 700 + number;
            let body = json!({ "action": "added", "installation": { "id": installed.id },
                "repositories_added": [{ "id": id, "name": "x", "full_name": format!("acme/{id}"), "private": true }],
                "repositories_removed": [] });
            let event = "installation_repositories";
            let letter = Letters(&w).letter(&number.to_string(), event, &body);
            let sent = hook.accepted(&letter).await;
            w.admin().delivery_handled(&sent).await;
            w.everybody_idle().await;
            assert!(owner.repository_of(&id.to_string()).await.is_some());
            assert!(other.repository_of(&id.to_string()).await.is_none());
        }
    });
}

#[test]
fn a_delivery_for_an_installation_that_nobody_bound_waits_for_it() {
    run_test(|w| async move {
        let installed = github_app::installed(&w, 1);
        let owner = w.owner();
        configure(&owner, &installed, "a secret").await;
        let hook = hook_of(&w, installed.app.id, "a secret");
        let body = json!({ "action": "added", "installation": { "id": installed.id },
            "repositories_added": [{ "id": 1, "name": "a", "full_name": "acme/a", "private": true }], "repositories_removed": [] });
        let letter = Letters(&w).letter("1", "installation_repositories", &body);
        let sent = hook.accepted(&letter).await;
        w.idle().await;
        let path = format!("/webhook-deliveries/{sent}");
        assert_eq!(owner.get(&path).await.expect(200)["status"], "accepted");
        let made = owner
            .post("/git-connections", installed.body())
            .await
            .expect(201);
        owner.synced(made["id"].as_str().unwrap()).await;
        w.clock.advance(chrono::TimeDelta::minutes(2));
        assert_eq!(owner.delivery_handled(&sent).await["status"], "handled");

        let other = json!({ "action": "added", "installation": { "id": 1 }, "repositories_added": [], "repositories_removed": [] });
        let sent = hook
            .accepted(&Letters(&w).letter("2", "installation_repositories", &other))
            .await;
        for _ in 0..4 {
            w.idle().await;
            w.clock.advance(chrono::TimeDelta::minutes(40));
        }
        let done = owner.delivery_handled(&sent).await;
        assert_eq!(done["status"], "ignored");
        assert!(done["reason"].as_str().unwrap().contains("installation"));
    });
}
