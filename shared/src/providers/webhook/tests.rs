//! Signatures, by the vendors' own public vectors, and what must not pass for one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Expected, Proof, without_nul};
use crate::clock::Clock;
use crate::domain::provider::ProviderKind;
use crate::domain::secret::Secret;
use crate::outbound::{Limits, Outbound, OutboundAllow};
use crate::providers::{ConfiguredInstances, Providers};

/// Of the documentation of GitHub and Bitbucket alike.
const SECRET: &str = "It's a Secret to Everybody";
const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const BITBUCKET: &str = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
/// Of the reference libraries of Standard Webhooks.
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_BODY: &str = r#"{"test": 2432232314}"#;
const STANDARD_HEADERS: [(&str, &str); 3] = [
    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
    ("webhook-timestamp", "1614265330"),
    (
        "webhook-signature",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
];

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

async fn providers() -> Providers {
    let outbound = Outbound::new(OutboundAllow::default(), Limits::API).unwrap();
    Providers::new(outbound, Clock::system(), &ConfiguredInstances::default())
}

struct Case<'a> {
    kind: ProviderKind,
    secrets: &'a [&'a str],
    now: i64,
    signs: bool,
}

impl Case<'_> {
    async fn verify(&self, pairs: &[(&str, &str)], body: &str) -> Option<Proof> {
        let secrets: Vec<Secret> = self.secrets.iter().map(|one| Secret::from(*one)).collect();
        let expected = Expected {
            now: at(self.now),
            signs: self.signs,
        };
        providers().await.webhooks(self.kind).verify(
            &headers(pairs),
            body.as_bytes(),
            &secrets.iter().collect::<Vec<_>>(),
            expected,
        )
    }
}

