//! Bitbucket Cloud's REST API 2.0 as documented at <https://developer.atlassian.com/cloud/bitbucket/rest/>, for what
//! Mooring asks of it.
//!
//! Workspaces are the accounts of the forge: a user's own one and the organizations. There are neither redirects behind a
//! rename nor ETags: a slug that is not there is 404, and who must find a repository again asks for its UUID.
//!
//! `admit` is the way of every request: credential, rolling hour, removals, scope and route. Routes are on one screen in
//! `route`.

mod branches;
mod caller;
mod errors;
mod filter;
pub(crate) mod oauth;
mod paging;
mod render;
mod repositories;
mod user;
mod uuid;
mod workspaces;

pub(crate) use caller::credential;
pub(crate) use uuid::repository_of;
pub use uuid::{account_uuid, repository_uuid};

use crate::answer::{Answer, Asked, set};
use crate::face::Face;
use crate::forge::{Forge, window_of};
use crate::model::{Owner, Repository, State, Viewer};
use caller::{Caller, Scope};

/// One request on its way through the face.
struct Call<'a> {
    forge: &'a Forge,
    state: &'a State,
    asked: &'a Asked,
    viewer: Viewer<'a>,
    caller: Option<Caller<'a>>,
}

pub(crate) fn api(forge: &Forge, asked: &Asked) -> Answer {
    let mut answer = crate::hooks::bitbucket(forge, asked)
        .unwrap_or_else(|| forge.read(|state| admit(forge, state, asked)));
    let id = format!("{:032x}", asked.sequence);
    set(&mut answer, "x-request-id", id);
    set(&mut answer, "cache-control", "private");
    set(&mut answer, "vary", "Authorization, Origin");
    answer
}

fn admit(forge: &Forge, state: &State, asked: &Asked) -> Answer {
    let caller = match caller::authenticate(state, asked) {
        Ok(caller) => caller,
        Err(refused) => return refused,
    };
    let token = caller.as_ref().map(|caller| caller.token);
    let call = Call {
        forge,
        state,
        asked,
        viewer: Viewer { state, token },
        caller,
    };
    let mut answer = match call.take() {
        Ok(()) => call.route().unwrap_or_else(|refusal| refusal),
        Err(refused) => refused,
    };
    if let Some(caller) = &call.caller {
        set(&mut answer, "x-oauth-scopes", caller.scopes());
        set(&mut answer, "x-credential-type", caller.credential_type());
    }
    answer
}

impl<'a> Call<'a> {
    /// The hour's budget, which only repositories count against; nothing tells when it is refilled.
    fn take(&self) -> Result<(), Answer> {
        let counts = self.asked.path.starts_with("/repositories/");
        let user = self.viewer.user();
        let limit = self.state.limit(Face::Bitbucket, user);
        let Some(limit) = limit.filter(|_| counts) else {
            return Ok(());
        };
        let (key, window) = ((Face::Bitbucket, user), window_of(Face::Bitbucket));
        let meters = &self.forge.inner.meters;
        match meters.take(key, limit, window, self.state.now()) {
            Ok(_) => Ok(()),
            Err(_) => Err(errors::rate_limited()),
        }
    }

    fn route(&self) -> Result<Answer, Answer> {
        let segments = self.asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if !self.asked.is_get() {
            return Err(errors::no_route());
        }
        match segments.as_slice() {
            ["repositories"]
            | ["workspaces"]
            | ["user", "permissions", "workspaces" | "repositories"] => Err(errors::removed()),
            ["user"] => user::show(self),
            ["user", "workspaces"] => workspaces::list(self),
            ["repositories", workspace] => {
                self.scope(Scope::Repository)?;
                repositories::list(self, self.workspace(workspace)?)
            }
            ["repositories", workspace, slug, rest @ ..] => {
                self.scope(Scope::Repository)?;
                let repository = self.repository(workspace, slug)?;
                match rest {
                    [] => Ok(repositories::show(self, repository)),
                    ["refs", "branches"] => branches::list(self, repository),
                    _ => Err(errors::no_route()),
                }
            }
            _ => Err(errors::no_route()),
        }
    }

    /// A workspace by its slug or by its UUID in braces.
    fn workspace(&self, id: &str) -> Result<&'a Owner, Answer> {
        let found = match uuid::account_of(id) {
            Some(id) => self.state.owner(id),
            None => self.state.owner_named(id),
        };
        found.ok_or_else(|| errors::no_workspace(id))
    }

    /// A repository by workspace and slug, either of them a UUID in braces where wanted. The workspace may be left open
    /// (`{}`) beside a UUID.
    fn repository(&self, workspace: &str, slug: &str) -> Result<&'a Repository, Answer> {
        let hidden = || errors::no_repository(workspace, slug);
        let found = match uuid::repository_of(slug) {
            Some(id) => self.state.repository(id),
            None => {
                let owner = self.workspace(workspace).map_err(|_| hidden())?;
                let key = (owner.id, slug.to_lowercase());
                let id = self.state.names.get(&key);
                id.and_then(|id| self.state.repository(*id))
            }
        };
        let here = |repository: &&Repository| match workspace {
            "{}" => true,
            _ => self
                .workspace(workspace)
                .is_ok_and(|owner| owner.id == repository.owner),
        };
        found
            .filter(here)
            .filter(|repository| self.sees(repository))
            .ok_or_else(hidden)
    }
}
