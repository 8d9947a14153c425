//! `GET /{organization}/_apis/projects`, and projects by name or id.

use std::collections::BTreeMap;

use serde_json::Value;

use super::version::Kind;
use super::{Call, caller, errors, guid, render};
use crate::answer::{Answer, set};
use crate::model::{Owner, Repository, State, Visibility};

/// A project, as far as the caller sees it.
pub(super) struct Project<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    /// In a list: all of its repositories are. Beside a repository: that one is.
    pub(super) is_public: bool,
}

impl<'a> Project<'a> {
    /// The project of a repository.
    pub(super) fn of(state: &'a State, repository: &'a Repository) -> Self {
        let login = state
            .owner(repository.owner)
            .map_or("", |owner| owner.login.as_str());
        Self {
            id: guid::project(repository.owner, repository.project.as_deref()),
            name: repository.project.as_deref().unwrap_or(login),
            is_public: repository.visibility == Visibility::Public,
        }
    }
}

impl<'a> Call<'a> {
    /// The projects in which the caller sees something, in the order of their names.
    pub(super) fn projects(&self, organization: &'a Owner) -> Vec<Project<'a>> {
        let mut found: BTreeMap<Option<&str>, Project<'a>> = BTreeMap::new();
        for repository in self.repositories_in(organization) {
            let is_public = repository.visibility == Visibility::Public;
            let project = found
                .entry(repository.project.as_deref())
                .or_insert_with(|| Project::of(self.state, repository));
            project.is_public &= is_public;
        }
        let mut projects: Vec<Project<'a>> = found.into_values().collect();
        projects.sort_by_key(|project| project.name.to_lowercase());
        projects
    }

    /// The project that a path names, by name or id.
    pub(super) fn project(
        &self,
        organization: &'a Owner,
        segment: &str,
    ) -> Result<Project<'a>, Answer> {
        let mut projects = self.projects(organization).into_iter();
        projects
            .find(|project| {
                project.name.eq_ignore_ascii_case(segment)
                    || project.id.eq_ignore_ascii_case(segment)
            })
            .ok_or_else(|| errors::no_project(segment))
    }

    /// A whole number of the query; absent is `None`.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Answer> {
        match self.asked.query.get(name) {
            None => Ok(None),
            Some(text) => {
                let number = text.parse().map_err(|_| errors::invalid(name, text))?;
                Ok(Some(number))
            }
        }
    }
}

/// 100 at a time where nothing else is asked. The token that leads on is the number of projects told so far.
pub(super) fn list<'a>(call: &Call<'a>, organization: &'a Owner) -> Result<Answer, Answer> {
    call.version(Kind::Released)?;
    call.scope(caller::PROJECT)?;
    let top = call.number("$top")?.unwrap_or(100);
    let told = call.number("continuationToken")?.unwrap_or(0);
    let skip = call.number("$skip")?.unwrap_or(0).max(told);
    let projects = call.projects(organization);
    let rows: Vec<Value> = projects
        .iter()
        .skip(skip)
        .take(top)
        .map(|project| render::project(call, organization, project))
        .collect();
    let next = skip + rows.len();
    let mut answer = render::list(rows);
    if next < projects.len() {
        set(&mut answer, "x-ms-continuationtoken", next);
    }
    Ok(answer)
}
