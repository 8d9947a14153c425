//! Microsoft Entra, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{Face, OAuthApp, OAuthAppSpec, Serve};
use serde_json::{Value, json};
use support::World;
use support::oauth::{Back, CHALLENGE, REDIRECT, VERIFIER, text};

const SCOPE: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default offline_access";

struct At {
    w: World,
    app: OAuthApp,
}

impl At {
    async fn new(spec: OAuthAppSpec) -> Self {
        let w = World::new(Serve::default()).await;
        w.forge.consents_as(Face::Azure, "ada");
        let app = w.forge.add_oauth_app(spec);
        Self { w, app }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.w.at.azure.login_url)
    }

    async fn authorize(&self, scope: &str) -> Back {
        let query = [
            ("client_id", self.app.client_id.as_str()),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("scope", scope),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "xyz"),
        ];
        let url = self.url("/organizations/oauth2/v2.0/authorize");
        Back::read(&self.w.open(&url, &query).await)
    }

    async fn token(&self, more: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", self.app.client_secret.as_str()),
        ];
        form.extend(more);
        let url = self.url("/organizations/oauth2/v2.0/token");
        self.w.post(&url, &form).await
    }

    async fn exchange(&self, code: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.token(&form).await
    }

    async fn refresh(&self, token: &str) -> (u16, Value) {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(&form).await
    }
}

fn number(answer: &(u16, Value)) -> (u16, i64) {
    (
        answer.0,
        answer.1["error_codes"][0].as_i64().unwrap_or_default(),
    )
}

#[tokio::test]
async fn refresh_tokens_roll_and_old_ones_stay_good() {
    let at = At::new(OAuthAppSpec::entra(REDIRECT)).await;
    let code = at.authorize(SCOPE).await.code();
    let (status, first) = at.exchange(&code).await;
    assert_eq!(status, 200);
    let granted = text(&first, "scope");
    assert!(granted.contains("user_impersonation") && !granted.contains("offline_access"));
    assert_eq!(number(&at.exchange(&code).await), (400, 54_005));
    let refresh = text(&first, "refresh_token");
    let (_, second) = at.refresh(&refresh).await;
    assert_ne!(text(&second, "refresh_token"), refresh);
    assert_eq!(at.refresh(&refresh).await.0, 200);
    at.w.advance(TimeDelta::days(90));
    let late = at.refresh(&text(&second, "refresh_token")).await;
    assert_eq!(number(&late), (400, 700_082));
    assert_eq!(late.1["error"], "invalid_grant");
    assert!(text(&late.1, "error_description").starts_with("AADSTS700082: "));
}

#[tokio::test]
async fn refusals_carry_their_numbers() {
    let at = At::new(OAuthAppSpec::entra(REDIRECT)).await;
    let granted = at.w.forge.grant(at.app.id, "ada");
    let refresh = granted.refresh_token.expect("one");
    let (_, newer) = at.refresh(&refresh).await;
    at.w.forge.revoke_grants(at.app.id, "ada");
    for token in [refresh, text(&newer, "refresh_token")] {
        assert_eq!(number(&at.refresh(&token).await), (400, 50_173));
    }
    assert_eq!(number(&at.refresh("nonsense").await), (400, 9_002_313));
    at.w.forge
        .edit(|s| s.oauth_app_mut(at.app.id).secret_expired = true);
    assert_eq!(number(&at.refresh("nonsense").await), (401, 7_000_222));
    at.w.forge
        .edit(|s| s.oauth_app_mut(at.app.id).client_secret = "other".to_owned());
    let wrong = at.refresh("nonsense").await;
    assert_eq!(number(&wrong), (401, 7_000_215));
    assert_eq!(wrong.1["error"], "invalid_client");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let at = At::new(OAuthAppSpec::entra(REDIRECT)).await;
    let scope = SCOPE.replace(" offline_access", "");
    let code = at.authorize(&scope).await.code();
    let (status, body) = at.exchange(&code).await;
    assert_eq!((status, body.get("refresh_token")), (200, None));
    assert_eq!(body["token_type"], json!("Bearer"));
    assert_eq!(
        at.authorize("https://graph.example/.default").await.error(),
        "invalid_scope"
    );
    at.w.forge.denies(Face::Azure);
    assert_eq!(at.authorize(SCOPE).await.error(), "access_denied");
}

#[tokio::test]
async fn an_application_of_one_tenant_is_not_for_everybody() {
    let tenant = "11111111-2222-3333-4444-555555555555";
    let at = At::new(OAuthAppSpec::entra(REDIRECT).single_tenant(tenant)).await;
    let granted = at.w.forge.grant(at.app.id, "ada");
    let refresh = granted.refresh_token.expect("one");
    assert_eq!(number(&at.refresh(&refresh).await), (400, 50_194));
    let form = [
        ("client_id", at.app.client_id.as_str()),
        ("client_secret", at.app.client_secret.as_str()),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    let url = at.url(&format!("/{tenant}/oauth2/v2.0/token"));
    assert_eq!(at.w.post(&url, &form).await.0, 200);
}
