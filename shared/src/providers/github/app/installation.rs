//! What an installation is.
//!
//! Source: `GET /app/installations/{id}`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use http::Method;
use serde::Deserialize;

use super::super::super::transport::object;
use super::super::client::Client;
use super::assertion;
use crate::domain::connection::Account;
use crate::domain::provider::Instance;
use crate::providers::{App, Installation, ProviderError, Selection};

/// What listing repositories and their branches needs.
const NEEDED: [&str; 2] = ["contents", "metadata"];

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
    Ok(Installation {
        told_at: assertion::date(&answer),
        ..read(object(&answer)?, &app.instance)
    })
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
        told_at: None,
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
