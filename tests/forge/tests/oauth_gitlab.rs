//! GitLab's OAuth and the rotation of its tokens, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{Face, OAuthApp, OAuthAppSpec, Serve, TokenKind, TokenSpec};
use serde_json::{Value, json};
use support::World;
use support::oauth::{Back, CHALLENGE, REDIRECT, VERIFIER, sent, text};

struct At {
    w: World,
    app: OAuthApp,
}

impl At {
    async fn new() -> Self {
        let how = Serve {
            gitlab_path: "/gitlab".to_owned(),
            ..Serve::default()
        };
        let w = World::new(how).await;
        w.forge.consents_as(Face::GitLab, "ada");
        let app = w.forge.add_oauth_app(OAuthAppSpec::gitlab(REDIRECT));
        Self { w, app }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.w.at.gitlab.url)
    }

    async fn authorize(&self, more: &[(&str, &str)]) -> Back {
        let mut query = vec![
            ("client_id", self.app.client_id.as_str()),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", "xyz"),
        ];
        query.extend(more);
        Back::read(&self.w.open(&self.url("/oauth/authorize"), &query).await)
    }

    async fn post(&self, path: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", self.app.client_secret.as_str()),
        ];
        form.extend(more);
        self.w.post(&self.url(path), &form).await
    }

    async fn exchange(&self, code: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
        form.extend(more);
        self.post("/oauth/token", &form).await
    }

    async fn refresh(&self, token: &str, redirect_uri: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("redirect_uri", redirect_uri),
        ];
        self.post("/oauth/token", &form).await
    }

    async fn works(&self, token: &str) -> bool {
        let url = format!("{}/user", self.w.at.gitlab.api_url);
        let answer = self.w.client.get(url).bearer_auth(token).send().await;
        answer.expect("an answer").status() == 200
    }

    async fn rotate(&self, token: &str, body: Value) -> (u16, Value) {
        let url = format!(
            "{}/personal_access_tokens/self/rotate",
            self.w.at.gitlab.api_url
        );
        sent(
            self.w
                .client
                .post(url)
                .header("private-token", token)
                .json(&body),
        )
        .await
    }
}

#[tokio::test]
async fn a_code_brings_a_pair_once() {
    let at = At::new().await;
    let pkce = [
        ("scope", "api read_user"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let back = at.authorize(&pkce).await;
    assert_eq!(back.get("state").as_deref(), Some("xyz"));
    let code = back.code();
    let redirect = ("redirect_uri", REDIRECT);
    for wrong in [
        vec![redirect],
        vec![redirect, ("code_verifier", "wrong")],
        vec![("code_verifier", VERIFIER)],
        vec![
            ("redirect_uri", "https://evil.example/"),
            ("code_verifier", VERIFIER),
        ],
    ] {
        let (status, body) = at.exchange(&code, &wrong).await;
        assert_eq!(
            (status, text(&body, "error").as_str()),
            (400, "invalid_grant"),
            "{wrong:?}"
        );
    }
    let right = [redirect, ("code_verifier", VERIFIER)];
    let (status, body) = at.exchange(&code, &right).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["expires_in"], &body["scope"]),
        (&json!(7_200), &json!("api read_user"))
    );
    assert_eq!(body["created_at"], at.w.forge.now().timestamp());
    assert!(at.works(&text(&body, "access_token")).await);
    let (status, body) = at.exchange(&code, &right).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn a_refresh_repeats_the_redirect_uri_and_ends_the_old_pair() {
    let at = At::new().await;
    let granted = at.w.forge.grant(at.app.id, "ada");
    let refresh = granted.refresh_token.expect("one");
    for wrong in ["", "https://evil.example/"] {
        assert_eq!(at.refresh(&refresh, wrong).await.0, 400);
    }
    assert!(at.works(&granted.access_token).await);
    let (status, second) = at.refresh(&refresh, REDIRECT).await;
    assert_eq!(status, 200);
    assert!(!at.works(&granted.access_token).await);
    let (status, body) = at.refresh(&refresh, REDIRECT).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "invalid_grant")
    );
    assert!(at.works(&text(&second, "access_token")).await);
    at.w.advance(TimeDelta::hours(2));
    assert!(!at.works(&text(&second, "access_token")).await);
    assert_eq!(
        at.refresh(&text(&second, "refresh_token"), REDIRECT)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn clients_are_known_by_form_or_basic() {
    let at = At::new().await;
    let url = at.url("/oauth/token");
    let refresh =
        at.w.forge
            .grant(at.app.id, "ada")
            .refresh_token
            .expect("one");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("redirect_uri", REDIRECT),
    ];
    let with = |secret: &str| {
        let request = at.w.form(&url, &form);
        request.basic_auth(&at.app.client_id, Some(secret))
    };
    let (status, body) = sent(with("wrong")).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (401, "invalid_client")
    );
    assert_eq!(sent(with(&at.app.client_secret)).await.0, 200);
    let (status, body) = at.post("/oauth/token", &[("grant_type", "password")]).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "unsupported_grant_type")
    );
}

