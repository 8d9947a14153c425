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
const TEXT: (&str, &str) = ("content-type", "text/plain");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

/// Status, headers, body; then the class and the seconds to wait.
const TABLE: &[Line] = &[
    (
        401,
        &[JSON],
        r#"{"type":"error","error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}"#,
        Unauthorized,
        None,
    ),
    (401, &[TEXT], "", Unauthorized, None),
    (
        402,
        &[JSON],
        r#"{"type":"error","error":{"message":"Upgrade"}}"#,
        Forbidden,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes.","detail":{"required":["read:repository:bitbucket"],"granted":["read:user:bitbucket"]}}}"#,
        ScopeMissing,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes."}}"#,
        ScopeMissing,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"type":"error","error":{"message":"This API is not accessible by this authentication mechanism"}}"#,
        Forbidden,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"type":"error","error":{"message":"To access this workspace, log in by single sign-on."}}"#,
        SsoBlocked,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"type":"error","error":{"message":"This account has been deactivated."}}"#,
        Suspended,
        None,
    ),
    (
        403,
        &[JSON],
        r#"{"type":"error","error":{"message":"To access this repository, an admin has to allow your IP address.","detail":"See the settings."}}"#,
        Forbidden,
        None,
    ),
    (403, &[TEXT], "Forbidden", Forbidden, None),
    (
        403,
        &[HTML],
        "<html>Request blocked</html>",
        Unavailable,
        None,
    ),
    (
        404,
        &[JSON],
        r#"{"type":"error","error":{"message":"Repository acme/none not found"}}"#,
        NotFound,
        None,
    ),
    (404, &[HTML], "<html>", Unexpected, None),
    (
        410,
        &[JSON],
        r#"{"type":"error","error":{"message":"CHANGE-2770 - Functionality has been deprecated"}}"#,
        Unexpected,
        None,
    ),
    (
        429,
        &[TEXT],
        "Rate limit for this resource has been exceeded",
        RateLimited,
        Some(300),
    ),
    (
        429,
        &[HTML, ("retry-after", "40")],
        "<html>",
        RateLimited,
        Some(40),
    ),
    (
        429,
        &[JSON, ("retry-after", "soon")],
        "{}",
        RateLimited,
        Some(300),
    ),
    (451, &[JSON], "{}", Forbidden, None),
    (
        400,
        &[JSON],
        r#"{"type":"error","error":{"message":"Invalid q"}}"#,
        Unexpected,
        None,
    ),
    (302, &[HTML], "", Unexpected, None),
    (408, &[], "", Unavailable, None),
    (
        500,
        &[JSON],
        r#"{"type":"error","error":{"message":"Something went wrong"}}"#,
        Unavailable,
        None,
    ),
    (
        503,
        &[HTML, ("retry-after", "30")],
        "<html>",
        Unavailable,
        Some(30),
    ),
    // Bitbucket's own: the work took too long.
    (
        555,
        &[JSON],
        r#"{"type":"error","error":{"message":"Timeout"}}"#,
        Unavailable,
        None,
    ),
];

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Bytes::from_static(body.as_bytes())).unwrap()
}

#[test]
fn every_line_of_the_table() {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    for (status, headers, body, class, wait) in TABLE {
        let error = classify(&answer(*status, headers, body), now);
        assert_eq!(error.class, *class, "{status} {body}");
        assert_eq!(error.status, Some(*status));
        let waits = error.retry_at.map(|at| (at - now).num_seconds());
        assert_eq!(waits, *wait, "{status} {body}");
    }
}

#[test]
fn a_removal_is_named() {
    let body =
        r#"{"type":"error","error":{"message":"CHANGE-2770 - Functionality has been deprecated"}}"#;
    let error = classify(&answer(410, &[JSON], body), DateTime::UNIX_EPOCH);
    assert!(error.detail.contains("removed") && error.detail.contains("CHANGE-2770"));
}

#[test]
fn scopes_are_read_where_they_are_named() {
    let body = r#"{"type":"error","error":{"message":"x","detail":{"required":["a"],"granted":["b","c"]}}}"#;
    assert_eq!(
        scopes(&answer(403, &[JSON], body)),
        Some(Scopes {
            required: vec!["a".to_owned()],
            granted: vec!["b".to_owned(), "c".to_owned()],
        })
    );
    for other in [
        "",
        "<html>",
        "[]",
        r#"{"error":{"message":"x"}}"#,
        r#"{"error":{"message":"x","detail":"required"}}"#,
    ] {
        let text: &'static str = other;
        assert_eq!(scopes(&answer(403, &[JSON], text)), None, "{other}");
    }
}
