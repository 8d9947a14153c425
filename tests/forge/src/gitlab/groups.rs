//! Groups: those of the user, one by id or path, and the projects of one.

use serde_json::{Value, json};

use super::filter::Filter;
use super::projects::listed;
use super::render::time;
use super::{Call, READ, errors};
use crate::answer::{self, Answer};
use crate::model::{Owner, OwnerId};

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Answer> {
    let token = call.signed_in()?;
    call.scope(READ)?;
    let query = &call.asked.query;
    let least: u8 = match query.get("min_access_level") {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| errors::invalid("min_access_level"))?,
    };
    let top = query.flag("top_level_only").unwrap_or(false);
    let owned = query.flag("owned").unwrap_or(false);
    let search = query.get("search").unwrap_or_default().to_lowercase();
    let mut groups: Vec<&Owner> = call
        .state
        .memberships(token.user)
        .into_iter()
        .filter(|id| {
            let access = call.state.group_access(token.user, *id);
            let level = access.map_or(0, |access| access.gitlab_level());
            level >= least && (!owned || level == 50)
        })
        .filter_map(|id| call.state.owner(id))
        .filter(|group| !top || group.organization().is_some_and(|g| g.parent.is_none()))
        .filter(|group| search.is_empty() || group.login.to_lowercase().contains(&search))
        .collect();
    groups.sort_by_cached_key(|group| (group.name.to_lowercase(), group.id));
    if query.get("sort") == Some("desc") {
        groups.reverse();
    }
    let page = call.page(groups.len(), None)?;
    let items = page
        .slice(&groups)
        .iter()
        .map(|g| rendered(call, g))
        .collect();
    Ok(call.listed("/groups", page, items))
}

pub(super) fn show(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let group = find(call, id)?;
    Ok(answer::json(200, &rendered(call, group)))
}

pub(super) fn projects(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let group = find(call, id)?;
    let filter = Filter::read(call)?;
    let deep = call.asked.query.flag("include_subgroups").unwrap_or(false);
    let path = format!("/groups/{}/projects", group.id);
    let ids = call.view(&path, || {
        let owners: Vec<OwnerId> = match deep {
            true => call.state.with_subgroups(group.id).into_iter().collect(),
            false => vec![group.id],
        };
        let rows = owners.into_iter().filter_map(|id| call.state.owner(id));
        let rows = rows.flat_map(|owner| &owner.repositories);
        filter.apply(call, rows.filter_map(|id| call.state.repository(*id)))
    });
    listed(call, &path, &filter, &ids)
}

/// A group of the caller's, by id or path. GitLab hides the others.
fn find<'a>(call: &Call<'a>, id: &str) -> Result<&'a Owner, Answer> {
    call.scope(READ)?;
    let token = call.signed_in()?;
    let owner = match id.parse() {
        Ok(id) => call.state.owner(id),
        Err(_) => {
            let login = id.rsplit('/').next().unwrap_or(id);
            let owner = call.state.owner_named(login);
            owner.filter(|owner| call.state.full_path(owner.id).eq_ignore_ascii_case(id))
        }
    };
    owner
        .filter(|owner| call.state.group_access(token.user, owner.id).is_some())
        .ok_or_else(|| errors::not_found("Group"))
}

/// The vendor's `Group`.
fn rendered(call: &Call<'_>, group: &Owner) -> Value {
    let full_path = call.state.full_path(group.id);
    json!({
        "id": group.id,
        "web_url": format!("{}/groups/{full_path}", call.asked.base.web),
        "name": group.name,
        "path": group.login,
        "description": "",
        "visibility": "private",
        "share_with_group_lock": false,
        "require_two_factor_authentication": false,
        "two_factor_grace_period": 48,
        "project_creation_level": "developer",
        "auto_devops_enabled": null,
        "subgroup_creation_level": "maintainer",
        "emails_disabled": false,
        "emails_enabled": true,
        "mentions_disabled": null,
        "lfs_enabled": true,
        "archived": false,
        "default_branch": null,
        "default_branch_protection": 2,
        "avatar_url": null,
        "request_access_enabled": true,
        "full_name": call.state.full_name(group.id),
        "full_path": full_path,
        "created_at": time(group.created_at),
        "parent_id": group.organization().and_then(|group| group.parent),
        "organization_id": 1,
        "shared_runners_setting": "enabled",
    })
}
