//! A token for an installation.
//!
//! Source: `POST /app/installations/{id}/access_tokens`. Tokens end after an hour; many are good at
//! once, so one that is lost on the way is minted again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};

use super::super::super::transport::object;
use super::super::client::Client;
use super::assertion;
use crate::domain::secret::Secret;
use crate::providers::{App, InstallationToken, Narrowing, ProviderError};

#[derive(Serialize)]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    repositories: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    permissions: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Minted {
    token: String,
    expires_at: DateTime<Utc>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

pub(super) async fn mint(
    client: &Client,
    app: &App,
    installation: i64,
    narrowing: &Narrowing,
) -> Result<InstallationToken, ProviderError> {
    let path = format!("/app/installations/{installation}/access_tokens");
    let wanted = Wanted {
        repositories: &narrowing.repositories,
        permissions: &narrowing.permissions,
    };
    let answer = assertion::ask(client, app, Method::POST, &path, Some(&wanted)).await?;
    let minted: Minted = object(&answer)?;
    // Its length by their clock, from now on by ours.
    let now = client.now();
    let theirs = assertion::date(&answer).unwrap_or(now);
    Ok(InstallationToken {
        token: Secret::from(minted.token),
        expires_at: now + (minted.expires_at - theirs),
        permissions: minted.permissions,
    })
}
