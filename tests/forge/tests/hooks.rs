//! Deliveries as the vendors sign them, by their own public examples; and what is lost on the way.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

mod support;

use chrono::{DateTime, TimeDelta};
use mooring_forge::{
    Access, Face, Forge, Happened, HookPlace, Letter, Post, RepositorySpec, Scheme, Serve,
    TokenKind, TokenSpec, azure_subscription_id,
};
use serde_json::{Value, json};
use support::{World, body, header as told};

fn letter(id: &str, body: &str) -> Letter {
    Letter {
        id: id.to_owned(),
        event: "push".to_owned(),
        body: body.as_bytes().to_vec(),
        at: DateTime::from_timestamp(1_614_265_330, 0).unwrap(),
    }
}

fn header(letter: &Letter, scheme: Scheme, secret: &str, name: &str) -> String {
    let headers = letter.headers(scheme, secret);
    let found = headers.into_iter().find(|(one, _)| one == name);
    found.unwrap().1
}

#[test]
fn signatures_are_those_of_the_vendors_documents() {
    let secret = "It's a Secret to Everybody";
    assert_eq!(
        header(
            &letter("1", "Hello, World!"),
            Scheme::GitHub,
            secret,
            "x-hub-signature-256"
        ),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    assert_eq!(
        header(
            &letter("1", "Hello World!"),
            Scheme::Bitbucket,
            secret,
            "x-hub-signature"
        ),
        "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    );
    let standard = letter("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(
        header(&standard, Scheme::GitLabSigned, secret, "webhook-signature"),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    let azure = header(&standard, Scheme::Azure, "p", "authorization");
    assert_eq!(azure, "Basic bW9vcmluZzpw");
}

#[tokio::test]
async fn what_is_lost_is_remembered_as_sent_without_an_answer() {
    let forge = Forge::default();
    forge.add_user("ada");
    let id = forge.add_repository("ada", RepositorySpec::named("one"));
    let running = forge.serve(Serve::default()).await.unwrap();
    // Any address that answers: here the forge's own, which knows no such page.
    let url = format!("{}/nowhere", running.github.web_url);
    forge.edit(|state| state.add_hook(Face::GitHub, HookPlace::Repository(id), &url, "s"));
    let happened = [Happened::Repository(id, "renamed")];
    let arrived = forge.tell(&running, &happened, Post::default()).await;
    assert!(arrived[0].status.is_some_and(|status| status >= 400));
    let lost = Post {
        lost: 100,
        ..Post::default()
    };
    let lost = forge.tell(&running, &happened, lost).await;
    assert_eq!(lost[0].status, None);
    assert_eq!(forge.read(|state| state.sent().len()), 2);
}

async fn world() -> (World, u64) {
    let w = World::new(Serve::default()).await;
    let id = w.forge.add_repositories("ada", 1)[0];
    (w, id)
}

#[tokio::test]
async fn github_tells_where_a_hook_is_and_when_it_was_changed() {
    let (w, _) = world().await;
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let list = format!("{}/repos/ada/repo-00001/hooks", w.at.github.api_url);
    let ask = |method, url: &str, told: Value| {
        let request = w.client.request(method, url).bearer_auth(&token);
        async move { request.json(&told).send().await.unwrap() }
    };
    let spec = json!({ "config": { "url": "https://mooring.example/" }, "events": ["push"] });
    let made = ask(reqwest::Method::POST, &list, spec.clone()).await;
    assert_eq!(made.status(), 201);
    let own = told(&made, "location").to_owned();
    let made = body(made).await;
    assert_eq!(
        (made["url"].as_str(), &made["created_at"]),
        (Some(&*own), &made["updated_at"])
    );
    w.advance(TimeDelta::hours(1));
    let changed = body(ask(reqwest::Method::PATCH, &own, json!({ "active": false })).await).await;
    assert_eq!(changed["created_at"], made["created_at"]);
    assert_ne!(changed["updated_at"], made["updated_at"]);
    // The same again, and one that delivers nowhere.
    for wrong in [spec, json!({ "events": ["push"] })] {
        let refused = ask(reqwest::Method::POST, &list, wrong).await;
        assert_eq!(refused.status(), 422);
        assert!(body(refused).await["documentation_url"].is_string());
    }
}

#[tokio::test]
async fn github_hides_hooks_from_whoever_does_not_administer_the_repository() {
    let (w, id) = world().await;
    w.forge.add_user("guest");
    w.forge
        .edit(|state| state.add_collaborator(id, "guest", Access::Write));
    let token = w.forge.mint(TokenSpec::classic("guest"));
    let repository = w.github(&token, "/repos/ada/repo-00001").await;
    assert_eq!(repository.status(), 200);
    let hooks = w.github(&token, "/repos/ada/repo-00001/hooks").await;
    assert_eq!(hooks.status(), 404);
}

#[tokio::test]
async fn gitlab_and_bitbucket_refuse_a_hook_that_delivers_nowhere() {
    let (w, id) = world().await;
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    let url = format!("{}/api/v4/projects/{id}/hooks", w.at.gitlab.url);
    let request = w.client.post(url).header("private-token", token);
    let refused = request.json(&json!({ "push_events": true })).send();
    assert_eq!(refused.await.unwrap().status(), 400);
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    let url = format!(
        "{}/repositories/ada/repo-00001/hooks",
        w.at.bitbucket.api_url
    );
    for (told, status) in [
        (json!({ "events": ["repo:push"] }), 400),
        (json!({ "url": "https://mooring.example/" }), 400),
        (
            json!({ "url": "https://mooring.example/", "events": ["repo:push"] }),
            201,
        ),
    ] {
        let request = w.client.post(&url);
        let request = request.basic_auth("ada@example.com", Some(&token));
        let answer = request.json(&told).send().await.unwrap();
        assert_eq!(answer.status(), status, "{told}");
    }
    assert_eq!(w.forge.read(|state| state.hooks().count()), 1);
}

#[tokio::test]
async fn azure_devops_wants_a_version_for_subscriptions_too() {
    let (w, id) = world().await;
    let hook = w.forge.edit(|state| {
        let id = state.add_hook(
            Face::Azure,
            HookPlace::Repository(id),
            "https://a.example",
            "s",
        );
        state.set_hook_events(id, &["git.push"]);
        id
    });
    let spec = TokenSpec::of("ada", TokenKind::AzureEntra, &["user_impersonation"]);
    let token = w.forge.mint(spec);
    let id = azure_subscription_id(hook);
    let own = format!("{}/ada/_apis/hooks/subscriptions/{id}", w.at.azure.url);
    for (url, status) in [(own.clone(), 400), (format!("{own}?api-version=7.1"), 200)] {
        let answer = w.client.get(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let told = body(answer).await;
        let expected = (status == 200).then_some(own.as_str());
        assert_eq!(told["url"].as_str(), expected);
    }
}
