//! What an installation is, asked by the App; and whether a person sees it, asked by that person.
//!
//! Source: `GET /app/installations/{id}`, `GET /user/installations`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use http::Method;
use serde::Deserialize;

use super::super::super::transport::object;
use super::super::client::Client;
use super::super::repositories::has_next;
use super::assertion;
use crate::domain::connection::Account;
use crate::domain::provider::Instance;
use crate::providers::{Access, App, Installation, ProviderError, Selection};

/// What listing repositories and their branches needs.
const NEEDED: [&str; 2] = ["contents", "metadata"];
/// Pages of a person's installations that are read: 10,000 of them.
const MOST_PAGES: u32 = 100;

#[derive(Deserialize)]
struct Told {
    id: i64,
    app_id: i64,
    account: Option<ToldAccount>,
    repository_selection: Option<String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    suspended_at: Option<DateTime<Utc>>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
}

/// A user or organization, or an enterprise, which has a slug in place of a login and no type.
#[derive(Deserialize)]
struct ToldAccount {
    id: i64,
    login: Option<String>,
    slug: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    avatar_url: Option<String>,
}

pub(super) async fn facts(
    client: &Client,
    app: &App,
    id: i64,
) -> Result<Installation, ProviderError> {
    let path = format!("/app/installations/{id}");
    let answer = assertion::ask::<()>(client, app, Method::GET, &path, None).await?;
    Ok(read(object(&answer)?, &app.instance))
}

fn read_permissions(permissions: &BTreeMap<String, String>) -> Vec<String> {
    let pairs = permissions.iter();
    pairs
        .map(|(name, level)| format!("{name}:{level}"))
        .collect()
}

fn read(told: Told, instance: &Instance) -> Installation {
    let missing = NEEDED
        .into_iter()
        .filter(|name| !told.permissions.contains_key(*name));
    let account = told.account.map(|account| Account {
        id: Some(account.id.to_string()),
        login: account.login.or(account.slug),
        kind: Some(
            account
                .kind
                .map_or("enterprise".to_owned(), |kind| kind.to_lowercase()),
        ),
        display_name: account.name.filter(|name| !name.is_empty()),
        avatar_url: account.avatar_url.filter(|url| !url.is_empty()),
    });
    let account = account.unwrap_or_default();
    Installation {
        id: told.id,
        app_id: told.app_id,
        settings_url: settings_url(&account, told.id, instance),
        account,
        missing_permissions: missing.map(|name| format!("{name}:read")).collect(),
        permissions: read_permissions(&told.permissions),
        selection: match told.repository_selection.as_deref() {
            Some("selected") => Selection::Selected,
            _ => Selection::All,
        },
        suspended: told.suspended_at.is_some(),
        created_at: told.created_at,
        updated_at: told.updated_at,
    }
}

/// Made of the instance's own address: a link that a host gives is not shown to people.
fn settings_url(account: &Account, id: i64, instance: &Instance) -> Option<String> {
    let page = format!("/settings/installations/{id}");
    match (account.kind.as_deref(), account.login.as_deref()) {
        (Some("organization"), Some(login)) if is_plain(login) => {
            Some(instance.web(&format!("/organizations/{login}{page}")))
        }
        (Some("user"), _) => Some(instance.web(&page)),
        _ => None,
    }
}

fn is_plain(login: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !login.is_empty() && login.bytes().all(plain)
}

/// Reads the person's installations page by page until the one that is asked for.
pub(super) async fn user_sees(
    client: &Client,
    access: &Access,
    installation: i64,
) -> Result<bool, ProviderError> {
    #[derive(Deserialize)]
    struct Page {
        installations: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        id: i64,
    }
    for page in 1..=MOST_PAGES {
        let query = [("per_page", "100"), ("page", &page.to_string())];
        let answer = client.get(access, "/user/installations", &query).await?;
        let found: Page = object(&answer)?;
        if found.installations.iter().any(|one| one.id == installation) {
            return Ok(true);
        }
        if !has_next(answer.headers()) {
            return Ok(false);
        }
    }
    Ok(false)
}
