//! Which registration a consent is asked through.

use std::sync::Arc;

use serde_json::json;
use shared::domain::registration::{OauthApp, PlatformApps};
use shared::flows::Context;

use super::{
    FRONT, api, app_at, authorize, begin, begin_with, come_back, configure, consented, exchanges,
    ready, refused, wanted,
};
use crate::world::{Api, run_test, run_without_worker, verifier};

fn client_of(begun: &super::Begun) -> String {
    let mut query = begun.url.query_pairs();
    query
        .find(|(name, _)| name == "client_id")
        .unwrap()
        .1
        .into_owned()
}

#[test]
fn the_organizations_own_then_the_platforms_row_then_the_settings() {
    run_without_worker(|w| async move {
        let plain = w.owner().at(&api(&w).await);
        let none = authorize(&plain, wanted(&plain, "gitlab", json!({}))).await;
        none.problem(409, "oauth_not_configured");

        let settings = PlatformApps {
            gitlab: Some(OauthApp {
                client_id: "of-settings".to_owned(),
                client_secret: "s".into(),
            }),
            ..PlatformApps::default()
        };
        let context = Context {
            apps: Arc::new(settings),
            ..w.context.clone()
        };
        let api = Api::start(&context, verifier(&w.clock), |settings| {
            settings.redirect_origins = vec!["https://app.example.org".to_owned()];
        })
        .await;
        let (owner, admin) = (w.owner().at(&api), w.admin().at(&api));
        assert_eq!(client_of(&begin(&owner, "gitlab").await), "of-settings");
        // The settings are for their own instance.
        let elsewhere = json!({ "gitlab_url": "https://gitlab.example.org" });
        let body = wanted(&owner, "gitlab", elsewhere.clone());
        authorize(&owner, body)
            .await
            .problem(409, "oauth_not_configured");

        let of_platform = app_at(&w, &api, "gitlab");
        let platforms = configure(&admin, "gitlab", &of_platform).await;
        assert_eq!(
            client_of(&begin(&owner, "gitlab").await),
            of_platform.client_id
        );
        let own = app_at(&w, &api, "gitlab");
        let owns = configure(&owner, "gitlab", &own).await;
        assert_eq!(client_of(&begin(&owner, "gitlab").await), own.client_id);
        let mut there = json!({ "provider": "gitlab", "client_id": "there", "client_secret": "s",
            "scopes": ["read_api"] });
        there["base_url"] = elsewhere["gitlab_url"].clone();
        owner.post("/git-provider-configs", there).await.expect(201);
        let begun = begin_with(&owner, "gitlab", elsewhere).await;
        assert_eq!(client_of(&begun), "there");
        assert!(
            begun
                .url
                .as_str()
                .starts_with("https://gitlab.example.org/oauth/authorize?")
        );
        assert!(begun.url.as_str().contains("scope=read_api"));

        owner
            .delete(&format!("/git-provider-configs/{owns}"))
            .await
            .expect(204);
        assert_eq!(
            client_of(&begin(&owner, "gitlab").await),
            of_platform.client_id
        );
        admin
            .delete(&format!("/git-provider-configs/{platforms}"))
            .await
            .expect(204);
        assert_eq!(client_of(&begin(&owner, "gitlab").await), "of-settings");
    });
}

#[test]
fn a_registration_that_changes_while_the_browser_is_away() {
    run_test(|w| async move {
        let (owner, [_, gitlab]) = ready(&w).await;
        // A new secret counts; another client does not.
        let begun = begin(&owner, "gitlab").await;
        let other = app_at(&w, &owner.api, "gitlab");
        let id = configure(&owner, "gitlab", &other).await;
        let back = consented(&begun).await;
        refused(&come_back(&owner.api, &back, None).await, "exchange_failed");
        configure(&owner, "gitlab", &gitlab).await;
        let begun = begin(&owner, "gitlab").await;
        let back = consented(&begun).await;
        owner
            .delete(&format!("/git-provider-configs/{id}"))
            .await
            .expect(204);
        refused(&come_back(&owner.api, &back, None).await, "exchange_failed");
        assert!(exchanges(&w).is_empty());
    });
}

#[test]
fn what_cannot_be_begun() {
    run_without_worker(|w| async move {
        let (owner, _) = ready(&w).await;
        let other = crate::world::new_organization(&w.context, "Other").await;
        let with = |more: serde_json::Value| wanted(&owner, "github", more);
        for (body, status, code) in [
            (json!({}), 422, "required"),
            (with(json!({ "provider": "svn" })), 422, "invalid_value"),
            (with(json!({ "level": "galaxy" })), 422, "invalid_value"),
            (with(json!({ "organization_id": null })), 422, "required"),
            (with(json!({ "level": "platform" })), 422, "contradiction"),
            (with(json!({ "organization_id": other })), 404, "not_found"),
            (
                with(json!({ "organization_id": shared::domain::ids::OrganizationId::PLATFORM })),
                404,
                "not_found",
            ),
            (
                with(json!({ "auth_method": "pat" })),
                422,
                "unsupported_combination",
            ),
            (
                with(json!({ "auth_method": "github_app" })),
                409,
                "oauth_not_configured",
            ),
            (
                with(json!({ "provider": "gitlab", "auth_method": "github_app" })),
                422,
                "unsupported_combination",
            ),
            (
                with(json!({ "gitlab_url": "https://gitlab.example.org" })),
                422,
                "unsupported_combination",
            ),
            (
                with(json!({ "base_url": "https://169.254.169.254" })),
                422,
                "blocked_address",
            ),
            (
                with(json!({ "base_url": "https://github.example.org" })),
                409,
                "oauth_not_configured",
            ),
            (
                with(json!({ "redirect_url": "https://evil.example/" })),
                422,
                "redirect_not_allowed",
            ),
            (
                with(json!({ "redirect_url": "https://app.example.org@evil.example/" })),
                422,
                "invalid_url",
            ),
            (
                with(json!({ "redirect_url": "javascript:alert(1)" })),
                422,
                "invalid_url",
            ),
            (
                with(json!({ "redirect_url": format!("{FRONT}{}", "a".repeat(2048)) })),
                422,
                "too_long",
            ),
            (with(json!({ "color": 1 })), 422, "unknown_field"),
        ] {
            authorize(&owner, body).await.problem(status, code);
        }
        for role in ["viewer", "member", "billing"] {
            let caller = w.member(role.parse().unwrap()).at(&owner.api);
            let answer = authorize(&caller, wanted(&owner, "github", json!({}))).await;
            answer.problem(403, "permission_denied");
        }
        let program = owner.api_token(&["org.git.connections.create"]).await;
        authorize(&program, wanted(&owner, "github", json!({})))
            .await
            .expect(200);
    });
}
