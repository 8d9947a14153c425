//! Who a Bitbucket credential is.
//!
//! Source: `GET /user`, and its headers `x-oauth-scopes` and `x-credential-type`, which come with a
//! refusal too. For an access token the place that it is for stands in for a user: the workspace
//! that `GET /user/workspaces` names, or what the connection's user name says, once a question to
//! it was answered.

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::super::transport::{failure, object};
use super::super::{Access, ErrorClass, Identity, ProviderError};
use super::client::{Client, encoded};
use super::{credential, errors, paging, path, workspaces};
use crate::domain::connection::Account;
use crate::outbound::rate_limit;

#[derive(Deserialize)]
struct User {
    uuid: String,
    username: Option<String>,
    nickname: Option<String>,
    display_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    avatar: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

pub(super) async fn identity(client: &Client, access: &Access) -> Result<Identity, ProviderError> {
    let answer = client.ask(access, "/user", "").await?;
    let scopes = granted(answer.headers());
    let rate_limit = rate_limit::bitbucket(answer.headers());
    if answer.status().is_success() {
        let user: User = object(&answer)?;
        return Ok(Identity {
            account: account(user),
            missing_scopes: missing(scopes.as_deref(), &[USER, WORKSPACE, REPOSITORY]),
            scopes,
            token_expires_at: None,
            rate_limit,
        });
    }
    let error = client.refusal(access, "/user", &answer);
    if credential::is_nobodys(access) && is_of_the_kind(&answer, &error) {
        let account = place(client, access).await?;
        return Ok(Identity {
            account,
            missing_scopes: missing(scopes.as_deref(), &[REPOSITORY]),
            scopes,
            token_expires_at: None,
            rate_limit,
        });
    }
    // A living token that may not read its own user: what it lacks says more than a refusal.
    let told = errors::scopes(&answer).filter(|_| error.class == ErrorClass::ScopeMissing);
    let Some(told) = told else { return Err(error) };
    let scopes = scopes.unwrap_or(told.granted);
    Ok(Identity {
        account: Account::default(),
        missing_scopes: missing(Some(&scopes), &[USER, WORKSPACE, REPOSITORY]),
        scopes: Some(scopes),
        token_expires_at: None,
        rate_limit,
    })
}

/// Whether `/user` refuses because no user is behind the token: 403, and formerly a 401 whose words
/// leave it open.
fn is_of_the_kind(answer: &Response<Bytes>, error: &ProviderError) -> bool {
    match error.class {
        ErrorClass::Forbidden | ErrorClass::ScopeMissing | ErrorClass::NotFound => true,
        ErrorClass::Unauthorized => {
            String::from_utf8_lossy(answer.body()).contains("not supported for this endpoint")
        }
        _ => false,
    }
}

/// What an access token is for.
async fn place(client: &Client, access: &Access) -> Result<Account, ProviderError> {
    let Some(name) = credential::named_place(access) else {
        let (all, _) = workspaces::all(client, access).await?;
        let first = all
            .into_iter()
            .next()
            .ok_or_else(|| failure(ErrorClass::NotFound, "the access token is in no workspace"))?;
        return Ok(Account {
            id: Some(first.id),
            login: Some(first.slug),
            kind: Some("workspace".to_owned()),
            display_name: first.name,
            avatar_url: None,
        });
    };
    #[derive(Deserialize)]
    struct Place {
        uuid: Option<String>,
        name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item {
        workspace: Option<Place>,
    }
    let (kind, found) = if name.contains('/') {
        let answer = client.get(access, &path::repository(name)?, "").await?;
        ("repository", Some(object::<Place>(&answer)?))
    } else {
        let query = encoded(&[("pagelen", "1")]);
        let answer = client.get(access, &path::workspace(name)?, &query).await?;
        let page = paging::read::<Item>(access, &answer)?;
        let first = page.items.into_iter().flatten().next();
        ("workspace", first.and_then(|item| item.workspace))
    };
    let (uuid, display_name) = found.map_or((None, None), |place| (place.uuid, place.name));
    Ok(Account {
        // An empty workspace tells no UUID; its slug tells it apart as well.
        id: Some(uuid.unwrap_or_else(|| name.to_owned())),
        login: Some(name.to_owned()),
        kind: Some(kind.to_owned()),
        display_name,
        avatar_url: None,
    })
}

/// Scopes as granted, in one of two vocabularies; `None` where no header tells.
pub(super) fn granted(headers: &HeaderMap) -> Option<Vec<String>> {
    let text = headers.get("x-oauth-scopes")?.to_str().ok()?;
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    Some(words.map(str::to_owned).collect())
}

/// What is needed: as API tokens say it, and as OAuth and access tokens do, with what holds it.
type Needed = (&'static str, &'static [&'static str]);

const USER: Needed = ("read:user:bitbucket", &["account", "account:write"]);
const WORKSPACE: Needed = ("read:workspace:bitbucket", &["account", "account:write"]);
const REPOSITORY: Needed = (
    "read:repository:bitbucket",
    &[
        "repository",
        "repository:write",
        "repository:admin",
        "pullrequest",
        "pullrequest:write",
    ],
);

/// What listing and reading repositories need and is not granted, in the token's own vocabulary.
fn missing(scopes: Option<&[String]>, needed: &[Needed]) -> Vec<String> {
    let Some(scopes) = scopes else {
        return Vec::new();
    };
    let granular = scopes.iter().any(|scope| scope.ends_with(":bitbucket"));
    let has = |scope: &str| scopes.iter().any(|held| held == scope);
    let mut missing = Vec::new();
    for (name, classic) in needed {
        let of_it = name.trim_start_matches("read");
        let held = if granular {
            ["read", "write", "admin"]
                .iter()
                .any(|level| has(&format!("{level}{of_it}")))
        } else {
            classic.iter().any(|scope| has(scope))
        };
        let name = if granular { name } else { classic[0] };
        if !held && !missing.iter().any(|known| known == name) {
            missing.push(name.to_owned());
        }
    }
    missing
}

fn account(user: User) -> Account {
    let avatar = user.links.and_then(|links| links.avatar);
    Account {
        id: Some(user.uuid),
        login: user.username.or(user.nickname),
        kind: user.kind.map(|kind| kind.to_lowercase()),
        display_name: user.display_name.filter(|name| !name.is_empty()),
        avatar_url: avatar
            .and_then(|link| link.href)
            .filter(|url| !url.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scopes_suffice() {
        let all = [USER, WORKSPACE, REPOSITORY];
        for (scopes, expected) in [
            (
                "read:user:bitbucket, read:workspace:bitbucket, read:repository:bitbucket",
                vec![],
            ),
            (
                "read:user:bitbucket,admin:workspace:bitbucket,write:repository:bitbucket",
                vec![],
            ),
            (
                "read:user:bitbucket",
                vec!["read:workspace:bitbucket", "read:repository:bitbucket"],
            ),
            ("account repository:write", vec![]),
            ("account, pullrequest", vec![]),
            ("repository", vec!["account"]),
            ("", vec!["account", "repository"]),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-oauth-scopes", scopes.parse().unwrap());
            let granted = granted(&headers).unwrap();
            assert_eq!(missing(Some(&granted), &all), expected, "{scopes}");
        }
        assert!(missing(None, &all).is_empty());
    }
}
