//! GitHub's OAuth, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{Face, OAuthApp, OAuthAppSpec, Serve};
use serde_json::{Value, json};
use support::World;
use support::oauth::{Back, CHALLENGE, REDIRECT, VERIFIER, sent, text};

struct At {
    w: World,
    app: OAuthApp,
    token_url: String,
}

impl At {
    async fn new(spec: OAuthAppSpec) -> Self {
        let w = World::new(Serve::default()).await;
        w.forge.consents_as(Face::GitHub, "ada");
        let app = w.forge.add_oauth_app(spec);
        let token_url = format!("{}/login/oauth/access_token", w.at.github.web_url);
        Self { w, app, token_url }
    }

    async fn authorize(&self, more: &[(&str, &str)]) -> Back {
        let url = format!("{}/login/oauth/authorize", self.w.at.github.web_url);
        let mut query = vec![("client_id", self.app.client_id.as_str()), ("state", "xyz")];
        query.extend(more);
        Back::read(&self.w.open(&url, &query).await)
    }

    async fn token(&self, more: &[(&str, &str)]) -> Value {
        let (status, body) = self.w.post(&self.token_url, &self.with(more)).await;
        assert_eq!(status, 200);
        body
    }

    async fn error(&self, more: &[(&str, &str)]) -> String {
        text(&self.token(more).await, "error")
    }

    async fn refresh(&self, token: &str) -> Value {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(&form).await
    }

    fn with<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut form = vec![
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", self.app.client_secret.as_str()),
        ];
        form.extend(more);
        form
    }

    async fn works(&self, token: &str) -> bool {
        self.w.github(token, "/user").await.status() == 200
    }

    async fn delete(&self, what: &str, token: &str, secret: &str) -> u16 {
        let id = &self.app.client_id;
        let url = format!("{}/applications/{id}/{what}", self.w.at.github.api_url);
        let request = self.w.client.delete(url).basic_auth(id, Some(secret));
        let answer = request.json(&json!({ "access_token": token })).send().await;
        answer.expect("an answer").status().as_u16()
    }
}

#[tokio::test]
async fn an_oauth_app_gets_a_token_with_scopes_and_without_end() {
    let at = At::new(OAuthAppSpec::github(REDIRECT)).await;
    let back = at.authorize(&[("scope", "repo read:org")]).await;
    assert_eq!(back.address(), REDIRECT);
    assert_eq!(back.get("state").as_deref(), Some("xyz"));
    let code = back.code();
    let body = at
        .token(&[("code", &code), ("redirect_uri", REDIRECT)])
        .await;
    assert_eq!(body["scope"], "read:org,repo");
    assert_eq!(body["token_type"], "bearer");
    assert!(body.get("expires_in").is_none() && body.get("refresh_token").is_none());
    let token = text(&body, "access_token");
    assert!(token.starts_with("gho_"));
    assert!(at.works(&token).await);
    assert_eq!(at.error(&[("code", &code)]).await, "bad_verification_code");
}

#[tokio::test]
async fn a_refresh_ends_both_old_tokens() {
    let at = At::new(OAuthAppSpec::github_app(REDIRECT)).await;
    let code = at.authorize(&[("scope", "repo")]).await.code();
    let first = at.token(&[("code", &code)]).await;
    assert_eq!(first["expires_in"], 28_800);
    assert_eq!(first["refresh_token_expires_in"], 15_811_200);
    assert_eq!(first["scope"], "");
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    assert!(access.starts_with("ghu_") && refresh.starts_with("ghr_"));
    let second = at.refresh(&refresh).await;
    assert!(!at.works(&access).await);
    assert!(at.works(&text(&second, "access_token")).await);
    assert_eq!(at.refresh(&refresh).await["error"], "bad_refresh_token");
    // The loser's failure does the winner's pair no harm.
    assert!(at.works(&text(&second, "access_token")).await);
    at.w.advance(TimeDelta::hours(8));
    assert!(!at.works(&text(&second, "access_token")).await);
    let third = at.refresh(&text(&second, "refresh_token")).await;
    at.w.advance(TimeDelta::days(183));
    let late = at.refresh(&text(&third, "refresh_token")).await;
    assert_eq!(late["error"], "bad_refresh_token");
}

#[tokio::test]
async fn user_tokens_that_do_not_expire_have_no_refresh_token() {
    let at = At::new(OAuthAppSpec::github_app(REDIRECT).without_expiry()).await;
    let code = at.authorize(&[]).await.code();
    let body = at.token(&[("code", &code)]).await;
    assert!(body.get("expires_in").is_none() && body.get("refresh_token").is_none());
}

#[tokio::test]
async fn failures_are_answered_with_200() {
    let at = At::new(OAuthAppSpec::github(REDIRECT)).await;
    let code = at.authorize(&[]).await.code();
    let wrong = [("client_secret", "wrong"), ("code", code.as_str())];
    let id = ("client_id", at.app.client_id.as_str());
    let (status, body) = at.w.post(&at.token_url, &[id, wrong[0], wrong[1]]).await;
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (200, "incorrect_client_credentials")
    );
    let (status, _) =
        at.w.post(&at.token_url, &[("client_id", "nobody"), wrong[0]])
            .await;
    assert_eq!(status, 404);
    let elsewhere = [
        ("code", code.as_str()),
        ("redirect_uri", "https://evil.example/"),
    ];
    assert_eq!(at.error(&elsewhere).await, "redirect_uri_mismatch");
    assert_eq!(
        at.error(&[("code", "nonsense")]).await,
        "bad_verification_code"
    );
    assert_eq!(
        at.error(&[("grant_type", "password")]).await,
        "unsupported_grant_type"
    );
    // None of it has spent the code; time does.
    at.w.advance(TimeDelta::minutes(10));
    assert_eq!(at.error(&[("code", &code)]).await, "bad_verification_code");
}