fn case<'a>(kind: ProviderKind, secrets: &'a [&'a str]) -> Case<'a> {
    Case {
        kind,
        secrets,
        now: 1_614_265_330,
        signs: false,
    }
}

const UNSIGNED_ID: Option<Proof> = Some(Proof { id_signed: false });

#[tokio::test]
async fn github_and_bitbucket_by_their_vendors_vectors() {
    let vectors = [
        (
            ProviderKind::Github,
            "x-hub-signature-256",
            GITHUB,
            "Hello, World!",
        ),
        (
            ProviderKind::Bitbucket,
            "x-hub-signature",
            BITBUCKET,
            "Hello World!",
        ),
    ];
    for (kind, name, good, body) in vectors {
        let with = |secrets| case(kind, secrets);
        assert_eq!(
            with(&[SECRET]).verify(&[(name, good)], body).await,
            UNSIGNED_ID
        );
        // The old secret verifies beside the new one.
        assert_eq!(
            with(&["new", SECRET]).verify(&[(name, good)], body).await,
            UNSIGNED_ID
        );
        let upper = good.to_uppercase();
        for bad in [
            "",
            "sha256=",
            &good[7..],
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!("sha1={}", &good[7..]),
            &upper,
            "sha256=zz7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ] {
            assert_eq!(
                with(&[SECRET]).verify(&[(name, bad)], body).await,
                None,
                "{bad}"
            );
        }
        assert_eq!(with(&[SECRET]).verify(&[], body).await, None);
        assert_eq!(with(&[]).verify(&[(name, good)], body).await, None);
        assert_eq!(with(&["other"]).verify(&[(name, good)], body).await, None);
        assert_eq!(with(&[SECRET]).verify(&[(name, good)], "Hello").await, None);
        // Twice the header, whichever is good.
        let twice = [(name, good), (name, good)];
        assert_eq!(with(&[SECRET]).verify(&twice, body).await, None);
    }
    // Each looks at its own header only.
    let swapped = [("x-hub-signature", GITHUB)];
    let github = case(ProviderKind::Github, &[SECRET]);
    assert_eq!(github.verify(&swapped, "Hello, World!").await, None);
}

#[tokio::test]
async fn standard_webhooks_by_its_vector() {
    let gitlab = |now| Case {
        now,
        ..case(ProviderKind::Gitlab, &["other", STANDARD_SECRET])
    };
    let signed = Some(Proof { id_signed: true });
    for (late, proven) in [
        (0, signed),
        (300, signed),
        (-300, signed),
        (301, None),
        (-301, None),
    ] {
        let answer = gitlab(1_614_265_330 + late)
            .verify(&STANDARD_HEADERS, STANDARD_BODY)
            .await;
        assert_eq!(answer, proven, "{late}");
    }
    let now = 1_614_265_330;
    for changed in 0..STANDARD_HEADERS.len() {
        for value in [
            "",
            "1614265331",
            "v1,AAAA",
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ] {
            let mut headers = STANDARD_HEADERS;
            headers[changed].1 = value;
            assert_eq!(gitlab(now).verify(&headers, STANDARD_BODY).await, None);
        }
    }
    let mut several = STANDARD_HEADERS;
    several[2].1 = "v1,AAAA v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(gitlab(now).verify(&several, STANDARD_BODY).await, signed);
    assert_eq!(gitlab(now).verify(&STANDARD_HEADERS, "{}").await, None);
}

#[tokio::test]
async fn a_token_of_gitlab_never_makes_up_for_a_signature() {
    let token = ("x-gitlab-token", STANDARD_SECRET);
    let gitlab = case(ProviderKind::Gitlab, &[STANDARD_SECRET]);
    assert_eq!(gitlab.verify(&[token], "{}").await, UNSIGNED_ID);
    assert_eq!(
        gitlab.verify(&[("x-gitlab-token", "whsec_")], "{}").await,
        None
    );
    assert_eq!(gitlab.verify(&[], "{}").await, None);
    for part in STANDARD_HEADERS {
        assert_eq!(gitlab.verify(&[token, part], "{}").await, None, "{part:?}");
    }
    let signs = Case {
        signs: true,
        ..case(ProviderKind::Gitlab, &[STANDARD_SECRET])
    };
    assert_eq!(signs.verify(&[token], "{}").await, None);
}

#[tokio::test]
async fn azure_by_user_and_password() {
    let azure = case(ProviderKind::AzureDevops, &["whsec_one", "whsec_two"]);
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    for (value, proven) in [
        (basic("mooring:whsec_two"), UNSIGNED_ID),
        (
            basic("mooring:whsec_one").replace("Basic", "bASIC"),
            UNSIGNED_ID,
        ),
        (basic("other:whsec_one"), None),
        (basic("mooring:whsec_"), None),
        (basic("mooring"), None),
        ("Bearer whsec_one".to_owned(), None),
        ("Basic !".to_owned(), None),
    ] {
        let answer = azure.verify(&[("authorization", &value)], "{}").await;
        assert_eq!(answer, proven, "{value}");
    }
}

#[tokio::test]
async fn an_envelope_is_read_without_the_letter() {
    let providers = providers().await;
    let read = |kind, pairs: &[(&str, &str)], body: &str| {
        providers
            .webhooks(kind)
            .envelope(&headers(pairs), body.as_bytes())
    };
    let github = [
        ("x-github-event", "repository"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-forwarded-for", "10.0.0.1"),
    ];
    let told = read(
        ProviderKind::Github,
        &github,
        r#" {"x": [{"action": 1}], "action": "renamed"}"#,
    );
    let told = told.unwrap();
    assert_eq!(
        (told.event.as_str(), told.action.as_deref()),
        ("repository", Some("renamed"))
    );
    assert_eq!(told.delivery_id.as_deref(), Some(github[1].1));
    assert_eq!(told.headers.get("x-forwarded-for"), None);

    let form = [
        github[0],
        github[1],
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let told = read(
        ProviderKind::Github,
        &form,
        "payload=%7B%22action%22%3A%22created%22%7D&x=1",
    );
    assert_eq!(told.unwrap().action.as_deref(), Some("created"));
    assert!(read(ProviderKind::Github, &form, "x=1").is_err());

    for body in ["", "[]", "1", "{", r#"{"a":1"#, "{}x", "\u{feff}{}", "null"] {
        assert!(read(ProviderKind::Github, &github, body).is_err(), "{body}");
    }
    assert!(read(ProviderKind::Github, &[], "{}").is_err());
    // What is no text is no action.
    let told = read(ProviderKind::Github, &github, r#"{"action": ["\u0000"]}"#).unwrap();
    assert_eq!(told.action, None);

    let azure = r#"{"id": "03c164c2", "eventType": "git.push", "resource": {"id": 1}}"#;
    let told = read(
        ProviderKind::AzureDevops,
        &[("authorization", "Basic x")],
        azure,
    )
    .unwrap();
    assert!(told.id_in_body && told.event == "git.push");
    assert_eq!(told.headers.get("authorization"), Some("[redacted]"));
}

#[test]
fn what_is_told_holds_no_nul() {
    let whole = |text: &str| String::from_utf8(without_nul(text.as_bytes()).into_owned()).unwrap();
    assert_eq!(whole(r#"{"a":"\u0000"}"#), r#"{"a":""}"#);
    assert_eq!(whole(r#"{"a":"x\u0000\u0000y\n"}"#), r#"{"a":"xy\n"}"#);
    // Two backslashes are one; what follows is text.
    assert_eq!(whole(r#"{"a":"\\u0000"}"#), r#"{"a":"\\u0000"}"#);
    assert_eq!(whole(r#"{"a":"\\\u0000"}"#), r#"{"a":"\\"}"#);
    assert_eq!(whole(r"\u000"), r"\u000");
    assert_eq!(whole(r"\u0000\"), r"\");
}
