//! Connecting by consent, over HTTP, with a browser that brings back what it is given: both
//! providers, healed in place, and everything that a person, a provider or an attacker may bring.

mod connect;
mod everywhere;
mod heal;
mod lived;
mod pasted;
mod refused;
mod registration;
mod states;
mod usable;

pub use lived::lived_through;

use mooring_forge::{Face, Match, OAuthApp, OAuthAppSpec, Request};
use serde_json::{Value, json};
use url::Url;

use crate::world::{Answer, Api, Caller, World};

/// Where flows land.
const FRONT: &str = "https://app.example.org/settings?tab=git";

/// A flow that was begun.
#[derive(Clone)]
struct Begun {
    url: Url,
    state: String,
    cookie: String,
}

fn face(provider: &str) -> Face {
    match provider {
        "github" => Face::GitHub,
        "bitbucket" => Face::Bitbucket,
        "azure_devops" => Face::Azure,
        _ => Face::GitLab,
    }
}

/// An API that lets browsers go to [`FRONT`].
async fn api(w: &World) -> Api {
    Api::start(&w.context, crate::world::verifier(&w.clock), |settings| {
        settings.redirect_origins = vec!["https://app.example.org".to_owned()];
    })
    .await
}

/// Registers an app at the forge whose redirect URI is that of an API.
fn app_at(w: &World, api: &Api, provider: &str) -> OAuthApp {
    let uri = format!("{}/api/v1/auth/{provider}/callback", api.base);
    w.forge.add_oauth_app(match provider {
        "github" => OAuthAppSpec::github(&uri),
        "bitbucket" => OAuthAppSpec::bitbucket(&uri),
        "azure_devops" => OAuthAppSpec::entra(&uri),
        _ => OAuthAppSpec::gitlab(&uri),
    })
}

/// Saves it as the caller's own.
async fn configure(caller: &Caller, provider: &str, app: &OAuthApp) -> String {
    let body = json!({ "provider": provider, "client_id": app.client_id, "client_secret": app.client_secret });
    let saved = caller.post("/git-provider-configs", body).await;
    assert!(matches!(saved.status, 200 | 201), "{saved}");
    saved.json()["id"].as_str().unwrap().to_owned()
}

/// An owner at such an API, with an app of both providers and an account `ada` that consents.
pub async fn ready(w: &World) -> (Caller, [OAuthApp; 2]) {
    let owner = w.owner().at(&api(w).await);
    w.forge.add_user("ada");
    w.forge.add_repositories("ada", 3);
    let mut apps = Vec::new();
    for provider in ["github", "gitlab"] {
        let app = app_at(w, &owner.api, provider);
        configure(&owner, provider, &app).await;
        w.forge.consents_as(face(provider), "ada");
        apps.push(app);
    }
    (owner, apps.try_into().unwrap())
}

fn wanted(caller: &Caller, provider: &str, more: Value) -> Value {
    let organization = caller.home.rsplit('/').next().unwrap();
    let mut body = json!({ "provider": provider, "level": "organization",
        "organization_id": organization, "redirect_url": FRONT });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

async fn authorize(caller: &Caller, body: Value) -> Answer {
    caller.post("/api/v1/git-oauth/authorize", body).await
}

async fn begin_with(caller: &Caller, provider: &str, more: Value) -> Begun {
    let answer = authorize(caller, wanted(caller, provider, more)).await;
    let body = answer.expect(200);
    let cookie = answer.header("set-cookie").unwrap();
    Begun {
        url: body["authorize_url"].as_str().unwrap().parse().unwrap(),
        state: body["state"].as_str().unwrap().to_owned(),
        cookie: cookie.split(';').next().unwrap().to_owned(),
    }
}

async fn begin(caller: &Caller, provider: &str) -> Begun {
    begin_with(caller, provider, json!({})).await
}

/// Opens an address that somebody redirects from, and reads where to.
async fn redirected(url: &Url) -> Url {
    let path = &url[url::Position::BeforePath..];
    let answer = Api::at(&url.origin().ascii_serialization()).get(path).await;
    assert!(matches!(answer.status, 302 | 303), "{answer}");
    answer.header("location").unwrap().parse().unwrap()
}

/// Where the provider sends the browser once somebody has decided.
async fn consented(begun: &Begun) -> Url {
    redirected(&begun.url).await
}

/// The browser comes back to an API.
async fn come_back(api: &Api, url: &Url, cookie: Option<&str>) -> Answer {
    let call = api.call(http::Method::GET, &url[url::Position::BeforePath..]);
    let call = match cookie {
        Some(cookie) => call.header("cookie", cookie),
        None => call,
    };
    call.send().await
}

/// What a landing says, by name.
#[track_caller]
fn landed(answer: &Answer) -> std::collections::BTreeMap<String, String> {
    assert_eq!(answer.status, 303, "{answer}");
    let url: Url = answer.header("location").unwrap().parse().unwrap();
    assert!(url.as_str().starts_with(FRONT), "{url}");
    url.query_pairs().into_owned().collect()
}

#[track_caller]
fn refused(answer: &Answer, code: &str) -> String {
    let landed = landed(answer);
    assert_eq!(landed["status"], "error");
    assert_eq!(landed["error"], code, "{landed:?}");
    assert!(!landed.contains_key("git_connection"));
    let message = landed["message"].clone();
    assert!(message.len() > 10 && message.ends_with('.'), "{message}");
    message
}

/// The whole way; the id of the connection.
pub async fn connect(caller: &Caller, provider: &str, more: Value) -> String {
    let begun = begin_with(caller, provider, more).await;
    let back = consented(&begun).await;
    let landed = landed(&come_back(&caller.api, &back, None).await);
    assert_eq!(landed["status"], "success", "{landed:?}");
    landed["git_connection"].clone()
}

async fn events(caller: &Caller, event: &str) -> Vec<Value> {
    let list = caller.get(&format!("/activity?event={event}")).await;
    list.expect(200)["entries"].as_array().unwrap().clone()
}

async fn connections(caller: &Caller) -> Vec<Value> {
    let list = caller.get("/git-connections").await.expect(200);
    list["connections"].as_array().unwrap().clone()
}

/// Exchanges of codes that a forge was asked for, in their order. GitHub's have no `grant_type`.
fn exchanges(w: &World) -> Vec<Request> {
    let github = Match::face(Face::GitHub).path("/login/oauth/access_token");
    let mut all = w.forge.requests(&github);
    let named = Match::any().grant_type("authorization_code");
    all.extend(w.forge.requests(&named));
    all.sort_by_key(|request| request.sequence);
    all.dedup_by_key(|request| request.sequence);
    all
}

/// Whether a token that the forge issued still works.
fn is_alive(w: &World, token: mooring_forge::TokenId) -> bool {
    let now = w.clock.now();
    w.forge
        .read(|state| state.token(token).is_some_and(|token| token.is_active(now)))
}
