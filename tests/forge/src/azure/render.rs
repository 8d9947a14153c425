//! Projects, repositories and people in Azure DevOps' fields.

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::projects::Project;
use super::{Call, guid};
use crate::answer::{self, Answer};
use crate::model::{Owner, Repository};

/// What Azure DevOps escapes in the paths that it writes.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'%');

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Lists are wrapped.
pub(super) fn list(rows: Vec<Value>) -> Answer {
    answer::json(200, &json!({ "count": rows.len(), "value": rows }))
}

/// The vendor's `TeamProjectReference`.
pub(super) fn project(call: &Call<'_>, organization: &Owner, project: &Project<'_>) -> Value {
    let visibility = if project.is_public {
        "public"
    } else {
        "private"
    };
    json!({
        "id": project.id,
        "name": project.name,
        "url": format!("{}/{}/_apis/projects/{}", call.asked.base.api, organization.login, project.id),
        "state": "wellFormed",
        "revision": 11,
        "visibility": visibility,
        "lastUpdateTime": time(organization.created_at),
    })
}

/// Where the API has a repository.
pub(super) fn api_url(call: &Call<'_>, organization: &Owner, repository: &Repository) -> String {
    let project = Project::of(call.state, repository);
    format!(
        "{}/{}/{}/_apis/git/repositories/{}",
        call.asked.base.api,
        organization.login,
        project.id,
        guid::repository_guid(repository.id)
    )
}

/// The vendor's `GitRepository`. Without a branch there is no `defaultBranch`.
pub(super) fn repository(call: &Call<'_>, organization: &Owner, repository: &Repository) -> Value {
    let of = Project::of(call.state, repository);
    let escaped = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
    let login = &organization.login;
    let path = format!(
        "{login}/{}/_git/{}",
        escaped(of.name),
        escaped(&repository.name)
    );
    let web = &call.asked.base.web;
    let (scheme, host) = web.split_once("://").unwrap_or(("https", web));
    let mut body = json!({
        "id": guid::repository_guid(repository.id),
        "name": repository.name,
        "url": api_url(call, organization, repository),
        "project": project(call, organization, &of),
        "size": repository.size * 1024,
        "remoteUrl": format!("{scheme}://{login}@{host}/{path}"),
        "sshUrl": format!("git@ssh.dev.azure.com:v3/{login}/{}/{}", escaped(of.name), escaped(&repository.name)),
        "webUrl": format!("{web}/{path}"),
        "isDisabled": repository.archived,
        "isInMaintenance": false,
    });
    if repository.fork {
        body["isFork"] = true.into();
    }
    if !repository.branches.is_empty() {
        body["defaultBranch"] = format!("refs/heads/{}", repository.default_branch).into();
    }
    body
}

/// The vendor's `IdentityRef`.
pub(super) fn person(call: &Call<'_>, person: &Owner) -> Value {
    let id = guid::of(guid::PERSON, person.id);
    let email = person.user().map_or("", |user| user.email.as_str());
    json!({
        "displayName": person.name,
        "url": format!("{}/_apis/Identities/{id}", call.asked.base.api),
        "id": id,
        "uniqueName": email,
        "descriptor": format!("aad.{}", id.replace('-', "")),
    })
}
