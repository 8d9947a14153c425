//! The straight way.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::domain::ids::ConnectionId;
use shared::store::credentials;
use sqlx::Row;

use super::{
    FRONT, begin, begin_with, come_back, configure, connections, consented, events, face, landed,
    ready,
};
use crate::world::run_test;

#[test]
fn a_consent_becomes_a_connection_that_syncs() {
    run_test(|w| async move {
        let (owner, [github, gitlab]) = ready(&w).await;
        for (provider, app) in [("github", &github), ("gitlab", &gitlab)] {
            let begun = begin(&owner, provider).await;
            let query: std::collections::HashMap<_, _> = begun.url.query_pairs().collect();
            assert_eq!(query["client_id"], app.client_id);
            assert_eq!(query["state"], begun.state);
            assert_eq!(query["redirect_uri"], app.redirect_uris[0]);
            assert_eq!(query["code_challenge_method"], "S256");
            assert!(
                !query
                    .values()
                    .any(|value| value.contains(&app.client_secret))
            );

            let back = consented(&begun).await;
            let answer = come_back(&owner.api, &back, None).await;
            let landed = landed(&answer);
            assert_eq!(landed["status"], "success");
            assert_eq!(landed["account"], "ada");
            assert_eq!(landed["organization"], w.organization.to_string());
            assert_eq!(landed["tab"], "git");
            let id = landed["git_connection"].clone();
            owner.synced(&id).await;
            let made = owner.connection(&id).await;
            assert_eq!(made["auth_method"], "oauth");
            assert_eq!(
                (&made["status"], &made["health"]["code"]),
                (&json!("active"), &json!("ok"))
            );
            assert_eq!(made["account"]["login"], "ada");
            assert_eq!(made["created_by_name"], "Olga Owner");
            assert_eq!(made["repository_count"], 3);
            let syncs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            assert_eq!(syncs["syncs"][0]["trigger"], "created");
            let connected = &events(&owner, "git_provider_connected").await[0];
            assert_eq!(
                connected["metadata"],
                json!({ "provider": provider, "provider_username": "ada" })
            );
            assert_eq!(connected["actor"]["name"], "Olga Owner");
            assert_eq!(connected["subject"]["id"], id.as_str());
            let created = &events(&owner, "git_connection_created").await[0];
            assert_eq!(created["metadata"]["auth_method"], "oauth");
        }
        assert_eq!(connections(&owner).await.len(), 2);
    });
}

/// GitLab's grant ends after two hours, which is told by the grant and by nothing later.
#[test]
fn end_and_registration_are_kept_with_the_grant() {
    run_test(|w| async move {
        let (owner, [_, gitlab]) = ready(&w).await;
        let id = super::connect(&owner, "gitlab", json!({})).await;
        owner.synced(&id).await;
        let end: DateTime<Utc> = {
            let made = owner.connection(&id).await;
            made["token_expires_at"].as_str().unwrap().parse().unwrap()
        };
        let left = end - w.clock.now();
        assert!(
            left > TimeDelta::minutes(118) && left <= TimeDelta::hours(2),
            "{left}"
        );
        owner
            .post(&format!("/git-connections/{id}/validate"), json!({}))
            .await
            .expect(200);
        let after = owner.connection(&id).await;
        let still: DateTime<Utc> = after["token_expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!((still, &after["health"]["code"]), (end, &json!("ok")));
        assert!(
            after["scopes"].as_array().unwrap().contains(&json!("api")),
            "{after}"
        );

        let id: ConnectionId = id.parse().unwrap();
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        let stored = credentials::get(&mut *tx, id).await.unwrap().unwrap();
        assert!(stored.refresh_token.is_some());
        assert_eq!(stored.oauth_client_id.unwrap(), gitlab.client_id);
        assert_eq!(stored.oauth_redirect_uri.unwrap(), gitlab.redirect_uris[0]);
        assert!(stored.provider_config_id.is_some());
        let row = sqlx::query("SELECT next_refresh_at, expires_at FROM credentials")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        let (due, ends): (DateTime<Utc>, DateTime<Utc>) = (row.get(0), row.get(1));
        let early = ends - due;
        assert!(
            early >= TimeDelta::minutes(10) && early <= TimeDelta::minutes(11),
            "{early}"
        );
    });
}

#[test]
fn without_a_front_end_a_page_names_account_and_organization() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let begun = begin_with(&owner, "github", json!({ "redirect_url": null })).await;
        let back = consented(&begun).await;
        let page = come_back(&owner.api, &back, None).await;
        assert_eq!(page.status, 200, "{page}");
        assert!(
            page.header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .contains("'none'")
        );
        let text = page.to_string();
        assert!(text.contains("<strong>ada</strong>") && text.contains("<strong>Acme</strong>"));
        assert!(text.contains("lang=\"en\"") && text.contains("<main>"));
        w.forge.denies(face("github"));
        let begun = begin_with(&owner, "github", json!({ "redirect_url": null })).await;
        let page = come_back(&owner.api, &consented(&begun).await, None).await;
        let text = page.to_string();
        assert!(
            text.contains("Not connected") && text.contains("access_denied"),
            "{text}"
        );
    });
}

#[test]
fn the_platform_connects_for_itself() {
    run_test(|w| async move {
        let (owner, [github, _]) = ready(&w).await;
        let admin = w.admin().at(&owner.api);
        configure(&admin, "github", &github).await;
        let body = json!({ "provider": "github", "level": "platform", "redirect_url": FRONT });
        let denied = super::authorize(&owner, body.clone()).await;
        denied.problem(403, "permission_denied");
        let begun = super::authorize(&admin, body).await.expect(200);
        let url = begun["authorize_url"].as_str().unwrap().parse().unwrap();
        let back = super::redirected(&url).await;
        let landed = landed(&come_back(&owner.api, &back, None).await);
        assert_eq!(landed["status"], "success");
        assert!(!landed.contains_key("organization"));
        assert!(connections(&owner).await.is_empty());
        let made = admin.connection(&landed["git_connection"]).await;
        assert_eq!(
            (&made["level"], &made["organization_id"]),
            (&json!("platform"), &json!(null))
        );
    });
}
