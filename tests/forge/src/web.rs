//! The web pages beside the APIs: enough for a person to see where they are.

use crate::answer::{Answer, Asked, bytes};
use crate::face::Face;
use crate::forge::Forge;
use crate::{azure, bitbucket, github, gitlab};

const HTML: &str = "text/html; charset=utf-8";

pub(crate) fn page(forge: &Forge, face: Face, asked: &Asked) -> Answer {
    let oauth = match face {
        Face::GitHub => github::oauth::page(forge, asked),
        Face::GitLab => gitlab::oauth::page(forge, asked),
        Face::Bitbucket => bitbucket::oauth::page(forge, asked),
        Face::Azure => azure::oauth::page(forge, asked),
    };
    if let Some(answer) = oauth {
        return answer;
    }
    match asked.path.trim_matches('/') {
        "" => {
            let repositories = forge.read(|state| state.repositories().count());
            let api = &asked.base.api;
            let body = format!(
                "<!doctype html><html lang=\"en\"><title>Sandbox {face}</title>\
                 <h1>Sandbox {face}</h1><p>{repositories} repositories. API: <code>{api}</code></p></html>"
            );
            bytes(200, HTML, body)
        }
        _ => bytes(
            404,
            HTML,
            "<!doctype html><title>Not found</title><h1>404</h1>",
        ),
    }
}
