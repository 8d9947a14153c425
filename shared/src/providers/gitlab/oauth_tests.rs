use super::super::super::GrantErrorClass::{Later, Operator, Refused as Dead, Unknown};
use super::super::super::token_endpoint::table_tests::{
    HTML, JSON, Line, NOW, TEXT, assert_foreign_answers, assert_table, reply,
};
use super::*;

const TABLE: &[Line] = &[
    (
        400,
        &[JSON],
        r#"{"error":"invalid_grant","error_description":"The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."}"#,
        Dead,
        Some("invalid_grant"),
        None,
    ),
    (
        401,
        &[JSON],
        r#"{"error":"invalid_client","error_description":"Client authentication failed due to unknown client."}"#,
        Operator,
        Some("invalid_client"),
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"error":"unauthorized_client"}"#,
        Operator,
        Some("unauthorized_client"),
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"error":"unsupported_grant_type"}"#,
        Operator,
        Some("unsupported_grant_type"),
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"error":"invalid_request"}"#,
        Operator,
        Some("invalid_request"),
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"error":"invalid_scope"}"#,
        Operator,
        Some("invalid_scope"),
        None,
    ),
    // The ban of an address, and GitLab's own refusal, which is no answer of this endpoint.
    (403, &[TEXT], "Forbidden\n", Later, None, Some(900)),
    (
        403,
        &[JSON],
        r#"{"message":"403 Forbidden"}"#,
        Unknown,
        None,
        None,
    ),
    (
        503,
        &[JSON],
        r#"{"message":"maintenance"}"#,
        Unknown,
        None,
        None,
    ),
    (
        422,
        &[HTML],
        "<html>The change you requested was rejected</html>",
        Unknown,
        None,
        None,
    ),
];

#[test]
fn every_refusal() {
    assert_table(read, TABLE);
    assert_foreign_answers(read);
}

#[test]
fn lifetimes_count_from_gitlabs_clock() {
    let body = |created: &str| {
        format!(
            r#"{{"access_token":"a","token_type":"Bearer","expires_in":7200,"refresh_token":"r","scope":"api read_user"{created}}}"#
        )
    };
    // The question is ten seconds old. What cannot be is moved to what can.
    for (created, expected) in [
        (r#","created_at":1799999995"#, 7_195),
        (r#","created_at":"1799999995""#, 7_195),
        (r#","created_at":1799990000"#, 7_190),
        (r#","created_at":1800090000"#, 7_200),
        (r#","created_at":null"#, 7_190),
        ("", 7_190),
    ] {
        let grant = read(&reply(200, &[JSON], &body(created))).expect("a grant");
        let end = grant.expires_at.expect("an end").timestamp();
        assert_eq!(end - NOW, expected, "{created}");
        assert_eq!(grant.scopes.expect("told"), ["api", "read_user"]);
    }
    let never = body("").replace("7200", "null");
    let grant = read(&reply(200, &[JSON], &never)).expect("a grant");
    assert_eq!(grant.expires_at, None);
}