#[tokio::test]
async fn what_a_consent_page_refuses() {
    let at = At::new().await;
    assert_eq!(
        at.authorize(&[("scope", "sudo")]).await.error(),
        "invalid_scope"
    );
    at.w.forge.denies(Face::GitLab);
    assert_eq!(
        at.authorize(&[("scope", "api")]).await.error(),
        "access_denied"
    );
    let id = ("client_id", at.app.client_id.as_str());
    let kind = ("response_type", "code");
    let url = at.url("/oauth/authorize");
    for (query, status) in [
        (
            vec![
                id,
                kind,
                ("redirect_uri", "https://mooring.example/auth/callback/"),
            ],
            400,
        ),
        (vec![id, kind], 400),
        (
            vec![("client_id", "nobody"), kind, ("redirect_uri", REDIRECT)],
            401,
        ),
    ] {
        assert_eq!(at.w.open(&url, &query).await.status(), status, "{query:?}");
    }
    let wrong = [id, ("redirect_uri", REDIRECT), ("response_type", "token")];
    let back = Back::read(&at.w.open(&url, &wrong).await);
    assert_eq!(back.error(), "unsupported_response_type");
}

#[tokio::test]
async fn a_token_is_told_of_and_given_back() {
    let at = At::new().await;
    let granted = at.w.forge.grant(at.app.id, "ada");
    let info = |token: &str| {
        sent(
            at.w.client
                .get(at.url("/oauth/token/info"))
                .bearer_auth(token),
        )
    };
    let (status, body) = info(&granted.access_token).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(7_200)));
    assert_eq!(body["application"]["uid"], at.app.client_id.as_str());
    let other = at.w.forge.add_oauth_app(OAuthAppSpec::gitlab(REDIRECT));
    let foreign = at.w.forge.grant(other.id, "ada").access_token;
    assert_eq!(
        at.post("/oauth/revoke", &[("token", &foreign)]).await.0,
        403
    );
    assert_eq!(
        at.post("/oauth/revoke", &[("token", "unknown")]).await.0,
        200
    );
    assert_eq!(
        at.post("/oauth/revoke", &[("token", &granted.access_token)])
            .await
            .0,
        200
    );
    assert_eq!(info(&granted.access_token).await.0, 401);
    let refresh = granted.refresh_token.expect("one");
    assert_eq!(at.refresh(&refresh, REDIRECT).await.0, 400);
}

#[tokio::test]
async fn a_token_rotates_itself() {
    let at = At::new().await;
    let old = at.w.forge.mint(TokenSpec::gitlab("ada"));
    let (status, body) = at.rotate(&old, json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(body["expires_at"], "2026-01-22");
    let new = text(&body, "token");
    assert_eq!(at.w.gitlab(&old, "/user").await.status(), 401);
    assert_eq!(at.w.gitlab(&new, "/user").await.status(), 200);
    let (_, body) = at.rotate(&new, json!({ "expires_at": "2026-12-01" })).await;
    assert_eq!(body["expires_at"], "2026-12-01");
    for wrong in ["2026-01-15", "2027-06-01", "soon"] {
        let (status, _) = at
            .rotate(&text(&body, "token"), json!({ "expires_at": wrong }))
            .await;
        assert_eq!(status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn rotating_twice_ends_the_family() {
    let at = At::new().await;
    let first = at.w.forge.mint(TokenSpec::gitlab("ada"));
    let second = text(&at.rotate(&first, json!({})).await.1, "token");
    let third = text(&at.rotate(&second, json!({})).await.1, "token");
    assert_eq!(at.w.gitlab(&third, "/user").await.status(), 200);
    // Elsewhere the dead token does no harm.
    assert_eq!(at.w.gitlab(&first, "/user").await.status(), 401);
    assert_eq!(at.w.gitlab(&third, "/user").await.status(), 200);
    assert_eq!(at.rotate(&first, json!({})).await.0, 401);
    assert_eq!(at.w.gitlab(&third, "/user").await.status(), 401);
}

#[tokio::test]
async fn who_may_not_rotate() {
    let at = At::new().await;
    let reader =
        at.w.forge
            .mint(TokenSpec::gitlab("ada").scopes(["read_api"]));
    assert_eq!(at.rotate(&reader, json!({})).await.0, 403);
    let own = TokenSpec::gitlab("ada").scopes(["read_api", "self_rotate"]);
    let own = at.w.forge.mint(own);
    assert_eq!(at.rotate(&own, json!({})).await.0, 200);
    let oauth = TokenSpec::of("ada", TokenKind::GitLabOAuth, &["api"]);
    let oauth = at.w.forge.mint(oauth);
    assert_eq!(at.rotate(&oauth, json!({})).await.0, 405);
    assert_eq!(at.rotate("glpat-unknown", json!({})).await.0, 401);
}
