//! Who a GitHub token is.
//!
//! Source: `GET /user`, "Scopes for OAuth apps" (`X-OAuth-Scopes`), and the expiry header as
//! public clients have seen it.

use chrono::{DateTime, NaiveDateTime, Utc};
use http::HeaderMap;
use serde::Deserialize;

use super::super::transport::object;
use super::super::{Access, Identity, ProviderError};
use super::client::Client;
use super::errors;
use crate::domain::connection::Account;
use crate::outbound::rate_limit;

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    avatar_url: Option<String>,
}

pub(super) async fn identity(client: &Client, access: &Access) -> Result<Identity, ProviderError> {
    let answer = client.get(access, "/user", &[]).await?;
    let user: User = object(&answer)?;
    let scopes = granted(answer.headers());
    Ok(Identity {
        account: Account {
            id: Some(user.id.to_string()),
            login: Some(user.login),
            kind: user.kind.map(|kind| kind.to_lowercase()),
            display_name: user.name.filter(|name| !name.is_empty()),
            avatar_url: user.avatar_url.filter(|url| !url.is_empty()),
        },
        missing_scopes: missing(scopes.as_deref()),
        scopes,
        token_expires_at: expiry(answer.headers()),
        rate_limit: rate_limit::github(answer.headers(), client.now()),
    })
}

/// Classic tokens tell their scopes, be it none; fine-grained ones and those of Apps send no such
/// header.
fn granted(headers: &HeaderMap) -> Option<Vec<String>> {
    let text = headers.get("x-oauth-scopes")?.to_str().ok()?;
    Some(errors::scopes(text).map(str::to_owned).collect())
}

/// Private repositories take `repo`; `public_repo` sees the public ones alone. `read:org` is not
/// called missing: listings and branches do without it.
fn missing(scopes: Option<&[String]>) -> Vec<String> {
    match scopes {
        Some(scopes) if !scopes.iter().any(|scope| scope == "repo") => vec!["repo".to_owned()],
        _ => Vec::new(),
    }
}

fn expiry(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers
        .get("github-authentication-token-expiration")?
        .to_str()
        .ok()?
        .trim();
    if let Some(utc) = text.strip_suffix(" UTC") {
        let time = NaiveDateTime::parse_from_str(utc, "%Y-%m-%d %H:%M:%S").ok()?;
        return Some(time.and_utc());
    }
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z")
        .or_else(|_| DateTime::parse_from_rfc3339(text))
        .ok()
        .map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn what_scopes_suffice() {
        let missing = |value| missing(granted(&headers("x-oauth-scopes", value)).as_deref());
        assert!(missing("repo, read:org, gist").is_empty());
        assert!(missing("read:user,repo").is_empty());
        assert_eq!(missing("public_repo"), ["repo"]);
        assert_eq!(missing(""), ["repo"]);
        assert_eq!(granted(&HeaderMap::new()), None);
        assert!(super::missing(None).is_empty());
    }

    #[test]
    fn every_form_of_the_expiry() {
        let read = |value| expiry(&headers("github-authentication-token-expiration", value));
        let expected = DateTime::parse_from_rfc3339("2026-01-02T05:04:05Z")
            .unwrap()
            .to_utc();
        for text in [
            "2026-01-02 05:04:05 UTC",
            "2026-01-02 05:04:05 +0000",
            "2026-01-02 00:04:05 -0500",
            "2026-01-02T05:04:05Z",
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        assert_eq!(read("never"), None);
        assert_eq!(expiry(&HeaderMap::new()), None);
    }
}
