//! Who the caller is, to an organization and to all of them; which organizations there are.

use serde_json::{Value, json};

use super::version::Kind;
use super::{Call, caller, errors, guid, render};
use crate::answer::{self, Answer};
use crate::model::{Owner, TokenKind};

/// `GET /{organization}/_apis/connectionData`, for a token of any scope.
pub(super) fn connection_data(call: &Call<'_>, organization: &Owner) -> Result<Answer, Answer> {
    call.version(Kind::Preview)?;
    let person = call.person()?;
    let id = guid::of(guid::PERSON, person.id);
    let user = json!({
        "id": id,
        "descriptor": format!("Microsoft.IdentityModel.Claims.ClaimsIdentity;{}", email(person)),
        "subjectDescriptor": format!("aad.{}", id.replace('-', "")),
        "providerDisplayName": person.name,
        "isActive": true,
        "properties": { "Account": { "$type": "System.String", "$value": email(person) } },
        "resourceVersion": 2,
        "metaTypeId": 0,
    });
    let body = json!({
        "authenticatedUser": user,
        "authorizedUser": user,
        "instanceId": guid::of(guid::ACCOUNT, organization.id),
        "deploymentId": guid::of(guid::ACTIVITY, 0),
        "deploymentType": "hosted",
        "locationServiceData": { "clientCacheFresh": false, "clientCacheTimeToLive": 3600, "lastChangeId": 1 },
    });
    Ok(answer::json(200, &body))
}

/// `GET /_apis/profile/profiles/{id}` on the profile origin.
pub(super) fn profile(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let person = beyond_organizations(call)?;
    let own = guid::of(guid::PERSON, person.id);
    if id != "me" && !own.eq_ignore_ascii_case(id) {
        return Err(errors::not_authorized(call));
    }
    let body = json!({
        "displayName": person.name,
        "publicAlias": own,
        "emailAddress": email(person),
        "coreRevision": 1,
        "timeStamp": render::time(person.created_at),
        "id": own,
        "revision": 1,
    });
    Ok(answer::json(200, &body))
}

/// `GET /_apis/accounts?memberId=` on the profile origin.
pub(super) fn accounts(call: &Call<'_>) -> Result<Answer, Answer> {
    let person = beyond_organizations(call)?;
    let query = &call.asked.query;
    let Some(member) = query.get("memberId").or_else(|| query.get("ownerId")) else {
        return Err(errors::invalid("memberId", ""));
    };
    if !guid::of(guid::PERSON, person.id).eq_ignore_ascii_case(member) {
        return Err(errors::not_authorized(call));
    }
    let rows: Vec<Value> = call
        .organizations()
        .map(|organization| {
            let id = guid::of(guid::ACCOUNT, organization.id);
            json!({
                "accountId": id,
                "accountUri": format!("https://vssps.dev.azure.com:443/{}/", organization.login),
                "accountName": organization.login,
                "properties": {},
            })
        })
        .collect();
    Ok(render::list(rows))
}

/// The caller, where the token is not for one organization alone.
fn beyond_organizations<'a>(call: &Call<'a>) -> Result<&'a Owner, Answer> {
    if call.token.kind != TokenKind::AzureEntra && !caller::is_global(call.token) {
        return Err(errors::sign_in(call.state, call.asked));
    }
    call.version(Kind::Released)?;
    call.person()
}

fn email(person: &Owner) -> &str {
    person.user().map_or("", |user| user.email.as_str())
}
