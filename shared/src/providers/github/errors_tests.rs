use super::*;
use ErrorClass::*;

type Line = (
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    ErrorClass,
    Option<i64>,
);

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

/// Status, headers, body; then the class and the seconds to wait.
const TABLE: &[Line] = &[
    (
        401,
        &[JSON],
        r#"{"message":"Bad credentials"}"#,
        Unauthorized,
        None,
    ),
    (401, &[], "", Unauthorized, None),
    (
        403,
        &[
            JSON,
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1800000900"),
        ],
        r#"{"message":"API rate limit exceeded for user ID 1."}"#,
        RateLimited,
        Some(900),
    ),
    (
        403,
        &[
            JSON,
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1799999000"),
        ],
        r#"{"message":"API rate limit exceeded"}"#,
        RateLimited,
        Some(0),
    ),
    (
        403,
        &[
            JSON,
            ("retry-after", "30"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1800000900"),
        ],
        r#"{"message":"You have exceeded a secondary rate limit."}"#,
        RateLimited,
        Some(30),
    ),
    (
        403,
        &[JSON, ("x-ratelimit-remaining", "4000")],
        r#"{"message":"You have exceeded a secondary rate limit and have been temporarily blocked."}"#,
        RateLimited,
        Some(60),
    ),
    (
        403,
        &[JSON],
        r#"{"message":"You have triggered an abuse detection mechanism."}"#,
        RateLimited,
        Some(60),
    ),
    (
        429,
        &[("content-type", "text/html")],
        "<html>",
        RateLimited,
        Some(60),
    ),
    (
        429,
        &[JSON, ("retry-after", "5")],
        "{}",
        RateLimited,
        Some(5),
    ),
    (
        403,
        &[
            JSON,
            (
                "x-github-sso",
                "required; url=https://github.com/orgs/acme/sso?authorization_request=A",
            ),
        ],
        r#"{"message":"Resource protected by organization SAML enforcement."}"#,
        SsoBlocked,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"message":"Resource protected by organization SAML enforcement. You must grant your token access"}"#,
        SsoBlocked,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"message":"This installation has been suspended"}"#,
        Suspended,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"message":"Sorry. Your account was suspended."}"#,
        Suspended,
        None,
    ),
    (
        403,
        &[JSON, ("x-accepted-github-permissions", "contents=read")],
        r#"{"message":"Resource not accessible by personal access token"}"#,
        ScopeMissing,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"message":"Resource not accessible by integration"}"#,
        ScopeMissing,
        None,
    ),
    (
        403,
        &[
            JSON,
            ("x-oauth-scopes", "gist"),
            ("x-accepted-oauth-scopes", "public_repo, repo"),
        ],
        r#"{"message":"Must have admin rights to Repository."}"#,
        ScopeMissing,
        None,
    ),
    (
        403,
        &[
            JSON,
            ("x-oauth-scopes", "repo"),
            ("x-accepted-oauth-scopes", "public_repo, repo"),
        ],
        r#"{"message":"Must have admin rights to Repository."}"#,
        Forbidden,
        None,
    ),
    (
        403,
        &[
            JSON,
            ("x-oauth-scopes", "repo"),
            ("x-accepted-oauth-scopes", ""),
        ],
        r#"{"message":"the organization has an IP allow list enabled"}"#,
        Forbidden,
        None,
    ),
    (
        403,
        &[("content-type", "text/html")],
        "<html>",
        Forbidden,
        None,
    ),
    (404, &[JSON], r#"{"message":"Not Found"}"#, NotFound, None),
    (
        404,
        &[("content-type", "text/html")],
        "<html>",
        Unexpected,
        None,
    ),
    (
        451,
        &[JSON],
        r#"{"message":"Repository access blocked"}"#,
        Forbidden,
        None,
    ),
    (
        400,
        &[JSON],
        r#"{"message":"Problems parsing JSON"}"#,
        Unexpected,
        None,
    ),
    (410, &[JSON], r#"{"message":"Gone"}"#, Unexpected, None),
    (
        422,
        &[JSON],
        r#"{"message":"Validation Failed"}"#,
        Unexpected,
        None,
    ),
    (307, &[JSON, ("location", "/x")], "", Unexpected, None),
    (408, &[], "", Unavailable, None),
    (500, &[], "", Unavailable, None),
    (
        502,
        &[("content-type", "text/html")],
        "<html>Unicorn!</html>",
        Unavailable,
        None,
    ),
    (503, &[("retry-after", "120")], "", Unavailable, Some(120)),
];

#[test]
fn every_line_of_the_table() {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    for (status, headers, body, class, wait) in TABLE {
        let mut answer = Response::builder().status(*status);
        for (name, value) in *headers {
            answer = answer.header(*name, *value);
        }
        let error = classify(
            &answer.body(Bytes::from_static(body.as_bytes())).unwrap(),
            now,
        );
        assert_eq!(error.class, *class, "{status} {headers:?} {body}");
        let waits = error.retry_at.map(|at| (at - now).num_seconds());
        assert_eq!(waits, *wait, "{status} {headers:?} {body}");
        assert_eq!(error.status, Some(*status));
    }
}

#[test]
fn the_page_that_mends_a_sign_on() {
    let page = "https://github.com/orgs/acme/sso?authorization_request=A";
    assert_eq!(
        sso_url(&format!("required; url={page}")).as_deref(),
        Some(page)
    );
    assert_eq!(sso_url("required; url=javascript:alert(1)"), None);
    assert_eq!(sso_url("partial-results; organizations=1,2"), None);
}
