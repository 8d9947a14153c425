//! Azure DevOps' REST API 7.1 as documented at <https://learn.microsoft.com/rest/api/azure/devops/>, for what Mooring asks
//! of it.
//!
//! **Mapping.** Every account of the forge, user or organization, is an Azure DevOps organization; its repositories lie in
//! projects, by default in one that is named like the account. Members of an organization belong to it, and so do those
//! who were invited to one of its repositories; what nobody in the organization can see is not there for them. A user's
//! tokens are bound to one organization, or good for all of them until those end (`AzureSettings::global_tokens_end`).
//! Ids are GUIDs that hold the forge's own ids.
//!
//! `admit` is the way of every request: credential, limit, version, organization, route. Routes are on one screen in `route`.

mod caller;
mod errors;
mod guid;
pub(crate) mod oauth;
mod organization;
mod people;
mod projects;
mod refs;
mod render;
mod repositories;
mod throttle;
mod version;

pub(crate) use caller::credential;
pub use guid::repository_guid;
pub(crate) use version::released;

use crate::answer::{Answer, Asked, set};
use crate::forge::Forge;
use crate::model::{Owner, State, Token, Viewer};

/// One request on its way through the face.
struct Call<'a> {
    state: &'a State,
    asked: &'a Asked,
    token: &'a Token,
    viewer: Viewer<'a>,
}

pub(crate) fn api(forge: &Forge, asked: &Asked) -> Answer {
    let mut answer = crate::hooks::azure(forge, asked).unwrap_or_else(|| {
        forge.read(|state| admit(forge, state, asked).unwrap_or_else(|refusal| refusal))
    });
    let activity = guid::of(guid::ACTIVITY, asked.sequence);
    set(&mut answer, "activityid", &activity);
    set(&mut answer, "x-vss-e2eid", activity);
    set(&mut answer, "x-tfs-processid", guid::of(guid::ACTIVITY, 0));
    set(
        &mut answer,
        "cache-control",
        "no-cache, no-store, must-revalidate",
    );
    set(&mut answer, "pragma", "no-cache");
    answer
}

fn admit(forge: &Forge, state: &State, asked: &Asked) -> Result<Answer, Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.first() {
        None => return Ok(crate::web::page(forge, crate::face::Face::Azure, asked)),
        Some(&"_signin") => return Ok(errors::sign_in_page()),
        _ => {}
    }
    let token = caller::authenticate(state, asked)?;
    let viewer = Viewer {
        state,
        token: Some(token),
    };
    let call = Call {
        state,
        asked,
        token,
        viewer,
    };
    throttle::within(forge, &call, || {
        call.route(&segments).unwrap_or_else(|refusal| refusal)
    })
}

impl<'a> Call<'a> {
    fn route(&self, segments: &[&str]) -> Result<Answer, Answer> {
        if !self.asked.is_get() {
            return Err(errors::method(self.asked.method.as_str()));
        }
        match segments {
            ["_apis", "profile", "profiles", id] => people::profile(self, id),
            ["_apis", "accounts"] => people::accounts(self),
            [organization, "_apis", rest @ ..] => {
                let organization = self.organization(organization)?;
                match rest {
                    [last] if last.eq_ignore_ascii_case("connectiondata") => {
                        people::connection_data(self, organization)
                    }
                    ["projects"] => projects::list(self, organization),
                    ["git", "repositories", rest @ ..] => {
                        self.repositories(organization, None, rest)
                    }
                    _ => Err(errors::no_route(self)),
                }
            }
            [
                organization,
                project,
                "_apis",
                "git",
                "repositories",
                rest @ ..,
            ] => {
                let organization = self.organization(organization)?;
                self.repositories(organization, Some(project), rest)
            }
            _ => Err(errors::no_page()),
        }
    }

    fn repositories(
        &self,
        organization: &'a Owner,
        project: Option<&str>,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        self.version(version::Kind::Released)?;
        self.scope(caller::CODE)?;
        let project = match project {
            Some(segment) => Some(self.project(organization, segment)?),
            None => None,
        };
        let project = project.as_ref();
        match rest {
            [] => Ok(repositories::list(self, organization, project)),
            [repository] => repositories::show(self, organization, project, repository),
            [repository, "refs"] => refs::list(self, organization, project, repository),
            _ => Err(errors::no_route(self)),
        }
    }
}
