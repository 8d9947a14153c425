use std::time::Duration;

use super::*;
use crate::domain::provider::{Instance, ProviderKind};

fn app(web_url: &str) -> OAuthApp {
    let url = Url::parse(web_url).unwrap();
    OAuthApp {
        instance: Instance {
            kind: ProviderKind::Gitlab,
            web_url: url.clone(),
            api_url: url,
            certificate: None,
        },
        client_id: "id".to_owned(),
        client_secret: Secret::from("hush"),
        redirect_uri: Url::parse("https://mooring.example/callback").unwrap(),
        scopes: None,
    }
}

#[test]
fn a_minute_for_a_token_endpoint() {
    let limits = limits(&Limits::API);
    assert_eq!(limits.deadline, Duration::from_secs(60));
    assert_eq!((limits.redirects, limits.body_bytes), (0, LONGEST_BODY));
}

#[test]
fn pages_are_below_the_instances_path() {
    for (web, expected) in [
        ("https://git.example", "https://git.example/oauth/token"),
        (
            "https://git.example/gitlab",
            "https://git.example/gitlab/oauth/token",
        ),
        (
            "https://git.example/gitlab/?x#y",
            "https://git.example/gitlab/oauth/token",
        ),
    ] {
        let url = page(&app(web).instance, "/oauth/token");
        assert_eq!(url.as_str(), expected, "{web}");
    }
}

#[test]
fn a_form_is_encoded_and_credentials_are_basic() {
    let token = Secret::from("a&b=c d");
    let form = [
        ("refresh_token", Field::Secret(&token)),
        ("x", Field::Plain("ü")),
    ];
    assert_eq!(encoded(form.iter()), "refresh_token=a%26b%3Dc+d&x=%C3%BC");
    let value = basic(&app("https://git.example"));
    assert!(value.is_sensitive());
    assert_eq!(value, "Basic aWQ6aHVzaA==");
}

#[test]
fn only_what_has_not_left_was_not_sent() {
    use GrantErrorClass::{NotSent, Unknown};
    let host = || "git.example".to_owned();
    let reason = || "because".to_owned();
    let after = Duration::from_secs(60);
    for (error, class) in [
        (
            OutboundError::Url(UrlError {
                code: "blocked_address",
                message: reason(),
            }),
            NotSent,
        ),
        (
            OutboundError::NotResolved {
                host: host(),
                reason: reason(),
            },
            NotSent,
        ),
        (
            OutboundError::NotConnected {
                host: host(),
                reason: reason(),
            },
            NotSent,
        ),
        (
            OutboundError::TimedOut {
                host: host(),
                after,
            },
            Unknown,
        ),
        (
            OutboundError::Cut {
                host: host(),
                reason: reason(),
            },
            Unknown,
        ),
        (
            OutboundError::BodyCut {
                host: host(),
                status: 200,
                reason: reason(),
            },
            Unknown,
        ),
        (
            OutboundError::TooLarge {
                host: host(),
                status: 200,
                limit: 1,
            },
            Unknown,
        ),
    ] {
        assert_eq!(unsent(&error).class, class, "{error}");
        assert_eq!(class.may_be_spent(), class == Unknown);
    }
}

#[test]
fn nothing_that_was_presented_comes_out() {
    let token = Secret::from("precious");
    let form = [
        ("refresh_token", Field::Secret(&token)),
        ("scope", Field::Plain("api")),
    ];
    let app = app("https://git.example");
    let refused = |code: &str| Refused {
        class: GrantErrorClass::Refused,
        code: Some(code.to_owned()),
        description: "no\nsuch precious of hush for api".to_owned(),
        retry_at: None,
    };
    let url = page(&app.instance, "/oauth/token");
    let failed = |code| failed(&url, Some(400), refused(code), &secrets(&app, &form));
    let error = failed("invalid_grant");
    assert_eq!(error.code.as_deref(), Some("invalid_grant"));
    assert_eq!(
        error.detail,
        "git.example/oauth/token answered 400: invalid_grant: no such [secret] of [secret] for api"
    );
    assert_eq!(failed("precious").code, None);
}
