//! Deliveries as the vendors sign them, by their own public examples; and what is lost on the way.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

use chrono::DateTime;
use mooring_forge::{
    Face, Forge, Happened, HookPlace, Letter, Post, RepositorySpec, Scheme, Serve,
};

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
