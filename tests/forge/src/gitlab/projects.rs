//! `GET /projects` and `GET /projects/:id`.

use std::sync::Arc;

use serde_json::Value;

use super::filter::{Filter, Order};
use super::{Call, READ, errors};
use crate::answer::{self, Answer};
use crate::model::{Repository, RepositoryId};

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Answer> {
    call.scope(READ)?;
    let filter = Filter::read(call)?;
    let near = call.viewer.user().filter(|_| filter.is_of_members());
    let ids = call.view("projects", || match near {
        Some(user) => {
            let ids = call.state.repositories_of(user).into_iter();
            filter.apply(call, ids.filter_map(|id| call.state.repository(id)))
        }
        None => filter.apply(call, call.state.repositories()),
    });
    listed(call, "/projects", &filter, &ids)
}

/// A page of a project list, by number or by keyset.
pub(super) fn listed(
    call: &Call<'_>,
    path: &str,
    filter: &Filter,
    ids: &[RepositoryId],
) -> Result<Answer, Answer> {
    let simple = call.asked.query.flag("simple").unwrap_or(false) || call.viewer.token.is_none();
    let items = |ids: &[RepositoryId]| -> Vec<Value> {
        ids.iter()
            .filter_map(|id| call.state.repository(*id))
            .map(|project| match simple {
                true => call.simple_project(project),
                false => call.project_item(project),
            })
            .collect()
    };
    if call.asked.query.get("pagination") == Some("keyset") {
        if filter.order != Order::Id {
            return Err(errors::not_pageable(
                "Keyset pagination is not yet available for this type of request",
            ));
        }
        let shown = call.keyset(ids)?;
        let last = shown.last().copied();
        return Ok(call.listed_by_keyset(path, last, filter.ascending, items(shown)));
    }
    let page = call.page(ids.len(), Some("Project"))?;
    Ok(call.listed(path, page, items(page.slice(ids))))
}

pub(super) fn show(call: &Call<'_>, project: &Repository) -> Answer {
    let body = match call.viewer.token {
        Some(_) => call.project_item(project),
        None => call.simple_project(project),
    };
    answer::json(200, &body)
}

impl Call<'_> {
    /// A listing for this token and these parameters, sorted once per edit of the forge.
    pub(super) fn view(
        &self,
        name: &str,
        make: impl FnOnce() -> Vec<RepositoryId>,
    ) -> Arc<[RepositoryId]> {
        let token = self.viewer.token.map_or(0, |token| token.id);
        let query = self.asked.query.without(&["page", "per_page", "simple"]);
        let key = format!("gitlab {token} {name}?{}", query.encode());
        let views = &self.forge.inner.views;
        views.get(key, self.state.version, make)
    }
}
