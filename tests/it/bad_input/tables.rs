//! Request → status, code, field.

use serde_json::{Value, json};

use crate::world::{Answer, Caller};

/// Something that must be refused, and how.
pub struct Bad {
    pub body: Value,
    status: u16,
    code: &'static str,
    field: &'static str,
}

impl Bad {
    pub fn new(body: Value, status: u16, code: &'static str, field: &'static str) -> Self {
        Self {
            body,
            status,
            code,
            field,
        }
    }

    /// The documented status and code, the field, and a sentence that shows no secret.
    #[track_caller]
    pub fn check(&self, answer: &Answer) {
        let problem = answer.problem(self.status, self.code);
        let fault = &problem["errors"][0];
        assert_eq!(
            (&fault["field"], &fault["code"]),
            (&json!(self.field), &json!(self.code)),
            "{answer}"
        );
        for sentence in [&problem["detail"], &fault["message"]] {
            let sentence = sentence.as_str().unwrap();
            assert!(sentence.len() > 10 && sentence.ends_with('.'), "{answer}");
        }
        if let Some(token) = self.body["api_token"]
            .as_str()
            .filter(|token| token.len() > 10)
        {
            assert!(!answer.to_string().contains(token.trim()), "{answer}");
        }
    }
}

/// Bodies of new connections, each with one thing wrong.
pub fn connection_bodies(token: &str) -> Vec<Bad> {
    let with = |changes: Value| {
        let mut body = Caller::body("github", token);
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    let without = |field: &str| {
        let mut body = Caller::body("github", token);
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let gitlab = |url: &str| {
        let changes = json!({ "provider": "gitlab", "api_token": "glpat-abcdefghijklmnopqrst", "gitlab_url": url });
        with(changes)
    };
    let long = "x".repeat(101);
    let rows = [
        (with(json!({ "name": "" })), "required", "name"),
        (with(json!({ "name": "   " })), "required", "name"),
        (with(json!({ "name": long })), "too_long", "name"),
        (
            with(json!({ "name": "a\u{0}b" })),
            "invalid_characters",
            "name",
        ),
        (with(json!({ "name": 7 })), "invalid_type", "name"),
        (with(json!({ "name": null })), "invalid_type", "name"),
        (without("name"), "required", "name"),
        (without("provider"), "required", "provider"),
        (without("auth_method"), "required", "auth_method"),
        (without("api_token"), "required", "api_token"),
        (
            with(json!({ "description": "x".repeat(1001) })),
            "too_long",
            "description",
        ),
        (with(json!({ "colour": "red" })), "unknown_field", "colour"),
        (
            with(json!({ "provider": "sourcehut" })),
            "invalid_value",
            "provider",
        ),
        (
            with(json!({ "auth_method": "password" })),
            "invalid_value",
            "auth_method",
        ),
        (
            with(json!({ "auth_method": "gitlab_token" })),
            "unsupported_combination",
            "auth_method",
        ),
        (with(json!({ "api_token": "" })), "required", "api_token"),
        (
            with(json!({ "api_token": " \n\t " })),
            "required",
            "api_token",
        ),
        (
            with(json!({ "api_token": ["x"] })),
            "invalid_type",
            "api_token",
        ),
        (
            with(json!({ "api_token": "ghp_two words" })),
            "malformed_token",
            "api_token",
        ),
        (
            with(json!({ "api_token": "glpat-abcdefghijklmnopqrst" })),
            "wrong_provider_token",
            "api_token",
        ),
        (
            with(json!({ "api_token": "ghs_abcdefghijklmnopqrstuvwxyz0123456789" })),
            "unsupported_token",
            "api_token",
        ),
        (
            with(json!({ "provider": "gitlab" })),
            "wrong_provider_token",
            "api_token",
        ),
        (
            with(json!({ "access_token": "x" })),
            "unsupported_combination",
            "access_token",
        ),
        (
            with(json!({ "github_app_private_key": "x" })),
            "unsupported_combination",
            "github_app_private_key",
        ),
        (
            with(json!({ "gitlab_url": "https://gitlab.example.org" })),
            "unsupported_combination",
            "gitlab_url",
        ),
        (
            with(json!({ "auto_rotate": true })),
            "unsupported_combination",
            "auto_rotate",
        ),
        (
            with(json!({ "auto_rotate": "true" })),
            "invalid_type",
            "auto_rotate",
        ),
        (
            with(json!({ "allow_org_usage": true })),
            "platform_only",
            "allow_org_usage",
        ),
        (gitlab("gitlab"), "invalid_url", "base_url"),
        (
            gitlab("ftp://gitlab.example.org"),
            "invalid_url",
            "base_url",
        ),
        (
            gitlab("https://user:hunter22@gitlab.example.org"),
            "invalid_url",
            "base_url",
        ),
        (gitlab("http://gitlab.com"), "insecure_url", "base_url"),
        (gitlab("http://140.82.121.3"), "insecure_url", "base_url"),
        (gitlab("https://127.0.0.1"), "blocked_address", "base_url"),
        (
            gitlab("http://127.0.0.1:8080/gitlab"),
            "blocked_address",
            "base_url",
        ),
        (gitlab("https://localhost"), "blocked_address", "base_url"),
        (gitlab("https://[::1]/"), "blocked_address", "base_url"),
        (gitlab("https://2130706433"), "blocked_address", "base_url"),
        (
            gitlab("https://169.254.169.254"),
            "blocked_address",
            "base_url",
        ),
        (gitlab("https://192.168.0.1"), "blocked_address", "base_url"),
    ];
    rows.into_iter()
        .map(|(body, code, field)| Bad::new(body, 422, code, field))
        .collect()
}

/// Queries of lists.
pub fn queries(connection: &str) -> Vec<(String, &'static str, &'static str)> {
    let mut rows = Vec::new();
    let lists = [
        "/git-connections",
        "/jobs",
        "/activity",
        "/repositories",
        "/connected-repositories",
        "/members",
        "/api-tokens",
        "/git-provider-configs",
        "/api/v1/organizations",
    ];
    for list in lists {
        rows.extend(paging(list));
    }
    let of_connection = format!("/git-connections/{connection}");
    for list in ["repositories?x=", "syncs?x=", "branches?repo=octo/x"] {
        let path = format!("{of_connection}/{}", list.split('?').next().unwrap());
        let needs = if list.contains("repo=") {
            "repo=a/b&"
        } else {
            ""
        };
        rows.extend(
            paging(&path)
                .map(|(path, code, field)| (path.replace('?', &format!("?{needs}")), code, field)),
        );
    }
    rows.extend([
        (
            "/git-connections?active_only=yes".to_owned(),
            "invalid_value",
            "active_only",
        ),
        (
            "/git-connections?active=true".to_owned(),
            "unknown_parameter",
            "active",
        ),
        (
            "/repositories?provider=svn".to_owned(),
            "invalid_value",
            "provider",
        ),
        (
            "/repositories?archived=1".to_owned(),
            "invalid_value",
            "archived",
        ),
        ("/jobs?status=done".to_owned(), "invalid_value", "status"),
        (
            "/activity?since=yesterday".to_owned(),
            "invalid_value",
            "since",
        ),
        (
            "/repositories?connection_id=7".to_owned(),
            "invalid_value",
            "connection_id",
        ),
        (format!("{of_connection}/branches"), "required", "repo"),
        (
            format!("{of_connection}/branches?repo="),
            "required",
            "repo",
        ),
        (
            format!("{of_connection}/repositories?source=cache"),
            "invalid_value",
            "source",
        ),
    ]);
    rows
}

fn paging(list: &str) -> [(String, &'static str, &'static str); 7] {
    [
        (format!("{list}?per_page=101"), "too_large", "per_page"),
        (format!("{list}?per_page=0"), "too_small", "per_page"),
        (format!("{list}?per_page=-1"), "invalid_value", "per_page"),
        (format!("{list}?per_page=many"), "invalid_value", "per_page"),
        (format!("{list}?page=0"), "too_small", "page"),
        (
            format!("{list}?page=1001&per_page=100"),
            "page_too_deep",
            "page",
        ),
        (format!("{list}?after=nonsense"), "invalid_cursor", "after"),
    ]
}
