//! Connections by installations of GitHub Apps: with a pasted key, and by installation.

mod flow;
mod health;
mod pasted;
mod person;
mod spoofed;
mod tokens;

use mooring_forge::{
    AppSpec, InstallationId, InstallationSpec, OAuthAppSpec, RegisteredApp, Role as OrgRole,
};
use serde_json::{Value, json};
use url::Url;

use crate::world::{Answer, Caller, World};

/// An App of `ada`'s, installed at her organization `acme` with so many repositories.
pub struct Installed {
    pub app: RegisteredApp,
    pub id: InstallationId,
}

/// The organization and the App, not installed anywhere.
pub fn app(w: &World, repositories: usize) -> RegisteredApp {
    w.forge.add_user("ada");
    w.forge.add_organization("acme", &[("ada", OrgRole::Owner)]);
    w.forge.add_repositories("acme", repositories);
    w.forge.add_app("ada", AppSpec::new("mooring"))
}

pub fn installed(w: &World, repositories: usize) -> Installed {
    let app = app(w, repositories);
    let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
    Installed { app, id }
}

impl Installed {
    /// The body of a connection with a pasted key.
    pub fn body(&self) -> Value {
        json!({ "name": "Acme's App", "provider": "github", "auth_method": "github_app",
            "github_app_id": self.app.id, "github_app_installation_id": self.id,
            "github_app_private_key": self.app.private_key })
    }

    /// The path at which tokens are minted.
    pub fn mints(&self) -> mooring_forge::Match {
        let path = format!("/app/installations/{}/access_tokens", self.id);
        mooring_forge::Match::any().path(path)
    }
}

/// Saves a registration, or saves it anew.
pub async fn save(caller: &Caller, body: Value) {
    let answer = caller.post("/git-provider-configs", body).await;
    assert!(matches!(answer.status, 200 | 201), "{answer}");
}

/// Registers the App with the caller's organization.
pub async fn configure(caller: &Caller, app: &RegisteredApp) {
    let body = json!({ "provider": "github", "github_app_id": app.id,
        "github_app_slug": app.slug, "github_app_private_key": app.private_key });
    save(caller, body).await;
}

/// The same with the App's own OAuth client, whose consent page `login` says yes to.
pub async fn configure_with_users(w: &World, caller: &Caller, app: &RegisteredApp, login: &str) {
    let callback = format!("{}/api/v1/auth/github/callback", w.api.base);
    let spec = OAuthAppSpec::github_app(&callback).client(&app.client_id, "app-client-secret");
    w.forge.add_oauth_app(spec);
    w.forge.consents_as(mooring_forge::Face::GitHub, login);
    let body = json!({ "provider": "github", "github_app_id": app.id, "github_app_slug": app.slug,
        "github_app_private_key": app.private_key, "client_id": app.client_id,
        "client_secret": "app-client-secret" });
    save(caller, body).await;
}

/// The same with the platform, whose App every organization may install.
pub async fn configure_platform(admin: &Caller, app: &RegisteredApp) {
    let body = json!({ "provider": "github", "github_app_id": app.id, "github_app_slug": app.slug,
        "github_app_private_key": app.private_key, "client_id": app.client_id,
        "client_secret": "app-client-secret" });
    save(admin, body).await;
}

/// A flow that was begun: the state.
pub async fn begin(w: &World, caller: &Caller) -> String {
    begin_with(w, caller, json!({})).await
}

pub async fn begin_with(w: &World, caller: &Caller, more: Value) -> String {
    let answer = authorize(w, caller, more).await.expect(200);
    answer["state"].as_str().unwrap().to_owned()
}

pub async fn authorize(w: &World, caller: &Caller, more: Value) -> Answer {
    let organization = caller.home.rsplit('/').next().unwrap().to_owned();
    let mut body = json!({ "provider": "github", "auth_method": "github_app",
        "level": "organization", "organization_id": organization,
        "redirect_url": format!("{}/done", w.api.base) });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    caller.post("/api/v1/git-oauth/authorize", body).await
}

/// The browser comes back to the setup URL with these parameters.
pub async fn come_back(w: &World, parameters: &[(&str, &str)]) -> Answer {
    let mut url = Url::parse("http://h/api/v1/auth/github/setup").unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    w.api.get(&path).await
}

pub async fn come_back_with(w: &World, state: &str, id: InstallationId) -> Answer {
    let id = id.to_string();
    let parameters = [
        ("installation_id", id.as_str()),
        ("setup_action", "install"),
        ("state", state),
    ];
    come_back(w, &parameters).await
}

/// Where a browser was sent in the end, as the parameters of the address.
#[track_caller]
pub fn landed(answer: &Answer) -> Value {
    assert_eq!(answer.status, 303, "{answer}");
    let url = Url::parse(answer.header("location").unwrap()).unwrap();
    assert_eq!(url.path(), "/done", "{url}");
    let pairs = url.query_pairs();
    Value::Object(
        pairs
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    )
}

/// The code that it landed with.
#[track_caller]
pub fn refused(answer: &Answer) -> String {
    let landed = landed(answer);
    assert_eq!(landed["status"], "error", "{landed}");
    assert!(landed["message"].as_str().unwrap().len() > 20, "{landed}");
    landed["error"].as_str().unwrap().to_owned()
}

/// The connections of a caller's organization.
pub async fn connections(caller: &Caller) -> Vec<Value> {
    let list = caller.get("/git-connections").await.expect(200);
    list["connections"].as_array().unwrap().clone()
}
