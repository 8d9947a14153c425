//! What is refused, by which field, and that nothing is stored.

use serde_json::{Value, json};

use super::{AUTHORITY, PATH, gitlab, keys, listed};
use crate::world::{allowing, run_without_worker};

#[test]
fn bad_input_names_its_field_and_stores_nothing() {
    run_without_worker(|w| async move {
        let owner = w.owner().at(&allowing(&w, "").await);
        for (body, code, field) in cases() {
            let answer = owner.post(PATH, body).await;
            let problem = answer.problem(422, code);
            let fault = &problem["errors"][0];
            assert_eq!(
                (&fault["field"], &fault["code"]),
                (&json!(field), &json!(code))
            );
            let sentence = fault["message"].as_str().unwrap();
            assert!(sentence.len() > 10 && sentence.ends_with('.'), "{answer}");
            assert!(!answer.to_string().contains("MII"), "{answer}");
        }
        assert!(listed(&owner).await.is_empty());
    });
}

fn cases() -> Vec<(Value, &'static str, &'static str)> {
    let with = |changes: Value| {
        let mut body = gitlab();
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    let app = |key: &str| json!({ "provider": "github", "github_app_id": 1, "github_app_private_key": key });
    let rsa = keys::rsa_pkcs8();
    let broken = rsa.replace("\nM", "\nN");
    let url = |url: &str| with(json!({ "base_url": url }));
    let ca = |pem: &str| with(json!({ "ca_certificate": pem }));
    vec![
        (json!({}), "required", "provider"),
        (
            with(json!({ "provider": "svn" })),
            "invalid_value",
            "provider",
        ),
        (with(json!({ "color": 1 })), "unknown_field", "color"),
        (json!({ "provider": "gitlab" }), "required", "client_id"),
        (
            json!({ "provider": "gitlab", "client_id": "a" }),
            "required",
            "client_secret",
        ),
        (
            json!({ "provider": "gitlab", "client_secret": "a" }),
            "required",
            "client_id",
        ),
        (
            json!({ "provider": "gitlab", "scopes": ["api"] }),
            "required",
            "client_id",
        ),
        (with(json!({ "client_id": " " })), "required", "client_id"),
        (
            with(json!({ "client_secret": "\n" })),
            "required",
            "client_secret",
        ),
        (
            with(json!({ "client_id": "a b" })),
            "invalid_characters",
            "client_id",
        ),
        (
            with(json!({ "client_secret": "a\nb" })),
            "invalid_characters",
            "client_secret",
        ),
        (
            with(json!({ "client_id": "a".repeat(256) })),
            "too_long",
            "client_id",
        ),
        (
            with(json!({ "client_secret": "a".repeat(4097) })),
            "too_long",
            "client_secret",
        ),
        (with(json!({ "scopes": [] })), "invalid_value", "scopes"),
        (
            with(json!({ "scopes": ["api read_user"] })),
            "invalid_value",
            "scopes[0]",
        ),
        (
            with(json!({ "client_secret_expires_at": "2001-01-01T00:00:00Z" })),
            "in_the_past",
            "client_secret_expires_at",
        ),
        (
            with(json!({ "github_app_slug": "acme" })),
            "unsupported_combination",
            "github_app_slug",
        ),
        (
            with(json!({ "webhook_secret": "x" })),
            "unsupported_combination",
            "webhook_secret",
        ),
        (
            json!({ "provider": "github", "github_app_id": 1 }),
            "required",
            "github_app_private_key",
        ),
        (
            json!({ "provider": "github", "webhook_secret": "x" }),
            "required",
            "github_app_id",
        ),
        (
            json!({ "provider": "github", "github_app_private_key": rsa }),
            "required",
            "github_app_id",
        ),
        (
            with(json!({ "github_app_id": "acme" })),
            "invalid_value",
            "github_app_id",
        ),
        (
            with(json!({ "github_app_id": 1.5 })),
            "invalid_value",
            "github_app_id",
        ),
        (
            json!({ "provider": "github", "github_app_id": -1, "github_app_private_key": rsa }),
            "invalid_value",
            "github_app_id",
        ),
        (
            json!({ "provider": "github", "github_app_id": 1, "github_app_private_key": rsa, "github_app_slug": "a/../b" }),
            "invalid_value",
            "github_app_slug",
        ),
        (app("x"), "invalid_private_key", "github_app_private_key"),
        (
            app(&broken),
            "invalid_private_key",
            "github_app_private_key",
        ),
        (
            app(&keys::ec_pkcs8()),
            "invalid_private_key",
            "github_app_private_key",
        ),
        (
            app(&keys::pem("EC PRIVATE KEY", b"x")),
            "invalid_private_key",
            "github_app_private_key",
        ),
        (
            app(&keys::pem("PUBLIC KEY", b"x")),
            "invalid_private_key",
            "github_app_private_key",
        ),
        (
            app(AUTHORITY),
            "invalid_private_key",
            "github_app_private_key",
        ),
        (ca("x"), "invalid_certificate", "ca_certificate"),
        (
            ca(&keys::pem("CERTIFICATE", b"x")),
            "invalid_certificate",
            "ca_certificate",
        ),
        (
            ca(&format!("{AUTHORITY}{}", keys::rsa_pkcs8())),
            "invalid_certificate",
            "ca_certificate",
        ),
        (
            ca(&AUTHORITY.repeat(120)),
            "invalid_certificate",
            "ca_certificate",
        ),
        (url("gitlab"), "invalid_url", "base_url"),
        (url("http://gitlab.example.org"), "insecure_url", "base_url"),
        (
            url("https://user:pw@gitlab.example.org"),
            "invalid_url",
            "base_url",
        ),
        (url("https://127.0.0.1"), "blocked_address", "base_url"),
        (
            url("https://169.254.169.254"),
            "blocked_address",
            "base_url",
        ),
        (url("https://[::1]/gitlab"), "blocked_address", "base_url"),
    ]
}

/// An elliptic key says so, since somebody went to the trouble of making one.
#[test]
fn the_sentence_says_what_kind_of_key_it_is() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        for (key, word) in [
            (keys::ec_pkcs8(), "elliptic"),
            (keys::pem("OPENSSH PRIVATE KEY", b"x"), "SSH"),
            (keys::pem("ENCRYPTED PRIVATE KEY", b"x"), "passphrase"),
        ] {
            let body =
                json!({ "provider": "github", "github_app_id": 1, "github_app_private_key": key });
            let answer = owner.post(PATH, body).await;
            let problem = answer.problem(422, "invalid_private_key");
            assert!(
                problem["detail"].as_str().unwrap().contains(word),
                "{answer}"
            );
        }
        let pkcs8 = json!({ "provider": "github", "github_app_id": 1,
            "github_app_private_key": keys::rsa_pkcs8() });
        owner.post(PATH, pkcs8).await.expect(201);
    });
}
