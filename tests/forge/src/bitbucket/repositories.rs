//! `GET /repositories/{workspace}` and `GET /repositories/{workspace}/{repo_slug}`.

use std::sync::Arc;

use super::filter::{self, Field};
use super::{Call, errors, repository_uuid};
use crate::answer::{self, Answer};
use crate::model::{Access, Owner, Repository, RepositoryId, Visibility};

const FILTERED: &[&str] = &[
    "name",
    "full_name",
    "uuid",
    "is_private",
    "created_on",
    "updated_on",
];
const SORTED: &[&str] = &["name", "full_name", "created_on", "updated_on", "size"];

pub(super) fn list(call: &Call<'_>, workspace: &Owner) -> Result<Answer, Answer> {
    let ids = selected(call, workspace)?;
    let page = call.page(ids.len())?;
    let items = page
        .slice(&ids)
        .iter()
        .filter_map(|id| call.state.repository(*id))
        .map(|repository| call.repository_item(repository))
        .collect();
    let path = format!("/repositories/{}", super::render::encoded(&workspace.login));
    Ok(call.listed(&path, page, items))
}

pub(super) fn show(call: &Call<'_>, repository: &Repository) -> Answer {
    answer::json(200, &call.repository_item(repository))
}

/// What the caller sees of a workspace under these parameters, in order; sorted once per edit of the forge.
fn selected(call: &Call<'_>, workspace: &Owner) -> Result<Arc<[RepositoryId]>, Answer> {
    let query = &call.asked.query;
    let filter = filter::Filter::read(query.get("q"), FILTERED)?;
    let sort = filter::sort(query.get("sort"), SORTED)?;
    let least = match query.get("role") {
        None => None,
        Some("member") => Some(Access::Read),
        Some("contributor") => Some(Access::Write),
        Some("admin" | "owner") => Some(Access::Admin),
        Some(_) => return Err(errors::invalid("role")),
    };
    let make = || {
        let mut rows: Vec<&Repository> = workspace
            .repositories
            .iter()
            .filter_map(|id| call.state.repository(*id))
            .filter(|row| least.is_none_or(|least| call.access(row) >= Some(least)))
            .filter(|row| call.sees(row))
            .filter(|row| filter.takes(|name| field(workspace, row, name)))
            .collect();
        if let Some((name, descending)) = sort {
            match name {
                "name" | "full_name" => rows.sort_by_cached_key(|row| row.name.to_lowercase()),
                "created_on" => rows.sort_by_key(|row| (row.created_at, row.id)),
                "size" => rows.sort_by_key(|row| (row.size, row.id)),
                _ => rows.sort_by_key(|row| (updated(row), row.id)),
            }
            if descending {
                rows.reverse();
            }
        }
        rows.into_iter().map(|row| row.id).collect()
    };
    let token = call.viewer.token.map_or(0, |token| token.id);
    let rest = query.without(&["page", "pagelen"]).encode();
    let key = format!("bitbucket {token} {}?{rest}", workspace.id);
    Ok(call.forge.inner.views.get(key, call.state.version, make))
}

/// The latest of what changed and what was pushed.
pub(super) fn updated(repository: &Repository) -> chrono::DateTime<chrono::Utc> {
    repository.updated_at.max(repository.pushed_at)
}

fn field(workspace: &Owner, repository: &Repository, name: &str) -> Option<Field> {
    Some(match name {
        "name" => Field::Text(repository.name.clone()),
        "full_name" => Field::Text(format!("{}/{}", workspace.login, repository.name)),
        "uuid" => Field::Text(repository_uuid(repository.id)),
        "is_private" => Field::Flag(repository.visibility != Visibility::Public),
        "created_on" => Field::Time(repository.created_at),
        "updated_on" => Field::Time(updated(repository)),
        _ => return None,
    })
}
