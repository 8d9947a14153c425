//! GitHub Apps on the GitHub face, over HTTP.

mod support;

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mooring_forge::{
    AppSpec, InstallationSpec, RegisteredApp, RepositorySpec, Role, Serve, TokenKind, TokenSpec,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::{World, body, header, link};

async fn world() -> (World, RegisteredApp) {
    let w = World::new(Serve::default()).await;
    w.forge.add_organization("acme", &[("ada", Role::Owner)]);
    w.forge.add_repositories("acme", 3);
    let spec = AppSpec::new("mooring").permissions(&[("contents", "write"), ("metadata", "read")]);
    let app = w.forge.add_app("ada", spec);
    (w, app)
}

/// An assertion with these offsets from the forge's time, in seconds.
fn signed(w: &World, key: &str, issuer: &Value, iat: i64, exp: i64) -> String {
    let now = w.forge.now().timestamp();
    let claims = json!({ "iss": issuer, "iat": now + iat, "exp": now + exp });
    let key = EncodingKey::from_rsa_pem(key.as_bytes()).expect("a key");
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).expect("an assertion")
}

fn assertion(w: &World, app: &RegisteredApp) -> String {
    signed(w, &app.private_key, &json!(app.id), -60, 540)
}

async fn send(w: &World, method: Method, token: &str, path: &str, body: Value) -> Response {
    let url = format!("{}{path}", w.at.github.api_url);
    let request = w.client.request(method, url).bearer_auth(token);
    request.json(&body).send().await.expect("an answer")
}

async fn mint(w: &World, app: &RegisteredApp, id: u64, wanted: Value) -> Response {
    let path = format!("/app/installations/{id}/access_tokens");
    send(w, Method::POST, &assertion(w, app), &path, wanted).await
}

