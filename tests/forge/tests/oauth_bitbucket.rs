//! Bitbucket's OAuth, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{Face, OAuthApp, OAuthAppSpec, Serve};
use serde_json::{Value, json};
use support::World;
use support::oauth::{Back, REDIRECT, sent, text};

struct At {
    w: World,
    app: OAuthApp,
}

impl At {
    async fn new() -> Self {
        let w = World::new(Serve::default()).await;
        w.forge.consents_as(Face::Bitbucket, "ada");
        let app = w.forge.add_oauth_app(OAuthAppSpec::bitbucket(REDIRECT));
        Self { w, app }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/site/oauth2{path}", self.w.at.bitbucket.web_url)
    }

    async fn token(&self, secret: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.w.form(&self.url("/access_token"), form);
        sent(request.basic_auth(&self.app.client_id, Some(secret))).await
    }

    async fn authorize(&self) -> Back {
        let query = [
            ("client_id", self.app.client_id.as_str()),
            ("response_type", "code"),
            ("state", "xyz"),
            ("scope", "email"),
        ];
        Back::read(&self.w.open(&self.url("/authorize"), &query).await)
    }
}

#[tokio::test]
async fn the_refresh_token_lasts_and_scopes_are_the_consumers() {
    let at = At::new().await;
    let code = at.authorize().await.code();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
    ];
    let secret = &at.app.client_secret;
    let (status, first) = at.token(secret, &form).await;
    assert_eq!((status, &first["expires_in"]), (200, &json!(7_200)));
    assert_eq!(first["scopes"], "account repository:write webhook");
    assert!(first.get("scope").is_none());
    let (status, again) = at.token(secret, &form).await;
    assert_eq!(
        (status, text(&again, "error").as_str()),
        (400, "invalid_grant")
    );
    let refresh = text(&first, "refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    for _ in 0..2 {
        let (status, next) = at.token(secret, &form).await;
        assert_eq!(
            (status, text(&next, "refresh_token")),
            (200, refresh.clone())
        );
        assert_ne!(next["access_token"], first["access_token"]);
    }
    let alive = |body: &Value| {
        let secret = text(body, "access_token");
        at.w.forge.read(|s| {
            s.token_of_secret(&secret)
                .is_some_and(|t| t.is_active(s.now()))
        })
    };
    assert!(alive(&first));
    at.w.advance(TimeDelta::hours(2));
    assert!(!alive(&first));
    at.w.forge.revoke_grants(at.app.id, "ada");
    let (status, body) = at.token(secret, &form).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn clients_come_by_basic_alone() {
    let at = At::new().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let (status, body) = at.token("wrong", &form).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "unauthorized_client")
    );
    let named = [
        form[0],
        form[1],
        ("client_id", at.app.client_id.as_str()),
        ("client_secret", at.app.client_secret.as_str()),
    ];
    let (status, body) = at.w.post(&at.url("/access_token"), &named).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "unauthorized_client")
    );
    let (status, body) = at.token(&at.app.client_secret, &form).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn what_a_consent_page_refuses() {
    let at = At::new().await;
    let id = ("client_id", at.app.client_id.as_str());
    let kind = ("response_type", "code");
    for query in [
        vec![("client_id", "nobody"), kind],
        vec![id, kind, ("redirect_uri", "https://evil.example/")],
    ] {
        let answer = at.w.open(&at.url("/authorize"), &query).await;
        assert_eq!(answer.status(), 400, "{query:?}");
    }
    at.w.forge.denies(Face::Bitbucket);
    assert_eq!(at.authorize().await.error(), "access_denied");
}
