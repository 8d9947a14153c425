use super::*;
use ErrorClass::*;

type Line = (
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    Option<(ErrorClass, Option<i64>)>,
);

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
const BLOCKED: &str = r#"{"$id":"1","message":"TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource 'Concurrency' in namespace 'User'."}"#;

const fn is(class: ErrorClass) -> Option<(ErrorClass, Option<i64>)> {
    Some((class, None))
}

const fn wait(class: ErrorClass, seconds: i64) -> Option<(ErrorClass, Option<i64>)> {
    Some((class, Some(seconds)))
}

/// Status, headers, body; then the class and the seconds to wait, where it is no success.
const TABLE: &[Line] = &[
    (200, &[JSON], r#"{"count":0,"value":[]}"#, None),
    (200, &[JSON, ("retry-after", "5")], "{}", None),
    (203, &[HTML], "<html>Sign In</html>", is(Unauthorized)),
    (203, &[JSON], "{}", is(Unauthorized)),
    (200, &[HTML], "<html>Sign In</html>", is(Unauthorized)),
    (200, &[], "", is(Unauthorized)),
    (204, &[], "", is(Unauthorized)),
    (
        302,
        &[
            HTML,
            (
                "location",
                "https://spsprodeus21.vssps.visualstudio.com/_signin?realm=dev.azure.com",
            ),
        ],
        "",
        is(Unauthorized),
    ),
    (
        302,
        &[HTML, ("location", "/_signin?realm=dev.azure.com")],
        "",
        is(Unauthorized),
    ),
    (
        302,
        &[(
            "location",
            "https://login.microsoftonline.com/common/oauth2/authorize?client_id=x",
        )],
        "",
        is(Unauthorized),
    ),
    (
        302,
        &[("location", "https://evil.example/acme")],
        "",
        is(Blocked),
    ),
    (
        307,
        &[("location", "http://dev.azure.com/acme/_apis/projects")],
        "",
        is(Blocked),
    ),
    (
        301,
        &[("location", "/new-acme/_apis/projects")],
        "",
        is(Unexpected),
    ),
    (302, &[], "", is(Unexpected)),
    (401, &[HTML], "", is(Unauthorized)),
    (
        401,
        &[JSON],
        r#"{"message":"TF400813: The user '' is not authorized to access this resource."}"#,
        is(Unauthorized),
    ),
    (
        401,
        &[JSON],
        r#"{"message":"TF400813: The user 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' is not authorized to access this resource."}"#,
        is(Unauthorized),
    ),
    (
        401,
        &[JSON],
        r#"{"message":"TF400813: The user '9e250001-4d00-4f0e-8000-0000000003e9' is not authorized to access this resource."}"#,
        is(Forbidden),
    ),
    (
        403,
        &[JSON],
        r#"{"message":"VS403463: The conditional access policy defined by your Microsoft Entra administrator has failed."}"#,
        is(SsoBlocked),
    ),
    (
        403,
        &[JSON],
        r#"{"message":"TF401027: You need the Git 'GenericRead' permission."}"#,
        is(Forbidden),
    ),
    (403, &[HTML], "<html>Access Denied</html>", is(Forbidden)),
    (
        403,
        &[JSON, ("retry-after", "40")],
        "{}",
        wait(RateLimited, 40),
    ),
    (
        404,
        &[JSON],
        r#"{"message":"TF401019: The Git repository does not exist."}"#,
        is(NotFound),
    ),
    (404, &[HTML], "<html>404</html>", is(NotFound)),
    (
        429,
        &[
            JSON,
            ("retry-after", "40"),
            ("x-ratelimit-reset", "1800000300"),
        ],
        BLOCKED,
        wait(RateLimited, 40),
    ),
    (
        429,
        &[JSON, ("x-ratelimit-reset", "1800000300")],
        BLOCKED,
        wait(RateLimited, 300),
    ),
    (429, &[HTML], "", wait(RateLimited, 60)),
    (
        503,
        &[JSON, ("retry-after", "9")],
        BLOCKED,
        wait(RateLimited, 9),
    ),
    (
        400,
        &[JSON],
        r#"{"message":"No api-version was supplied"}"#,
        is(Unexpected),
    ),
    (405, &[JSON], "{}", is(Unexpected)),
    (408, &[], "", is(Unavailable)),
    (500, &[JSON], r#"{"message":"oops"}"#, is(Unavailable)),
    (503, &[HTML], "<html>", is(Unavailable)),
    (
        503,
        &[HTML, ("retry-after", "30")],
        "<html>",
        wait(Unavailable, 30),
    ),
];

#[test]
fn every_line_of_the_table() {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let url = Url::parse("https://dev.azure.com/acme/_apis/projects").unwrap();
    for (status, headers, body, expected) in TABLE {
        let mut answer = Response::builder().status(*status);
        for (name, value) in *headers {
            answer = answer.header(*name, *value);
        }
        let answer = answer.body(Bytes::from_static(body.as_bytes())).unwrap();
        let found = classify(&answer, &url, now).map(|error| {
            assert_eq!(error.status, Some(*status));
            (
                error.class,
                error.retry_at.map(|at| (at - now).num_seconds()),
            )
        });
        assert_eq!(found, *expected, "{status} {headers:?} {body}");
    }
}
