//! Consents with everything that may go wrong, for the search for secrets.

use mooring_forge::{Action, Canned, Fault};
use serde_json::json;
use shared::domain::ids::ConnectionId;
use shared::domain::secret::ExposeSecret;
use shared::store::credentials;
use shared::vault::{Column, Place};

use super::{app_at, begin_with, come_back, configure, connections, consented, face};
use crate::world::{Api, Caller, World};

/// What must be found nowhere afterwards.
pub async fn lived_through(w: &World, owner: &Caller) -> Vec<(&'static str, String)> {
    let mut secrets = Vec::new();
    w.forge.add_user("ada");
    for provider in ["github", "gitlab"] {
        let app = app_at(w, &owner.api, provider);
        configure(owner, provider, &app).await;
        w.forge.consents_as(face(provider), "ada");
        secrets.push(("an app's secret", app.client_secret.clone()));
        let echo = format!("client_secret={}", app.client_secret);
        for action in [
            Action::Proceed,
            Action::LoseAnswer,
            Action::AnswerAfterWork(Canned::text(500, &echo)),
            Action::AnswerAfterWork(Canned::json(
                400,
                json!({ "error": echo, "error_description": echo }),
            )),
        ] {
            let begun = begin_with(owner, provider, json!({ "redirect_url": null })).await;
            let back = consented(&begun).await;
            let mut query = back.query_pairs();
            let code = query
                .find(|(name, _)| name == "code")
                .unwrap()
                .1
                .into_owned();
            let asked = mooring_forge::Match::face(face(provider)).method(http::Method::POST);
            let fault = w.forge.fault(Fault::on(asked, action));
            // What a test writes down of its calls would hold the code that it brings.
            let browser = Api::at(&owner.api.base);
            let answer = come_back(&browser, &back, Some(&begun.cookie)).await;
            let shown = format!(
                "{:?} {}",
                answer.headers,
                String::from_utf8_lossy(&answer.bytes)
            );
            for secret in [&code, &app.client_secret, &begun.state] {
                assert!(!shown.contains(secret.as_str()), "{shown}");
            }
            w.forge.remove_fault(fault);
            secrets.push(("a code", code));
        }
        for connection in connections(owner).await {
            secrets.extend(tokens(w, connection["id"].as_str().unwrap()).await);
        }
        let granted = w.forge.grant(app.id, "ada");
        let body = json!({ "name": "Pasted", "provider": provider, "auth_method": "oauth",
            "access_token": granted.access_token, "refresh_token": granted.refresh_token });
        let made = owner.post("/git-connections", body).await.expect(201);
        let bad =
            json!({ "access_token": "gho_two words", "refresh_token": granted.refresh_token });
        let path = format!("/git-connections/{}", made["id"].as_str().unwrap());
        owner.patch(&path, bad).await.expect(422);
        secrets.push(("a pasted access token", granted.access_token));
        secrets.extend(
            granted
                .refresh_token
                .map(|token| ("a pasted refresh token", token)),
        );
    }
    secrets
}

/// The tokens of a connection, opened.
async fn tokens(w: &World, id: &str) -> Vec<(&'static str, String)> {
    let id: ConnectionId = id.parse().unwrap();
    let mut tx = w.context.db.tenant(w.organization).await.unwrap();
    let stored = credentials::get(&mut *tx, id).await.unwrap().unwrap();
    let columns = [
        (stored.access_token, Column::AccessToken),
        (stored.refresh_token, Column::RefreshToken),
    ];
    let open = |(sealed, column): (Option<Vec<u8>>, Column)| {
        let place = Place::credential(w.organization, id, column);
        let token = w.context.vault.open(&place, &sealed?).unwrap();
        Some(("a granted token", token.expose_secret().to_owned()))
    };
    columns.into_iter().filter_map(open).collect()
}
