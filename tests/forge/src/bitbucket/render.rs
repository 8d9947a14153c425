//! Repositories in Bitbucket's fields. There is no flag for an archived one.

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::repositories::updated;
use super::{Call, account_uuid, repository_uuid};
use crate::model::{Repository, Visibility};

/// What must not stand in a path segment as it is.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'/')
    .add(b'?')
    .add(b'#')
    .add(b'%')
    .add(b'{')
    .add(b'}');

pub(super) fn encoded(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

impl Call<'_> {
    /// `workspace/slug`.
    pub(super) fn full_name(&self, repository: &Repository) -> String {
        let owner = self.state.owner(repository.owner);
        let workspace = owner.map_or("", |owner| owner.login.as_str());
        format!("{workspace}/{}", repository.name)
    }

    pub(super) fn repository_item(&self, repository: &Repository) -> Value {
        let full_name = self.full_name(repository);
        let (web, api) = (&self.asked.base.web, &self.asked.base.api);
        let own = format!("{api}/repositories/{full_name}");
        let own = |rest: &str| json!({ "href": format!("{own}{rest}") });
        let owner = self.state.owner(repository.owner);
        let workspace = owner.map(|owner| {
            json!({
                "type": "workspace",
                "uuid": account_uuid(owner.id),
                "slug": owner.login,
                "name": owner.name,
                "links": self.workspace_links(owner),
            })
        });
        let empty = repository.branches.is_empty();
        let main = (!empty).then(|| json!({ "type": "branch", "name": repository.default_branch }));
        let mut item = json!({
            "type": "repository",
            "uuid": repository_uuid(repository.id),
            "full_name": full_name,
            "name": repository.name,
            "slug": repository.name,
            "description": repository.description.clone().unwrap_or_default(),
            "scm": "git",
            "website": null,
            "is_private": repository.visibility != Visibility::Public,
            "fork_policy": "allow_forks",
            "created_on": time(repository.created_at),
            "updated_on": time(updated(repository)),
            "size": repository.size * 1024,
            "language": repository.language.clone().unwrap_or_default().to_lowercase(),
            "has_issues": false,
            "has_wiki": false,
            "mainbranch": main,
            "owner": owner.map(|owner| self.account(owner)),
            "workspace": workspace,
            "project": {
                "type": "project",
                "key": "PROJ",
                "uuid": "{00000003-0000-4000-8000-000000000001}",
                "name": "Project",
            },
            "links": {
                "self": own(""),
                "html": { "href": format!("{web}/{full_name}") },
                "avatar": { "href": format!("{web}/ravatar/{}", encoded(&repository_uuid(repository.id))) },
                "commits": own("/commits"),
                "forks": own("/forks"),
                "hooks": own("/hooks"),
                "pullrequests": own("/pullrequests"),
                "watchers": own("/watchers"),
                "downloads": own("/downloads"),
                "clone": self.clone_links(&full_name),
            },
        });
        if repository.fork {
            item["parent"] = json!({
                "type": "repository",
                "uuid": repository_uuid(1),
                "full_name": format!("upstream/{}", repository.name),
                "name": repository.name,
            });
        }
        item
    }

    /// Over HTTPS with the name of who asks before the host, where that is a user.
    fn clone_links(&self, full_name: &str) -> Value {
        let web = &self.asked.base.web;
        let (scheme, place) = web.split_once("://").unwrap_or(("https", web));
        let host = place.split(['/', ':']).next().unwrap_or_default();
        let user = self
            .caller
            .as_ref()
            .filter(|caller| !caller.is_access_token())
            .and_then(|caller| self.state.owner(caller.token.user));
        let user = user.map_or(String::new(), |user| format!("{}@", user.login));
        json!([
            { "name": "https", "href": format!("{scheme}://{user}{place}/{full_name}.git") },
            { "name": "ssh", "href": format!("git@{host}:{full_name}.git") },
        ])
    }
}