#[tokio::test]
async fn who_accepts_no_json_gets_a_form() {
    let at = At::new(OAuthAppSpec::github_app(REDIRECT)).await;
    let code = at.authorize(&[]).await.code();
    for (form, expected) in [
        (("code", code.as_str()), "access_token=ghu_"),
        (("code", "x"), "error=bad_"),
    ] {
        let request = at.w.client.post(&at.token_url).form(&at.with(&[form]));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let kind = support::header(&answer, "content-type").to_owned();
        assert!(
            kind.starts_with("application/x-www-form-urlencoded"),
            "{kind}"
        );
        let body = answer.text().await.expect("a body");
        assert!(body.starts_with(expected), "{body}");
    }
}

#[tokio::test]
async fn a_challenge_must_be_met() {
    let at = At::new(OAuthAppSpec::github(REDIRECT)).await;
    let pkce = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let code = at.authorize(&pkce).await.code();
    for wrong in ["", "another-verifier"] {
        let form = [("code", code.as_str()), ("code_verifier", wrong)];
        assert_eq!(at.error(&form).await, "bad_verification_code");
    }
    assert_eq!(at.error(&[("code", &code)]).await, "bad_verification_code");
    let body = at
        .token(&[("code", &code), ("code_verifier", VERIFIER)])
        .await;
    assert!(body["access_token"].is_string());
    let plain = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "plain"),
    ];
    assert_eq!(at.authorize(&plain).await.error(), "invalid_request");
}

#[tokio::test]
async fn consent_has_an_account_and_may_be_denied() {
    let at = At::new(OAuthAppSpec::github(REDIRECT)).await;
    at.w.forge.add_user("grace");
    let code = at.authorize(&[("as", "grace")]).await.code();
    let token = text(&at.token(&[("code", &code)]).await, "access_token");
    let user = support::body(at.w.github(&token, "/user").await).await;
    assert_eq!(user["login"], "grace");
    at.w.forge.consents_to(Face::GitHub, "ada", ["repo"]);
    let code = at.authorize(&[("scope", "repo,gist")]).await.code();
    assert_eq!(at.token(&[("code", &code)]).await["scope"], "repo");
    at.w.forge.denies(Face::GitHub);
    assert_eq!(at.authorize(&[]).await.error(), "access_denied");
    // An address that is not registered gets nothing, the registered one is told.
    let back = at
        .authorize(&[("redirect_uri", "https://evil.example/")])
        .await;
    assert_eq!(
        (back.address().as_str(), back.error().as_str()),
        (REDIRECT, "redirect_uri_mismatch")
    );
    assert_eq!(
        at.authorize(&[("scope", "everything")]).await.error(),
        "invalid_scope"
    );
    let url = format!("{}/login/oauth/authorize", at.w.at.github.web_url);
    assert_eq!(
        at.w.open(&url, &[("client_id", "nobody")]).await.status(),
        404
    );
}

#[tokio::test]
async fn the_eleventh_token_ends_the_first() {
    let at = At::new(OAuthAppSpec::github(REDIRECT)).await;
    let tokens: Vec<String> = (0..11)
        .map(|_| at.w.forge.grant(at.app.id, "ada").access_token)
        .collect();
    assert!(!at.works(&tokens[0]).await);
    assert!(at.works(&tokens[1]).await && at.works(&tokens[10]).await);
}

#[tokio::test]
async fn applications_give_tokens_and_grants_back() {
    let at = At::new(OAuthAppSpec::github_app(REDIRECT)).await;
    let [one, two, three] = [(); 3].map(|()| at.w.forge.grant(at.app.id, "ada"));
    let secret = &at.app.client_secret;
    assert_eq!(at.delete("token", &one.access_token, "wrong").await, 401);
    assert_eq!(at.delete("token", "ghu_unknown", secret).await, 404);
    assert_eq!(at.delete("token", &one.access_token, secret).await, 204);
    assert!(!at.works(&one.access_token).await && at.works(&two.access_token).await);
    let dead = at.refresh(one.refresh_token.as_deref().expect("one")).await;
    assert_eq!(dead["error"], "bad_refresh_token");
    assert_eq!(at.delete("grant", &two.access_token, secret).await, 204);
    assert!(!at.works(&three.access_token).await);
}

#[tokio::test]
async fn a_user_takes_everything_back() {
    let at = At::new(OAuthAppSpec::github_app(REDIRECT)).await;
    let granted = at.w.forge.grant(at.app.id, "ada");
    at.w.forge.revoke_grants(at.app.id, "ada");
    assert!(!at.works(&granted.access_token).await);
    let request = at.w.form(
        &at.token_url,
        &at.with(&[
            ("grant_type", "refresh_token"),
            (
                "refresh_token",
                granted.refresh_token.as_deref().expect("one"),
            ),
        ]),
    );
    assert_eq!(sent(request).await.1["error"], "bad_refresh_token");
}