async fn token(w: &World, app: &RegisteredApp, id: u64, wanted: Value) -> String {
    let answer = mint(w, app, id, wanted).await;
    assert_eq!(answer.status(), 201);
    body(answer).await["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

/// Status and message.
async fn told(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = body(answer).await;
    (
        status,
        body["message"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn assertions_are_verified() {
    let (w, app) = world().await;
    let other = w.forge.add_app("ada", AppSpec::new("other"));
    for issuer in [
        json!(app.id),
        json!(app.id.to_string()),
        json!(app.client_id),
    ] {
        let good = signed(&w, &app.private_key, &issuer, -60, 540);
        let answer = w.github(&good, "/app").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(body(answer).await["slug"], "mooring");
    }
    let key = &app.private_key;
    let id = json!(app.id);
    for (assertion, status, message) in [
        (
            "nonsense".to_owned(),
            401,
            "A JSON web token could not be decoded",
        ),
        (
            signed(&w, &other.private_key, &id, -60, 540),
            401,
            "A JSON web token could not be decoded",
        ),
        (
            signed(&w, key, &json!(1), -60, 540),
            404,
            "Integration not found",
        ),
        (
            signed(&w, key, &id, 30, 540),
            401,
            "'Issued at' claim ('iat') must be an Integer",
        ),
        (
            signed(&w, key, &id, -60, 601),
            401,
            "'Expiration time' claim ('exp') is too far in the future",
        ),
        (
            signed(&w, key, &id, -600, -1),
            401,
            "'Expiration time' claim ('exp') must be a numeric value",
        ),
    ] {
        let (got, text) = told(w.github(&assertion, "/app").await).await;
        assert_eq!(got, status, "{text}");
        assert!(text.starts_with(message), "{text}");
    }
    // A second key is as good as the first.
    let second = w.forge.add_app_key(app.id);
    assert_eq!(
        w.github(&signed(&w, &second, &id, -60, 540), "/app")
            .await
            .status(),
        200
    );
    assert_eq!(w.github(&assertion(&w, &app), "/user").await.status(), 401);
}

#[tokio::test]
async fn installations_are_their_apps_own() {
    let (w, app) = world().await;
    let other = w.forge.add_app("ada", AppSpec::new("other"));
    let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
    let path = format!("/app/installations/{id}");
    let one = body(w.github(&assertion(&w, &app), &path).await).await;
    assert_eq!(one["account"]["login"], "acme");
    assert_eq!(one["target_type"], "Organization");
    assert_eq!(one["repository_selection"], "all");
    assert_eq!(one["suspended_at"], Value::Null);
    for path in [
        "/orgs/acme/installation",
        "/users/acme/installation",
        "/repos/acme/repo-00001/installation",
    ] {
        assert_eq!(
            body(w.github(&assertion(&w, &app), path).await).await["id"],
            id
        );
    }
    assert_eq!(w.github(&assertion(&w, &other), &path).await.status(), 404);
    assert_eq!(mint(&w, &other, id, json!({})).await.status(), 404);
    let all = body(w.github(&assertion(&w, &app), "/app/installations").await).await;
    assert_eq!(all.as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn a_token_sees_what_the_installation_covers() {
    let (w, app) = world().await;
    let chosen = w
        .forge
        .add_repository("acme", RepositorySpec::named("chosen"));
    w.forge.add_repositories("ada", 2);
    let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
    let answer = mint(&w, &app, id, json!({})).await;
    assert_eq!(answer.status(), 201);
    let minted = body(answer).await;
    let secret = minted["token"].as_str().expect("a token");
    assert!(secret.starts_with("ghs_") && secret.len() > 500 && secret.contains('.'));
    assert_eq!(minted["expires_at"], "2026-01-15T13:00:00Z");
    assert_eq!(minted["permissions"]["contents"], "write");
    let answer = w
        .github(secret, "/installation/repositories?per_page=3")
        .await;
    assert!(
        link(&answer, "next")
            .expect("a page")
            .contains("/installation/repositories?")
    );
    assert_eq!(header(&answer, "x-ratelimit-limit"), "5000");
    let list = body(answer).await;
    assert_eq!(
        (&list["total_count"], &list["repository_selection"]),
        (&json!(4), &json!("all"))
    );
    assert_eq!(list["repositories"][0]["permissions"]["push"], true);
    let branches = w.github(secret, "/repos/acme/chosen/branches").await;
    assert_eq!(branches.status(), 200);
    assert_eq!(
        w.github(secret, "/repos/ada/repo-00001").await.status(),
        404
    );
    for path in ["/user", "/user/repos"] {
        let (status, text) = told(w.github(secret, path).await).await;
        assert_eq!(
            (status, text.as_str()),
            (403, "Resource not accessible by integration")
        );
    }

    w.forge
        .edit(|state| state.installation_mut(id).repositories = Some([chosen].into()));
    let list = body(w.github(secret, "/installation/repositories").await).await;
    assert_eq!(
        (&list["total_count"], &list["repository_selection"]),
        (&json!(1), &json!("selected"))
    );
    assert_eq!(
        w.github(secret, "/repos/acme/repo-00001").await.status(),
        404
    );
    w.advance(TimeDelta::minutes(61));
    assert_eq!(
        w.github(secret, "/installation/repositories")
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn a_token_can_be_narrowed_and_given_back() {
    let (w, app) = world().await;
    let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
    let wanted = json!({ "repositories": ["repo-00002"], "permissions": { "contents": "read" } });
    let narrow = token(&w, &app, id, wanted).await;
    let list = body(w.github(&narrow, "/installation/repositories").await).await;
    assert_eq!(
        (&list["total_count"], &list["repository_selection"]),
        (&json!(1), &json!("selected"))
    );
    assert_eq!(list["repositories"][0]["permissions"]["push"], false);
    let blind = token(
        &w,
        &app,
        id,
        json!({ "permissions": { "metadata": "read" } }),
    )
    .await;
    let branches = w.github(&blind, "/repos/acme/repo-00001/branches").await;
    assert_eq!(
        told(branches).await,
        (403, "Resource not accessible by integration".to_owned())
    );
    let many: Vec<String> = (0..501).map(|n| format!("r{n}")).collect();
    for wanted in [
        json!({ "repositories": ["repo-00009"] }),
        json!({ "permissions": { "issues": "read" } }),
        json!({ "repositories": many }),
    ] {
        assert_eq!(mint(&w, &app, id, wanted).await.status(), 422);
    }
    let back = send(
        &w,
        Method::DELETE,
        &narrow,
        "/installation/token",
        json!({}),
    )
    .await;
    assert_eq!(back.status(), 204);
    assert_eq!(
        w.github(&narrow, "/installation/repositories")
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn suspended_and_removed() {
    let (w, app) = world().await;
    let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
    let secret = token(&w, &app, id, json!({})).await;
    let suspended = (403, "This installation has been suspended".to_owned());
    w.forge.edit(|state| state.suspend(id, true));
    assert_eq!(told(mint(&w, &app, id, json!({})).await).await, suspended);
    assert_eq!(
        told(w.github(&secret, "/installation/repositories").await).await,
        suspended
    );
    let one = body(
        w.github(&assertion(&w, &app), &format!("/app/installations/{id}"))
            .await,
    )
    .await;
    assert!(one["suspended_at"].is_string());
    w.forge.edit(|state| state.suspend(id, false));
    assert_eq!(
        w.github(&secret, "/installation/repositories")
            .await
            .status(),
        200
    );
    w.forge.edit(|state| state.uninstall(id));
    assert_eq!(mint(&w, &app, id, json!({})).await.status(), 404);
    assert_eq!(
        w.github(&secret, "/installation/repositories")
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn a_new_token_is_refused_for_a_while() {
    let (w, app) = world().await;
    let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
    for status in [401, 403] {
        w.forge
            .edit(|state| state.settings.github.fresh_token_refusals = Some((status, 2)));
        let secret = token(&w, &app, id, json!({})).await;
        for expected in [status, status, 200] {
            let answer = w.github(&secret, "/installation/repositories").await;
            assert_eq!(answer.status().as_u16(), expected);
        }
    }
}

#[tokio::test]
async fn people_see_the_installations_that_they_have_a_part_in() {
    let (w, app) = world().await;
    w.forge.add_user("eve");
    w.forge.add_repositories("eve", 1);
    let acme = w.forge.install(InstallationSpec::all(app.id, "acme"));
    let eves = w.forge.install(InstallationSpec::all(app.id, "eve"));
    for (login, sees) in [("ada", acme), ("eve", eves)] {
        let user = TokenSpec::of(login, TokenKind::GitHubUser, &[]).app(app.id);
        let user = w.forge.mint(user);
        let list = body(w.github(&user, "/user/installations").await).await;
        assert_eq!(list["total_count"], 1);
        assert_eq!(list["installations"][0]["id"], sees);
        let path = format!("/user/installations/{sees}/repositories");
        let covered = body(w.github(&user, &path).await).await;
        assert_eq!(covered["total_count"], if login == "ada" { 3 } else { 1 });
        let other = if sees == acme { eves } else { acme };
        let path = format!("/user/installations/{other}/repositories");
        assert_eq!(w.github(&user, &path).await.status(), 404);
    }
    let pat = w.forge.mint(TokenSpec::classic("ada"));
    assert_eq!(w.github(&pat, "/user/installations").await.status(), 403);
}
