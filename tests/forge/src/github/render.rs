//! Accounts and repositories in GitHub's fields.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Call;
use crate::model::{Access, Owner, OwnerKind, Repository, Visibility};

/// Addresses of a repository's parts, below its own.
const REPOSITORY_LINKS: [(&str, &str); 37] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    (
        "notifications_url",
        "/notifications{?since,all,participating}",
    ),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

/// Addresses of an account's parts, below its own.
const OWNER_LINKS: [(&str, &str); 10] = [
    ("events_url", "/events{/privacy}"),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("organizations_url", "/orgs"),
    ("received_events_url", "/received_events"),
    ("repos_url", "/repos"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("url", ""),
];

/// GitHub's opaque global id.
pub(super) fn node_id(kind: &str, id: impl std::fmt::Display) -> String {
    BASE64_STANDARD.encode(format!("0{}:{kind}{id}", kind.len()))
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Call<'_> {
    /// The vendor's `simple-user`.
    pub(super) fn simple_user(&self, owner: &Owner) -> Map<String, Value> {
        let base = &self.asked.base;
        let (login, id) = (&owner.login, owner.id);
        let kind = match owner.kind {
            OwnerKind::User(_) => "User",
            OwnerKind::Organization(_) => "Organization",
        };
        let mut fields = Map::new();
        for (name, part) in OWNER_LINKS {
            let url = format!("{}/users/{login}{part}", base.api);
            fields.insert(name.to_owned(), url.into());
        }
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("login", login.as_str().into());
        put("id", id.into());
        put("node_id", node_id(kind, id).into());
        put(
            "avatar_url",
            format!("{}/avatars/u/{id}?v=4", base.web).into(),
        );
        put("gravatar_id", "".into());
        put("html_url", format!("{}/{login}", base.web).into());
        put("type", kind.into());
        put("user_view_type", "public".into());
        put("site_admin", false.into());
        fields
    }

    /// The vendor's `repository`, as in lists.
    pub(super) fn repository_item(&self, repository: &Repository) -> Map<String, Value> {
        let base = &self.asked.base;
        let owner = self.state.owner(repository.owner);
        let login = owner.map_or("", |owner| owner.login.as_str());
        let full_name = format!("{login}/{}", repository.name);
        let api = format!("{}/repos/{full_name}", base.api);
        let html = format!("{}/{full_name}", base.web);
        let host = base.web.split("://").nth(1).unwrap_or_default();
        let private = repository.visibility != Visibility::Public;
        let access = self.viewer.access(repository);
        let may = |least: Access| access >= Some(least);
        let fields = json!({
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": full_name,
            "owner": owner.map(|owner| self.simple_user(owner)),
            "private": private,
            "visibility": if private { "private" } else { "public" },
            "html_url": html,
            "description": repository.description,
            "fork": repository.fork,
            "clone_url": format!("{html}.git"),
            "svn_url": html,
            "git_url": format!("git://{host}/{full_name}.git"),
            "ssh_url": format!("git@{host}:{full_name}.git"),
            "mirror_url": null,
            "homepage": null,
            "language": repository.language,
            "size": repository.size,
            "stargazers_count": repository.stars,
            "watchers_count": repository.stars,
            "watchers": repository.stars,
            "forks_count": 0,
            "forks": 0,
            "open_issues_count": 0,
            "open_issues": 0,
            "default_branch": repository.default_branch,
            "has_issues": true,
            "has_projects": true,
            "has_wiki": true,
            "has_pages": false,
            "has_discussions": false,
            "archived": repository.archived,
            "disabled": false,
            "license": null,
            "topics": [],
            "is_template": false,
            "allow_forking": true,
            "web_commit_signoff_required": false,
            "created_at": time(repository.created_at),
            "updated_at": time(repository.updated_at),
            "pushed_at": time(repository.pushed_at),
            "permissions": {
                "admin": may(Access::Admin),
                "maintain": may(Access::Maintain),
                "push": may(Access::Write),
                "triage": may(Access::Triage),
                "pull": true,
            },
        });
        let mut fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        for (name, part) in REPOSITORY_LINKS {
            fields.insert(name.to_owned(), format!("{api}{part}").into());
        }
        // Gone with the version 2026-03-10.
        if self.version < "2026-03-10" {
            fields.insert("has_downloads".to_owned(), true.into());
        }
        if self.viewer.user().is_none() {
            fields.remove("permissions");
        }
        fields
    }
}
