//! Who a GitLab token is.
//!
//! Source: `GET /personal_access_tokens/self` (which knows personal, project and group tokens
//! alike) and `GET /user`.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use gitlab::api::personal_access_tokens::PersonalAccessTokenSelf;
use gitlab::api::users::CurrentUser;
use serde::Deserialize;

use super::super::transport::{failure, object};
use super::super::{Access, ErrorClass, Identity, ProviderError, Scheme};
use super::client::{Client, unbuildable};
use crate::domain::connection::Account;
use crate::outbound::rate_limit;

#[derive(Deserialize)]
struct TokenSelf {
    user_id: Option<u64>,
    scopes: Vec<String>,
    expires_at: Option<NaiveDate>,
    active: Option<bool>,
    revoked: Option<bool>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    username: String,
    name: Option<String>,
    avatar_url: Option<String>,
    bot: Option<bool>,
}

pub(super) async fn identity(client: &Client, access: &Access) -> Result<Identity, ProviderError> {
    let token = token_self(client, access).await?;
    let mut identity = Identity::default();
    if let Some(token) = &token {
        identity.account.id = token.user_id.map(|id| id.to_string());
        identity.missing_scopes = missing(&token.scopes);
        identity.scopes = Some(token.scopes.clone());
        // A date is the end of a token that somebody made; a grant ends within hours, and said when.
        if access.scheme == Scheme::PrivateToken {
            identity.token_expires_at = token.expires_at.map(end_of);
        }
    }
    let endpoint = CurrentUser::builder().build().map_err(unbuildable)?;
    match client.ask(access, &endpoint, &[]).await {
        Ok(answer) => {
            identity.account = account(object(&answer)?);
            identity.rate_limit = rate_limit::gitlab(answer.headers(), client.now());
            Ok(identity)
        }
        // A living token that may not read its own user: what it lacks says more than a refusal.
        Err(error) if error.class == ErrorClass::ScopeMissing && token.is_some() => Ok(identity),
        Err(error) => Err(error),
    }
}

/// What the token says of itself; `None` where the host does not know the question, or the
/// credential is no token of that kind (OAuth): `/user` alone decides then.
async fn token_self(client: &Client, access: &Access) -> Result<Option<TokenSelf>, ProviderError> {
    let endpoint = PersonalAccessTokenSelf::builder()
        .build()
        .map_err(unbuildable)?;
    let answer = match client.ask(access, &endpoint, &[]).await {
        Ok(answer) => answer,
        Err(error) if is_no_verdict(&error, access.scheme) => return Ok(None),
        Err(error) => return Err(error),
    };
    let token: TokenSelf = object(&answer)?;
    if token.revoked == Some(true) || token.active == Some(false) {
        return Err(failure(
            ErrorClass::Unauthorized,
            "the token says of itself that it is not active",
        ));
    }
    Ok(Some(token))
}

/// A 401 to `PRIVATE-TOKEN` is a dead token. To `Bearer` it may mean an OAuth token, which is no
/// personal access token.
fn is_no_verdict(error: &ProviderError, scheme: Scheme) -> bool {
    match error.status {
        Some(401) => scheme == Scheme::Bearer,
        Some(400..=499) => error.class != ErrorClass::RateLimited,
        _ => false,
    }
}

/// `read_api` reads projects, branches and the token's own user; `api` holds it.
fn missing(scopes: &[String]) -> Vec<String> {
    let reads = scopes
        .iter()
        .any(|scope| matches!(scope.as_str(), "api" | "read_api"));
    if reads {
        Vec::new()
    } else {
        vec!["read_api".to_owned()]
    }
}

/// A token "expires on the date you define, at midnight UTC": it is dead once that date has begun,
/// so its last moment is the beginning of the date, not its end.
pub(super) fn end_of(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

fn account(user: User) -> Account {
    Account {
        id: Some(user.id.to_string()),
        login: Some(user.username),
        kind: Some(
            if user.bot == Some(true) {
                "bot"
            } else {
                "user"
            }
            .to_owned(),
        ),
        display_name: user.name.filter(|name| !name.is_empty()),
        avatar_url: user.avatar_url.filter(|url| !url.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scopes_suffice() {
        let missing =
            |scopes: &[&str]| missing(&scopes.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(missing(&["api"]).is_empty());
        assert!(missing(&["read_user", "read_api"]).is_empty());
        assert_eq!(missing(&["read_user", "read_repository"]), ["read_api"]);
        assert_eq!(missing(&[]), ["read_api"]);
    }

    #[test]
    fn it_ends_when_its_date_begins() {
        let date = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        assert_eq!(end_of(date).to_rfc3339(), "2026-12-31T00:00:00+00:00");
    }
}
