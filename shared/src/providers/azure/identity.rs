//! Who a credential is.
//!
//! Source: `connectionData` of an organization, which a token of any scope may ask (undocumented,
//! and what Microsoft's own clients ask first), or the profile of a person. A personal access
//! token does not tell its scopes or its end; whether it may read what a sync reads is found out
//! by asking for as little of it as there is.

use serde::Deserialize;

use super::super::transport::{failure, object};
use super::super::{Access, ErrorClass, Identity, ProviderError, Scheme};
use super::client::{At, Client, PREVIEW};
use super::path::segment;
use super::{errors, organizations};
use crate::domain::connection::Account;
use crate::outbound::rate_limit;

const PROJECT: &str = "vso.project";
const CODE: &str = "vso.code";
/// An id that no repository has.
const NO_REPOSITORY: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionData {
    authenticated_user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    subject_descriptor: Option<String>,
    provider_display_name: Option<String>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "Account")]
    account: Option<Property>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "$value")]
    value: Option<String>,
}

pub(super) async fn identity(client: &Client, access: &Access) -> Result<Identity, ProviderError> {
    let Some(organization) = organizations::own(access) else {
        let person = organizations::profile(client, access).await?;
        return Ok(Identity {
            account: Account {
                id: Some(person.id.to_lowercase()),
                login: person.email_address.or_else(|| person.display_name.clone()),
                kind: Some("user".to_owned()),
                display_name: person.display_name,
                avatar_url: None,
            },
            ..Identity::default()
        });
    };
    let organization = segment(organization);
    let path = format!("/{organization}/_apis/connectionData");
    let answer = client
        .ask_version(access, At::Organization, &path, &[], PREVIEW)
        .await?;
    let known: ConnectionData = object(&answer)?;
    // An organization with public projects tells even nobody who he is.
    if known
        .authenticated_user
        .id
        .eq_ignore_ascii_case(errors::ANONYMOUS)
    {
        return Err(failure(
            ErrorClass::Unauthorized,
            "the organization takes the credential for nobody's",
        ));
    }
    let missing_scopes = match access.scheme {
        Scheme::Basic => missing(client, access, &organization).await?,
        _ => Vec::new(),
    };
    Ok(Identity {
        account: account(known.authenticated_user),
        missing_scopes,
        rate_limit: rate_limit::azure(answer.headers(), client.now()),
        ..Identity::default()
    })
}

/// The scopes that a sync needs and the token lacks.
async fn missing(
    client: &Client,
    access: &Access,
    organization: &str,
) -> Result<Vec<String>, ProviderError> {
    let projects = format!("/{organization}/_apis/projects");
    let code = format!("/{organization}/_apis/git/repositories/{NO_REPOSITORY}");
    let top: &[(&str, &str)] = &[("$top", "1")];
    let mut missing = Vec::new();
    for (scope, path, parameters) in [(PROJECT, &projects, top), (CODE, &code, &[])] {
        let asked = client.ask(access, At::Organization, path, parameters).await;
        match asked {
            Err(error) if error.is_transient() => return Err(error),
            // Projects are wanted, not needed: a walk does without (see `walk`).
            Err(error) if error.class == ErrorClass::Forbidden && scope != CODE => {}
            Err(error)
                if matches!(
                    error.class,
                    ErrorClass::Unauthorized | ErrorClass::Forbidden | ErrorClass::ScopeMissing
                ) =>
            {
                missing.push(scope.to_owned());
            }
            // There is no such repository, which the token was allowed to learn.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(missing)
}

fn account(user: User) -> Account {
    let name = user.provider_display_name.filter(|name| !name.is_empty());
    let account = user.properties.and_then(|all| all.account?.value);
    let is_application = user
        .subject_descriptor
        .is_some_and(|descriptor| descriptor.starts_with("aadsp."));
    Account {
        id: Some(user.id.to_lowercase()),
        login: account
            .filter(|text| !text.is_empty())
            .or_else(|| name.clone()),
        kind: Some(if is_application { "bot" } else { "user" }.to_owned()),
        display_name: name,
        avatar_url: None,
    }
}
