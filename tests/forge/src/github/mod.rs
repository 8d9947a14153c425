//! GitHub's REST API as documented at <https://docs.github.com/rest>, for what Mooring asks of it.
//!
//! `admit` is the way of every request: API version, credential, budget, route, ETag, headers. Routes are on one screen
//! in `route`.

mod applications;
mod apps;
mod assertion;
mod branches;
mod caller;
mod errors;
mod installations;
mod meta;
pub(crate) mod oauth;
mod organizations;
mod paging;
mod rate_limit;
mod refs;
mod render;
mod repositories;
mod user;

use http::StatusCode;

pub(crate) use caller::credential;

use crate::answer::{Answer, Asked, revalidate, set, tagged};
use crate::face::Face;
use crate::forge::{Forge, window_of};
use crate::hooks;
use crate::meters::Reading;
use crate::model::{Found, State, Token, Viewer};

/// One request on its way through the face.
struct Call<'a> {
    forge: &'a Forge,
    state: &'a State,
    asked: &'a Asked,
    viewer: Viewer<'a>,
    /// The API version it is answered in.
    version: &'a str,
}

pub(crate) fn api(forge: &Forge, asked: &Asked) -> Answer {
    let answer = apps::act(forge, asked)
        .or_else(|| applications::of(forge, asked))
        .or_else(|| hooks::github(forge, asked));
    let mut answer = answer.unwrap_or_else(|| forge.read(|state| admit(forge, state, asked)));
    let sequence = asked.sequence;
    let id = format!("{:04X}:{:05X}:{sequence:07X}", 0xF0A6, sequence % 0xFFFFF);
    set(&mut answer, "x-github-request-id", id);
    set(&mut answer, "x-github-media-type", "github.v3; format=json");
    set(&mut answer, "access-control-allow-origin", "*");
    answer
}

fn admit(forge: &Forge, state: &State, asked: &Asked) -> Answer {
    let versions = &state.settings.github.api_versions;
    let wanted = asked.header("x-github-api-version");
    let version = match wanted {
        None => versions.first(),
        Some(wanted) => versions.iter().find(|version| *version == wanted),
    };
    let Some(version) = version else {
        return errors::unsupported_version(wanted.unwrap_or_default());
    };
    if let Some(answer) = apps::as_app(forge, state, asked, version) {
        return answer;
    }
    let token = match caller::authenticate(state, asked) {
        Ok(token) => token,
        Err(refused) => return refused_as_nobody(forge, state, refused),
    };
    let viewer = Viewer { state, token };
    let call = Call {
        forge,
        state,
        asked,
        viewer,
        version,
    };
    let mut answer = call.within_budget();
    set(&mut answer, "x-github-api-version-selected", version);
    if let Some(token) = token {
        describe(&mut answer, token);
    }
    answer
}

/// The headers of a refused token are those of nobody's budget, which a client must not take for the token's. Unlike at
/// GitHub nothing is spent of it, so that refusals do not turn into another kind of refusal after sixty.
fn refused_as_nobody(forge: &Forge, state: &State, refused: Answer) -> Answer {
    let limit = state.settings.github.anonymous_limit;
    let key = (Face::GitHub, None);
    let window = window_of(Face::GitHub);
    let reading = forge.inner.meters.read(key, limit, window, state.now());
    metered(refused, reading)
}

/// What the headers say of the token: scopes for classic ones only, the end where there is one.
fn describe(answer: &mut Answer, token: &Token) {
    if token.kind.has_github_scopes() {
        let scopes: Vec<&str> = token.scopes.iter().map(String::as_str).collect();
        set(answer, "x-oauth-scopes", scopes.join(", "));
        if !answer.headers().contains_key("x-accepted-oauth-scopes") {
            set(answer, "x-accepted-oauth-scopes", "");
        }
    }
    if let Some(end) = token.expires_at {
        let end = end.format("%Y-%m-%d %H:%M:%S UTC");
        set(answer, "github-authentication-token-expiration", end);
    }
}

