use super::super::super::token_endpoint::table_tests::{
    FORM, HTML, JSON, Line, NOW, assert_foreign_answers, assert_table, reply,
};
use super::*;
use GrantErrorClass::{InteractionRequired, Later, Operator, Refused as Dead, Unknown};

const TABLE: &[Line] = &[
    (
        200,
        &[JSON],
        r#"{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired.","error_uri":"https://docs.github.com"}"#,
        Dead,
        Some("bad_refresh_token"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}"#,
        Dead,
        Some("bad_verification_code"),
        None,
    ),
    (
        200,
        &[FORM],
        "error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.",
        Dead,
        Some("bad_refresh_token"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"unauthorized_client"}"#,
        Dead,
        Some("unauthorized_client"),
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"error":"invalid_grant"}"#,
        Dead,
        Some("invalid_grant"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"incorrect_client_credentials","error_description":"The client_id and/or client_secret passed are incorrect."}"#,
        Operator,
        Some("incorrect_client_credentials"),
        None,
    ),
    (
        200,
        &[FORM],
        "error=incorrect_client_credentials",
        Operator,
        Some("incorrect_client_credentials"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"redirect_uri_mismatch"}"#,
        Operator,
        Some("redirect_uri_mismatch"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"unsupported_grant_type"}"#,
        Operator,
        Some("unsupported_grant_type"),
        None,
    ),
    (
        404,
        &[JSON],
        r#"{"error":"Not Found"}"#,
        Operator,
        Some("Not Found"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"Not Found"}"#,
        Unknown,
        Some("Not Found"),
        None,
    ),
    (
        200,
        &[JSON],
        r#"{"error":"unverified_user_email"}"#,
        InteractionRequired,
        Some("unverified_user_email"),
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"message":"You have exceeded a secondary rate limit."}"#,
        Later,
        None,
        Some(60),
    ),
    (
        403,
        &[JSON, ("retry-after", "25")],
        r#"{"message":"You have exceeded a secondary rate limit."}"#,
        Later,
        None,
        Some(25),
    ),
    (403, &[HTML], "<html>no</html>", Unknown, None, None),
    (
        200,
        &[FORM],
        "access_token=&scope=s3cr3t&token_type=bearer",
        Unknown,
        None,
        None,
    ),
    (502, &[FORM], "access_token=gho_s3cr3t", Unknown, None, None),
    (500, &[FORM], "error=bad_refresh_token", Unknown, None, None),
];

#[test]
fn every_refusal() {
    assert_table(read, TABLE);
    assert_foreign_answers(read);
}

#[test]
fn a_pair_in_json_and_in_a_form() {
    for (kind, body) in [
        (
            JSON,
            r#"{"access_token":"ghu_a","expires_in":28800,"refresh_token":"ghr_r","refresh_token_expires_in":15811200,"scope":"","token_type":"bearer"}"#,
        ),
        (
            FORM,
            "access_token=ghu_a&expires_in=28800&refresh_token=ghr_r&refresh_token_expires_in=15811200&scope=&token_type=bearer",
        ),
    ] {
        let grant = read(&reply(200, &[kind], body)).expect(body);
        assert_eq!(grant.access_token.expose_secret(), "ghu_a");
        let refresh = grant.refresh_token.expect("one");
        assert_eq!(refresh.expose_secret(), "ghr_r");
        let left = |end: Option<chrono::DateTime<chrono::Utc>>| end.map(|at| at.timestamp() - NOW);
        assert_eq!(left(grant.expires_at), Some(28_790));
        assert_eq!(left(grant.refresh_expires_at), Some(15_811_190));
        assert_eq!(grant.scopes, None);
    }
}

#[test]
fn scopes_are_as_granted_and_may_be_none_at_all() {
    for (scope, expected) in [("repo,read:org", vec!["repo", "read:org"]), ("", vec![])] {
        let body = format!(r#"{{"access_token":"gho_a","scope":"{scope}","token_type":"bearer"}}"#);
        let grant = read(&reply(200, &[JSON], &body)).expect("a grant");
        assert_eq!(grant.scopes.expect("told"), expected);
        assert!(grant.expires_at.is_none() && grant.refresh_token.is_none());
    }
}
