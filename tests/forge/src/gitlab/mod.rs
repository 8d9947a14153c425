//! GitLab's REST API v4 as documented at <https://docs.gitlab.com/api/rest/>, for what Mooring asks of it.
//!
//! `admit` is the way of every request: credential, throttle, scope and route, ETag, headers. Routes are on one screen in
//! `route`.

mod branches;
mod caller;
mod errors;
mod filter;
mod groups;
mod instance;
pub(crate) mod oauth;
mod paging;
mod projects;
mod render;
mod rotation;
mod tokens;
mod user;

pub(crate) use caller::credential;

use crate::answer::{Answer, Asked, revalidate, set};
use crate::face::Face;
use crate::forge::{Forge, window_of};
use crate::meters::Reading;
use crate::model::{Found, Repository, Sight, State, Token, Viewer};

/// Scopes that read everything of the API.
const READ: &[&str] = &["api", "read_api"];

/// One request on its way through the face.
struct Call<'a> {
    forge: &'a Forge,
    state: &'a State,
    asked: &'a Asked,
    viewer: Viewer<'a>,
}

pub(crate) fn api(forge: &Forge, asked: &Asked) -> Answer {
    let mut answer = rotation::of(forge, asked)
        .or_else(|| crate::hooks::gitlab(forge, asked))
        .unwrap_or_else(|| forge.read(|state| admit(forge, state, asked)));
    set(
        &mut answer,
        "x-request-id",
        format!("{:032x}", asked.sequence),
    );
    set(
        &mut answer,
        "cache-control",
        "max-age=0, private, must-revalidate",
    );
    set(&mut answer, "vary", "Origin");
    answer
}

fn admit(forge: &Forge, state: &State, asked: &Asked) -> Answer {
    let token = match caller::authenticate(state, asked) {
        Ok(token) => token,
        Err(refused) => return refused,
    };
    let call = Call {
        forge,
        state,
        asked,
        viewer: Viewer { state, token },
    };
    let user = call.viewer.user();
    let Some(limit) = state.limit(Face::GitLab, user) else {
        return call.answer();
    };
    let key = (Face::GitLab, user);
    let window = window_of(Face::GitLab);
    // A 304 counts here.
    match forge.inner.meters.take(key, limit, window, state.now()) {
        Ok(reading) => throttled(call.answer(), &call, reading),
        Err(reading) => {
            let wait = (reading.reset - state.now()).num_seconds().max(1);
            let mut refusal = throttled(errors::retry_later(), &call, reading);
            set(&mut refusal, "retry-after", wait);
            refusal
        }
    }
}

fn throttled(mut answer: Answer, call: &Call<'_>, reading: Reading) -> Answer {
    let name = match call.viewer.user() {
        Some(_) => "throttle_authenticated_api",
        None => "throttle_unauthenticated_api",
    };
    set(&mut answer, "ratelimit-name", name);
    set(&mut answer, "ratelimit-limit", reading.limit);
    set(&mut answer, "ratelimit-observed", reading.used);
    set(&mut answer, "ratelimit-remaining", reading.remaining());
    set(&mut answer, "ratelimit-reset", reading.reset.timestamp());
    answer
}

impl<'a> Call<'a> {
    fn answer(&self) -> Answer {
        let routed = self.route().unwrap_or_else(|refusal| refusal);
        revalidate(self.asked, routed)
    }

    fn route(&self) -> Result<Answer, Answer> {
        let segments = self.asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if !self.asked.is_get() {
            return Err(errors::no_route());
        }
        match segments.as_slice() {
            ["user"] => user::show(self),
            ["personal_access_tokens", "self"] => tokens::show_self(self),
            ["version" | "metadata"] => instance::metadata(self),
            ["projects"] => projects::list(self),
            ["projects", id, rest @ ..] => self.project(id, rest),
            ["groups"] => groups::list(self),
            ["groups", id] => groups::show(self, id),
            ["groups", id, "projects"] => groups::projects(self, id),
            _ => Err(errors::no_route()),
        }
    }

    fn project(&self, id: &str, rest: &[&str]) -> Result<Answer, Answer> {
        self.scope(READ)?;
        let found = match id.parse() {
            Ok(id) => self
                .state
                .repository(id)
                .map_or(Found::Nothing, Found::Here),
            Err(_) => self.state.find_path(id),
        };
        let (repository, moved) = match found {
            Found::Here(repository) => (repository, false),
            Found::Moved(repository) => (repository, true),
            Found::Nothing => return Err(errors::not_found("Project")),
        };
        if self.viewer.sight(repository) != Sight::Full {
            return Err(errors::not_found("Project"));
        }
        if moved {
            return Err(errors::moved(self, repository, rest));
        }
        match rest {
            [] => Ok(projects::show(self, repository)),
            ["repository", "branches"] => branches::list(self, repository),
            ["repository", "branches", name] => branches::show(self, repository, name),
            _ => Err(errors::no_route()),
        }
    }

    /// The caller's token, which these endpoints cannot do without.
    fn signed_in(&self) -> Result<&'a Token, Answer> {
        self.viewer.token.ok_or_else(errors::unauthorized)
    }

    /// Refuses a token that has none of these scopes. Nobody's requests pass: they see what is public.
    fn scope(&self, accepted: &[&str]) -> Result<(), Answer> {
        match self.viewer.token {
            Some(token) if !token.has_any_scope(accepted) => {
                Err(errors::insufficient_scope(accepted))
            }
            _ => Ok(()),
        }
    }

    fn sees(&self, repository: &Repository) -> bool {
        self.viewer.sight(repository) == Sight::Full
    }
}