impl<'a> Call<'a> {
    fn within_budget(&self) -> Answer {
        let user = self.viewer.user();
        let key = (Face::GitHub, user);
        let limit = self.state.limit(Face::GitHub, user).unwrap_or(u32::MAX);
        let window = window_of(Face::GitHub);
        let meters = &self.forge.inner.meters;
        let now = self.state.now();
        if self.asked.path == "/rate_limit" {
            let reading = meters.read(key, limit, window, now);
            return metered(rate_limit::show(self, reading), reading);
        }
        let reading = match meters.take(key, limit, window, now) {
            Ok(reading) => reading,
            Err(reading) => {
                let status = self.state.settings.github.exhausted_status;
                return metered(errors::budget_spent(status, user), reading);
            }
        };
        let answer = revalidate(self.asked, self.route());
        let unchanged = answer.status() == StatusCode::NOT_MODIFIED && user.is_some();
        let refunded = unchanged
            .then(|| meters.give_back(key, limit))
            .flatten()
            .unwrap_or(reading);
        metered(answer, refunded)
    }

    fn route(&self) -> Answer {
        let segments = self.asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if !self.asked.is_get() {
            return errors::not_found();
        }
        match segments.as_slice() {
            // An installation is nobody.
            ["user", ..] if self.is_installation() => errors::not_for_integrations(),
            ["user"] => user::show(self),
            ["user", "repos"] => self.written(repositories::of_user),
            ["user", "orgs"] => organizations::of_user(self),
            ["user", "installations"] => installations::of_user(self),
            ["user", "installations", id, "repositories"] => {
                installations::repositories_for_user(self, id)
            }
            ["installation", "repositories"] => installations::repositories(self),
            ["orgs", login] => organizations::show(self, login),
            ["orgs", login, "repos"] => repositories::of_organization(self, login),
            ["meta"] => meta::show(),
            ["repos", owner, name, rest @ ..] => {
                self.repository(self.state.find(owner, name), rest)
            }
            ["repositories", id, rest @ ..] => {
                let repository = id.parse().ok().and_then(|id| self.state.repository(id));
                self.repository(repository.map_or(Found::Nothing, Found::Here), rest)
            }
            _ => errors::not_found(),
        }
    }

    /// A page for this token and these parameters, written and hashed once per edit of the forge.
    fn written(&self, make: impl FnOnce(&Self) -> Answer) -> Answer {
        let token = self.viewer.token.map_or(0, |token| token.id);
        let (path, query) = (&self.asked.path, self.asked.query.encode());
        let (api, version) = (&self.asked.base.api, self.version);
        let key = format!("github {token} {version} {api}{path}?{query}");
        let pages = &self.forge.inner.pages;
        pages.get(key, self.state.version, || tagged(make(self)))
    }

    fn is_installation(&self) -> bool {
        let token = self.viewer.token;
        token.is_some_and(|token| token.installation.is_some())
    }

    fn repository(&self, found: Found<'a>, rest: &[&str]) -> Answer {
        let (repository, moved) = match found {
            Found::Here(repository) => (repository, false),
            Found::Moved(repository) => (repository, true),
            Found::Nothing => return errors::not_found(),
        };
        if let Some(refusal) = errors::unseen(self, repository) {
            return refusal;
        }
        if moved {
            return errors::moved(self, repository, rest);
        }
        let reads_contents = matches!(rest, ["branches" | "git", ..]);
        if reads_contents && !self.viewer.token.is_none_or(|token| token.may("contents")) {
            return errors::not_for_integrations();
        }
        match rest {
            [] => repositories::show(self, repository),
            ["branches"] => branches::list(self, repository),
            ["branches", name @ ..] => branches::show(self, repository, &name.join("/")),
            ["git", "matching-refs", name @ ..] => {
                refs::matching(self, repository, &name.join("/"))
            }
            _ => errors::not_found(),
        }
    }
}

fn metered(mut answer: Answer, reading: Reading) -> Answer {
    set(&mut answer, "x-ratelimit-limit", reading.limit);
    set(&mut answer, "x-ratelimit-remaining", reading.remaining());
    set(&mut answer, "x-ratelimit-used", reading.used);
    set(&mut answer, "x-ratelimit-reset", reading.reset.timestamp());
    set(&mut answer, "x-ratelimit-resource", "core");
    answer
}
