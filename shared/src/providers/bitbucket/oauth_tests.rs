use super::super::super::GrantErrorClass::{Operator, Refused as Dead, Unknown};
use super::super::super::token_endpoint::table_tests::{
    JSON, Line, NOW, assert_foreign_answers, assert_table, reply,
};
use super::*;

const TABLE: &[Line] = &[
    (
        400,
        &[JSON],
        r#"{"error_description":"The specified code is not valid.","error":"invalid_grant"}"#,
        Dead,
        Some("invalid_grant"),
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"error_description":"Invalid OAuth client credentials","error":"unauthorized_client"}"#,
        Operator,
        Some("unauthorized_client"),
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
        r#"{"error":"invalid_request"}"#,
        Operator,
        Some("invalid_request"),
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"type":"error","error":{"message":"Bad request"}}"#,
        Unknown,
        None,
        None,
    ),
    (503, &[JSON], r#"{"type":"error"}"#, Unknown, None, None),
];

#[test]
fn every_refusal() {
    assert_table(read, TABLE);
    assert_foreign_answers(read);
}

#[test]
fn scopes_are_plural() {
    for field in ["scopes", "scope"] {
        let body = format!(
            r#"{{"access_token":"a","{field}":"account repository:write","expires_in":7200,"refresh_token":"r","token_type":"bearer","state":"authorization_code"}}"#
        );
        let grant = read(&reply(200, &[JSON], &body)).expect("a grant");
        assert_eq!(grant.scopes.expect("told"), ["account", "repository:write"]);
        let end = grant.expires_at.expect("an end").timestamp();
        assert_eq!(end - NOW, 7_190);
        assert_eq!(grant.refresh_expires_at, None);
    }
}
