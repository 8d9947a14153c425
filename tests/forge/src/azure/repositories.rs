//! `GET …/_apis/git/repositories`, which has no pages, and one repository by name or id.

use serde_json::Value;

use super::projects::Project;
use super::{Call, errors, guid, render};
use crate::answer::{self, Answer};
use crate::model::{Owner, Repository};

pub(super) fn list<'a>(
    call: &Call<'a>,
    organization: &'a Owner,
    project: Option<&Project<'a>>,
) -> Answer {
    let rows: Vec<Value> = call
        .repositories_in(organization)
        .filter(|one| lies_in(call, one, project))
        .map(|one| render::repository(call, organization, one))
        .collect();
    render::list(rows)
}

pub(super) fn show<'a>(
    call: &Call<'a>,
    organization: &'a Owner,
    project: Option<&Project<'a>>,
    segment: &str,
) -> Result<Answer, Answer> {
    let found = find(call, organization, project, segment)?;
    Ok(answer::json(
        200,
        &render::repository(call, organization, found),
    ))
}

/// A repository by name or id. There are no redirects: a renamed one is found under its new name only. By name a project
/// is needed.
pub(super) fn find<'a>(
    call: &Call<'a>,
    organization: &'a Owner,
    project: Option<&Project<'a>>,
    segment: &str,
) -> Result<&'a Repository, Answer> {
    let id = match (guid::repository(segment), project) {
        (Some(id), _) => Some(id),
        (None, Some(_)) => {
            let key = (organization.id, segment.to_lowercase());
            call.state.names.get(&key).copied()
        }
        (None, None) => None,
    };
    id.and_then(|id| call.state.repository(id))
        .filter(|one| one.owner == organization.id && lies_in(call, one, project))
        .filter(|one| call.viewer.sight(one) == crate::model::Sight::Full)
        .ok_or_else(|| errors::no_repository(segment))
}

fn lies_in(call: &Call<'_>, repository: &Repository, project: Option<&Project<'_>>) -> bool {
    project.is_none_or(|project| Project::of(call.state, repository).id == project.id)
}
