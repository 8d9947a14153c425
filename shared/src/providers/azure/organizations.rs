//! Which organizations a credential is for: the one that a connection names, else all of a
//! person's, by her profile and its accounts.
//!
//! Source: Microsoft, "Profiles – Get" and "Accounts – List" 7.1. Only tokens of Microsoft Entra
//! are answered there.

use serde::Deserialize;

use super::super::transport::{failure, object};
use super::super::{Access, ErrorClass, ProviderError, Scheme};
use super::client::{At, Client};
use super::list::listed;
use super::path::segment;

/// A person, as she is to all of her organizations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    pub(super) id: String,
    pub(super) display_name: Option<String>,
    pub(super) email_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    account_name: String,
    account_status: Option<String>,
}

/// Organizations, and how many requests it took to know them.
pub(super) struct Known {
    pub(super) names: Vec<String>,
    pub(super) requests: u32,
    /// One could not be read, so there are more.
    pub(super) partial: bool,
}

/// The organization that the connection names.
pub(super) fn own(access: &Access) -> Option<&str> {
    let name = access.azure_organization.as_deref()?.trim();
    (!name.is_empty()).then_some(name)
}

/// All organizations that the credential is for.
pub(super) async fn all(client: &Client, access: &Access) -> Result<Known, ProviderError> {
    if let Some(own) = own(access) {
        return Ok(Known {
            names: vec![own.to_owned()],
            requests: 0,
            partial: false,
        });
    }
    let person = profile(client, access).await?;
    let member = [("memberId", person.id.as_str())];
    let answer = client
        .ask(access, At::People, "/_apis/accounts", &member)
        .await?;
    let accounts = listed::<Account>(&answer)?;
    let is_open = |account: &Account| {
        let status = account.account_status.as_deref();
        !status.is_some_and(|status| matches!(status, "disabled" | "deleted" | "moved"))
    };
    Ok(Known {
        partial: !accounts.unread.is_empty(),
        names: accounts
            .read
            .into_iter()
            .filter(is_open)
            .map(|account| account.account_name)
            .collect(),
        requests: 2,
    })
}

/// Who a person is. A personal access token is for one organization, so it is not asked here,
/// where it would be refused like a dead one.
pub(super) async fn profile(client: &Client, access: &Access) -> Result<Profile, ProviderError> {
    if access.scheme != Scheme::Bearer {
        return Err(failure(
            ErrorClass::Unexpected,
            "a personal access token needs the organization that it is for",
        ));
    }
    let answer = client
        .ask(access, At::People, "/_apis/profile/profiles/me", &[])
        .await?;
    object(&answer)
}

/// What a refusal by one of a person's organizations means. It may keep her out (left, policies)
/// while her token is good: `Ok` with the error, to be told of that organization alone. Where the
/// token itself is refused, or nothing is known, the error is the credential's.
pub(super) async fn refused_here(
    client: &Client,
    access: &Access,
    error: ProviderError,
) -> Result<ProviderError, ProviderError> {
    if own(access).is_some() {
        return Err(error);
    }
    match error.class {
        ErrorClass::Forbidden | ErrorClass::SsoBlocked | ErrorClass::NotFound => Ok(error),
        ErrorClass::Unauthorized => {
            profile(client, access).await?;
            Ok(ProviderError {
                class: ErrorClass::Forbidden,
                ..error
            })
        }
        _ => Err(error),
    }
}

/// Where a person mends a token that was refused: the page of the organization that it is for.
pub(super) fn token_page(access: &Access, error: &ProviderError) -> Option<String> {
    let mends = matches!(
        error.class,
        ErrorClass::Unauthorized | ErrorClass::Forbidden | ErrorClass::ScopeMissing
    );
    let organization = own(access).filter(|_| mends && access.scheme == Scheme::Basic)?;
    let path = format!("/{}/_usersSettings/tokens", segment(organization));
    Some(access.instance.web(&path))
}
