//! The consent page without a human: who sits in front of it is a setting of the forge or a parameter of the address.
//!
//! Faces check what an application asks for in their own way and order; what follows is the same for all. Without a
//! decision a person sees a page with a link per account.

use std::collections::BTreeSet;

use url::Url;

use crate::answer::{Answer, Asked, bytes, set};
use crate::model::{Code, Decision, OAuthApp, OwnerId, State};

const HTML: &str = "text/html; charset=utf-8";

/// What an application asks for, checked.
pub(crate) struct Wanted {
    pub(crate) app: OAuthApp,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) challenge: Option<String>,
    /// A refresh token is wanted.
    pub(crate) offline: bool,
}

/// Answers as the person does: back with a code, or with `denied`, which are the parameters of the provider's refusal.
pub(crate) fn answer(
    state: &mut State,
    asked: &Asked,
    wanted: Wanted,
    denied: &[(&str, &str)],
) -> Answer {
    let (login, only) = match decision(state, asked, &wanted.app) {
        Some(Decision::Consents(login, only)) => (login, only),
        Some(Decision::Denies) => return back(asked, &wanted.redirect_uri, denied),
        None => return choice(state, asked, &wanted.app),
    };
    let Some(user) = user_named(state, &login) else {
        return page(404, "There is no such account", &login);
    };
    let scopes = match only {
        Some(only) => wanted.scopes.intersection(&only).cloned().collect(),
        None => wanted.scopes,
    };
    let code = Code {
        app: wanted.app.id,
        user,
        redirect_uri: wanted.redirect_uri.clone(),
        scopes,
        challenge: wanted.challenge,
        offline: wanted.offline,
        expires_at: state.code_end(),
        spent: false,
    };
    let code = state.add_code(wanted.app.kind, code);
    back(asked, &wanted.redirect_uri, &[("code", &code)])
}

fn decision(state: &State, asked: &Asked, app: &OAuthApp) -> Option<Decision> {
    match asked.query.get("as") {
        Some("") => Some(Decision::Denies),
        Some(login) => Some(Decision::Consents(login.to_owned(), None)),
        None => state.oauth.decisions.get(&app.kind.face()).cloned(),
    }
}

fn user_named(state: &State, login: &str) -> Option<OwnerId> {
    let owner = state.owner_named(login)?;
    owner.user().map(|_| owner.id)
}

/// Sends the browser back to the application, with the `state` that it came with.
pub(crate) fn back(asked: &Asked, redirect_uri: &str, parameters: &[(&str, &str)]) -> Answer {
    let Ok(mut url) = Url::parse(redirect_uri) else {
        return page(400, "The redirect URI is no URL", redirect_uri);
    };
    url.query_pairs_mut().extend_pairs(parameters);
    if let Some(state) = asked.query.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    let mut redirect = bytes(302, HTML, "<!doctype html><title>Redirecting</title>");
    set(&mut redirect, "location", url);
    set(&mut redirect, "cache-control", "no-store");
    redirect
}

/// A page that goes nowhere: an application that the provider does not know must not be sent anything.
pub(crate) fn page(status: u16, title: &str, text: &str) -> Answer {
    let (title, text) = (escaped(title), escaped(text));
    let body = format!(
        "<!doctype html><html lang=\"en\"><title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
    );
    bytes(status, HTML, body)
}

fn choice(state: &State, asked: &Asked, app: &OAuthApp) -> Answer {
    let link = |login: &str| {
        let query = asked.query.with("as", login).encode();
        escaped(&format!("?{query}"))
    };
    let users = state.owners.values().filter(|owner| owner.user().is_some());
    let accounts: String = users
        .map(|owner| {
            let (href, login) = (link(&owner.login), escaped(&owner.login));
            format!("<li><a href=\"{href}\">Authorize as {login}</a></li>")
        })
        .collect();
    let (name, deny) = (escaped(&app.name), link(""));
    let body = format!(
        "<!doctype html><html lang=\"en\"><title>Authorize {name}</title><h1>Authorize {name}?</h1>\
         <ul>{accounts}<li><a href=\"{deny}\">Deny</a></li></ul></html>"
    );
    bytes(200, HTML, body)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The words of a list that spaces, and commas where they count, part.
pub(crate) fn words(text: Option<&str>, commas: bool) -> BTreeSet<String> {
    let parted = |c: char| c.is_whitespace() || (commas && c == ',');
    let words = text.unwrap_or_default().split(parted);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The S256 challenge of a request. Forms that are none of PKCE's are an error: (no `plain`).
pub(crate) fn challenge(asked: &Asked) -> Result<Option<String>, ()> {
    let challenge = asked.query.get("code_challenge");
    match (challenge, asked.query.get("code_challenge_method")) {
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) if challenge.len() == 43 => Ok(Some(challenge.to_owned())),
        _ => Err(()),
    }
}
