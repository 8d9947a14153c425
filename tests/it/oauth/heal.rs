//! The same account again: the same connection, with all it has.

use serde_json::json;

use super::{
    app_at, begin, begin_with, come_back, connect, connections, consented, events, exchanges, face,
    is_alive, landed, ready, refused,
};
use crate::world::run_test;

#[test]
fn a_revoked_grant_heals_in_place() {
    run_test(|w| async move {
        let (owner, apps) = ready(&w).await;
        for (provider, app) in ["github", "gitlab"].into_iter().zip(&apps) {
            let id = connect(&owner, provider, json!({})).await;
            owner.synced(&id).await;
            w.forge.revoke_grants(app.id, "ada");
            let path = format!("/git-connections/{id}/validate");
            let found = owner.post(&path, json!({})).await.expect(200);
            assert_eq!(found["valid"], false);
            // A refused token is one thing, a refused renewal of it another.
            let ended = match provider {
                "gitlab" => "expired",
                _ => "revoked",
            };
            assert_eq!(owner.connection(&id).await["status"], ended);

            assert_eq!(connect(&owner, provider, json!({})).await, id);
            w.idle().await;
            let healed = owner.connection(&id).await;
            assert_eq!(
                (&healed["status"], &healed["health"]["code"]),
                (&json!("active"), &json!("ok"))
            );
            assert_eq!(healed["repository_count"], 3);
            let syncs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            assert_eq!(syncs["syncs"][0]["trigger"], "reconnected");
            let changed = &events(&owner, "git_connection_status_changed").await[0];
            assert_eq!(
                changed["metadata"],
                json!({ "from": ended, "to": "active", "code": "ok" })
            );
        }
        assert_eq!(connections(&owner).await.len(), 2);
        assert_eq!(events(&owner, "git_connection_created").await.len(), 2);
        assert_eq!(events(&owner, "git_provider_connected").await.len(), 4);
    });
}

#[test]
fn two_consents_of_one_account_at_once_are_one_connection() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let mut backs = Vec::new();
        for _ in 0..6 {
            backs.push(consented(&begin(&owner, "gitlab").await).await);
        }
        let landings = backs.iter().map(|back| come_back(&owner.api, back, None));
        let landings = futures_util::future::join_all(landings).await;
        let ids: std::collections::BTreeSet<_> = landings
            .iter()
            .map(|answer| landed(answer)["git_connection"].clone())
            .collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(connections(&owner).await.len(), 1);
        assert_eq!(exchanges(&w).len(), 6);
    });
}

#[test]
fn a_named_connection_takes_its_own_account_and_no_other() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        w.forge.add_user("eve");
        for provider in ["github", "gitlab"] {
            let id = connect(&owner, provider, json!({})).await;
            owner.synced(&id).await;
            let before = owner.connection(&id).await;
            w.forge.consents_as(face(provider), "eve");
            let named = json!({ "connection_id": id });
            let begun = begin_with(&owner, provider, named.clone()).await;
            let back = consented(&begun).await;
            let message = refused(
                &come_back(&owner.api, &back, None).await,
                "account_mismatch",
            );
            assert!(
                message.contains("eve") && message.contains("ada"),
                "{message}"
            );
            assert_eq!(owner.connection(&id).await, before);
            // What eve granted was given back, and nothing of ada's with it.
            let issued = exchanges(&w).last().unwrap().issued.unwrap();
            assert!(!is_alive(&w, issued), "eve's grant still stands");
            let found = owner
                .post(&format!("/git-connections/{id}/validate"), json!({}))
                .await;
            assert_eq!(found.expect(200)["valid"], true);

            w.forge.consents_as(face(provider), "ada");
            assert_eq!(connect(&owner, provider, named).await, id);
        }
        assert_eq!(connections(&owner).await.len(), 2);
    });
}

#[test]
fn only_a_connection_by_consent_is_named() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let pasted = owner.connect("github", &w.github_account("octo", 1)).await;
        let by_oauth = connect(&owner, "github", json!({})).await;
        let unknown = "01234567-89ab-7def-8123-456789abcdef";
        for (id, provider, status, code) in [
            (pasted.as_str(), "github", 422, "unsupported_combination"),
            (&by_oauth, "gitlab", 422, "contradiction"),
            (unknown, "github", 404, "not_found"),
        ] {
            let body = super::wanted(&owner, provider, json!({ "connection_id": id }));
            super::authorize(&owner, body).await.problem(status, code);
        }
        let elsewhere =
            json!({ "connection_id": by_oauth, "base_url": "https://github.example.org" });
        let body = super::wanted(&owner, "github", elsewhere);
        super::authorize(&owner, body)
            .await
            .problem(422, "contradiction");

        let begun = begin_with(&owner, "github", json!({ "connection_id": by_oauth })).await;
        let back = consented(&begun).await;
        owner
            .delete(&format!("/git-connections/{by_oauth}"))
            .await
            .expect(204);
        refused(&come_back(&owner.api, &back, None).await, "exchange_failed");
        let issued = exchanges(&w).last().unwrap().issued.unwrap();
        assert!(!is_alive(&w, issued));
        let _ = app_at(&w, &owner.api, "github");
    });
}
