//! Projects and namespaces in GitLab's fields.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Call;
use crate::model::{Access, OwnerId, OwnerKind, Repository, Visibility};

/// Features that every project of ours has, for everybody who sees it.
const FEATURES: [&str; 10] = [
    "issues_access_level",
    "repository_access_level",
    "merge_requests_access_level",
    "forking_access_level",
    "wiki_access_level",
    "builds_access_level",
    "snippets_access_level",
    "analytics_access_level",
    "releases_access_level",
    "environments_access_level",
];

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Call<'_> {
    /// The vendor's `NamespaceBasic`.
    pub(super) fn namespace(&self, id: OwnerId) -> Value {
        let Some(owner) = self.state.owner(id) else {
            return Value::Null;
        };
        let full_path = self.state.full_path(id);
        let web = &self.asked.base.web;
        let (kind, parent, url) = match &owner.kind {
            OwnerKind::User(_) => ("user", None, format!("{web}/{full_path}")),
            OwnerKind::Organization(group) => {
                ("group", group.parent, format!("{web}/groups/{full_path}"))
            }
        };
        json!({
            "id": id,
            "name": owner.name,
            "path": owner.login,
            "kind": kind,
            "full_path": full_path,
            "parent_id": parent,
            "avatar_url": null,
            "web_url": url,
        })
    }

    /// The vendor's `BasicProjectDetails`: what `simple=true` and callers without a token get.
    pub(super) fn simple_project(&self, project: &Repository) -> Value {
        Value::Object(self.basics(project))
    }

    fn basics(&self, project: &Repository) -> Map<String, Value> {
        let web = &self.asked.base.web;
        let full_path = self.state.full_path(project.owner);
        let path = format!("{full_path}/{}", project.name);
        let url = format!("{web}/{path}");
        let host = web.split("://").nth(1).unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        let empty = project.branches.is_empty();
        let branch = (!empty).then_some(project.default_branch.as_str());
        let name = &project.name;
        let fields = json!({
            "id": project.id,
            "description": project.description,
            "name": name,
            "name_with_namespace": format!("{} / {name}", self.state.full_name(project.owner)),
            "path": name,
            "path_with_namespace": path,
            "created_at": time(project.created_at),
            "default_branch": branch,
            "tag_list": [],
            "topics": [],
            "ssh_url_to_repo": format!("git@{host}:{path}.git"),
            "http_url_to_repo": format!("{url}.git"),
            "web_url": url,
            "readme_url": branch.map(|branch| format!("{url}/-/blob/{branch}/README.md")),
            "forks_count": 0,
            "avatar_url": null,
            "star_count": project.stars,
            "last_activity_at": time(project.pushed_at),
            "visibility": match project.visibility {
                Visibility::Public => "public",
                Visibility::Internal => "internal",
                Visibility::Private => "private",
            },
            "namespace": self.namespace(project.owner),
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// The vendor's `ProjectWithAccess`.
    pub(super) fn project_item(&self, project: &Repository) -> Value {
        let mut fields = self.basics(project);
        let own = format!("{}/projects/{}", self.asked.base.api, project.id);
        let access = self.viewer.access(project);
        let owner = self.state.owner(project.owner);
        let more = json!({
            "_links": {
                "self": own,
                "issues": format!("{own}/issues"),
                "merge_requests": format!("{own}/merge_requests"),
                "repo_branches": format!("{own}/repository/branches"),
                "labels": format!("{own}/labels"),
                "events": format!("{own}/events"),
                "members": format!("{own}/members"),
                "cluster_agents": format!("{own}/cluster_agents"),
            },
            "packages_enabled": true,
            "empty_repo": project.branches.is_empty(),
            "archived": project.archived,
            "updated_at": time(project.updated_at),
            "issues_enabled": true,
            "merge_requests_enabled": true,
            "wiki_enabled": true,
            "jobs_enabled": true,
            "snippets_enabled": true,
            "container_registry_enabled": false,
            "service_desk_enabled": false,
            "can_create_merge_request_in": access >= Some(Access::Write) && !project.archived,
            "shared_runners_enabled": true,
            "lfs_enabled": true,
            "creator_id": project.owner,
            "import_status": "none",
            "open_issues_count": 0,
            "ci_default_git_depth": 20,
            "public_jobs": true,
            "shared_with_groups": [],
            "only_allow_merge_if_pipeline_succeeds": false,
            "request_access_enabled": true,
            "merge_method": "merge",
            "squash_option": "default_off",
            "permissions": {
                "project_access": self.level(self.viewer.user().and_then(|user| self.state.direct_access(user, project))),
                "group_access": self.level(self.viewer.user().and_then(|user| self.state.group_access(user, project.owner))),
            },
        });
        if let Value::Object(mut more) = more {
            fields.append(&mut more);
        }
        for feature in FEATURES {
            fields.insert(feature.to_owned(), "enabled".into());
        }
        if let Some(owner) = owner.filter(|owner| owner.user().is_some()) {
            fields.insert("owner".to_owned(), self.user_basic(owner));
        }
        Value::Object(fields)
    }

    fn level(&self, access: Option<Access>) -> Value {
        match access {
            None => Value::Null,
            Some(access) => {
                json!({ "access_level": access.gitlab_level(), "notification_level": 3 })
            }
        }
    }
}
