use super::super::super::token_endpoint::table_tests::{
    HTML, JSON, NOW, assert_foreign_answers, assert_table, reply,
};
use super::*;
use GrantErrorClass::{InteractionRequired, Later, Operator, Refused as Dead, Revoked, Unknown};

/// Status, `error`, AADSTS number and what it means.
const NUMBERS: &[(u16, &str, u64, GrantErrorClass)] = &[
    (400, "invalid_grant", 700_082, Dead),
    (400, "invalid_grant", 54_005, Dead),
    (400, "invalid_grant", 70_008, Dead),
    (400, "invalid_grant", 70_000, Dead),
    (400, "invalid_grant", 9_002_313, Dead),
    (400, "invalid_grant", 501_481, Dead),
    (400, "invalid_grant", 50_173, Revoked),
    (400, "invalid_grant", 50_076, InteractionRequired),
    (400, "interaction_required", 50_076, InteractionRequired),
    (400, "invalid_grant", 50_079, InteractionRequired),
    (400, "invalid_grant", 65_001, InteractionRequired),
    (400, "interaction_required", 53_003, InteractionRequired),
    (400, "invalid_grant", 70_043, InteractionRequired),
    (401, "invalid_client", 7_000_215, Operator),
    (401, "invalid_client", 7_000_222, Operator),
    (401, "invalid_client", 7_000_218, Operator),
    (400, "unauthorized_client", 700_016, Operator),
    (400, "invalid_request", 50_194, Operator),
    (400, "invalid_request", 90_002, Operator),
    (400, "invalid_grant", 500_112, Operator),
    (400, "invalid_scope", 70_011, Operator),
    (400, "consent_required", 1, InteractionRequired),
    (400, "never_heard_of", 1, Unknown),
];

#[test]
fn every_number() {
    for (status, error, number, class) in NUMBERS {
        let code = format!("AADSTS{number}");
        let with_codes = format!(
            r#"{{"error":"{error}","error_description":"{code}: why","error_codes":[{number}]}}"#
        );
        let in_text = format!(r#"{{"error":"{error}","error_description":"{code}: why"}}"#);
        for body in [with_codes, in_text] {
            let refused = read(&reply(*status, &[JSON], &body)).expect_err("refused");
            assert_eq!(refused.class, *class, "{body}");
            assert_eq!(refused.code.as_ref(), Some(&code), "{body}");
            assert_eq!(refused.retry_at, None, "{body}");
        }
    }
}

#[test]
fn refusals_without_a_number_and_foreign_ones() {
    let transient = r#"{"error":"temporarily_unavailable","error_codes":[90033]}"#;
    assert_table(
        read,
        &[
            (
                400,
                &[JSON],
                r#"{"error":"invalid_grant"}"#,
                Dead,
                Some("invalid_grant"),
                None,
            ),
            (
                401,
                &[JSON],
                r#"{"error":"invalid_client"}"#,
                Operator,
                Some("invalid_client"),
                None,
            ),
            (
                400,
                &[JSON],
                transient,
                Later,
                Some("AADSTS90033"),
                Some(60),
            ),
            (
                503,
                &[JSON, ("retry-after", "5")],
                "{}",
                Later,
                None,
                Some(5),
            ),
            (200, &[HTML], "<html>Sign in</html>", Unknown, None, None),
        ],
    );
    assert_foreign_answers(read);
}

#[tokio::test]
async fn a_path_of_the_login_url_is_the_tenant() {
    use crate::outbound::{Limits, Outbound, OutboundAllow};
    let outbound = Outbound::new(OutboundAllow::default(), Limits::API).expect("a client");
    for (login_url, expected) in [
        (
            "https://login.example",
            "https://login.example/organizations",
        ),
        (
            "https://login.example/",
            "https://login.example/organizations",
        ),
        (
            "https://login.example/acme.example/",
            "https://login.example/acme.example",
        ),
    ] {
        let login_url = Url::parse(login_url).expect("a URL");
        let oauth = EntraOAuth::new(outbound.clone(), Clock::system(), &login_url);
        assert_eq!(oauth.login_url.as_str(), expected);
    }
}

#[test]
fn a_pair_with_scopes_of_the_resource() {
    let body = r#"{"token_type":"Bearer","scope":"499b84ac-1321-427f-aa17-267ca6975798/user_impersonation 499b84ac-1321-427f-aa17-267ca6975798/.default","expires_in":4499,"ext_expires_in":4499,"access_token":"a","refresh_token":"r"}"#;
    let grant = read(&reply(200, &[JSON], body)).expect("a grant");
    assert_eq!(grant.scopes.expect("told").len(), 2);
    let end = grant.expires_at.expect("an end").timestamp();
    assert_eq!(end - NOW, 4_489);
}
