//! How the tables of the four adapters are tested: a line is an answer and what it means.

use super::*;

/// The present moment of all tables.
pub(in super::super) const NOW: i64 = 1_800_000_000;

pub(in super::super) const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
pub(in super::super) const TEXT: (&str, &str) = ("content-type", "text/plain");
pub(in super::super) const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
pub(in super::super) const FORM: (&str, &str) = (
    "content-type",
    "application/x-www-form-urlencoded; charset=utf-8",
);

/// Status, headers, body; then the class, the code and the seconds to wait.
pub(in super::super) type Line = (
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    GrantErrorClass,
    Option<&'static str>,
    Option<i64>,
);

type Read = fn(&Reply) -> Result<Grant, Refused>;

/// An answer that was asked for ten seconds before it came.
pub(in super::super) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    Reply {
        answer: answer.body(Bytes::from(body.to_owned())).unwrap(),
        asked_at: now - chrono::TimeDelta::seconds(10),
        now,
    }
}

pub(in super::super) fn assert_table(read: Read, table: &[Line]) {
    for (status, headers, body, class, code, wait) in table {
        let refused = read(&reply(*status, headers, body)).expect_err(body);
        let waits = refused.retry_at.map(|at| at.timestamp() - NOW);
        assert_eq!(
            (refused.class, refused.code.as_deref(), waits),
            (*class, *code, *wait),
            "{status} {body}"
        );
        if *status < 300 {
            assert!(!refused.description.contains("s3cr3t"), "{refused:?}");
        }
    }
}

/// What every endpoint makes of what is none of its own answers.
pub(in super::super) fn assert_foreign_answers(read: Read) {
    use GrantErrorClass::{Later, Unknown};
    let lines: &[Line] = &[
        (200, &[HTML], "<html>sign in</html>", Unknown, None, None),
        (200, &[JSON], "", Unknown, None, None),
        (200, &[JSON], "{}", Unknown, None, None),
        (200, &[JSON], "[1]", Unknown, None, None),
        (
            200,
            &[JSON],
            "{\"access_token\":\"s3cr3t",
            Unknown,
            None,
            None,
        ),
        (200, &[JSON], "{\"access_token\":\"\"}", Unknown, None, None),
        (200, &[JSON], "{\"access_token\":7}", Unknown, None, None),
        (200, &[JSON], "{\"error\":\"\"}", Unknown, None, None),
        (204, &[], "", Unknown, None, None),
        (
            302,
            &[("location", "https://x.example/")],
            "",
            Unknown,
            None,
            None,
        ),
        (404, &[HTML], "<html>404</html>", Unknown, None, None),
        (408, &[], "", Unknown, None, None),
        (
            500,
            &[JSON],
            "{\"error\":\"invalid_grant\"}",
            Unknown,
            None,
            None,
        ),
        (502, &[HTML], "<html>502</html>", Unknown, None, None),
        (503, &[HTML], "<html>503</html>", Unknown, None, None),
        (504, &[TEXT], "", Unknown, None, None),
        (
            503,
            &[JSON, ("retry-after", "30")],
            "{\"error\":\"temporarily_unavailable\"}",
            Later,
            Some("temporarily_unavailable"),
            Some(30),
        ),
        (
            429,
            &[HTML, ("retry-after", "40")],
            "<html>",
            Later,
            None,
            Some(40),
        ),
        (429, &[TEXT], "Retry later\n", Later, None, Some(60)),
        (
            400,
            &[JSON],
            "{\"error\":\"never_heard_of\"}",
            Unknown,
            Some("never_heard_of"),
            None,
        ),
        (
            400,
            &[JSON],
            "{\"error\":\"<script>alert(1)</script>\"}",
            Unknown,
            None,
            None,
        ),
    ];
    assert_table(read, lines);
}
