//! Deliveries on their way: over HTTP, or lost; once, or twice; in order, or not.
//!
//! What is lost is written down as sent without an answer, as a provider does whose connection failed.

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use super::payload::{Happened, told};
use super::sign::{Letter, Scheme};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{Hook, HookPlace, Sent, State};
use crate::serve::Running;

/// How the post is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Post {
    /// So many in a hundred deliveries never arrive.
    pub lost: u8,
    /// So many in a hundred arrive twice.
    pub twice: u8,
    /// They arrive in another order.
    pub shuffled: bool,
}

impl Forge {
    /// Tells every hook of what happened, in order; what was sent, with its answers.
    pub async fn tell(&self, running: &Running, happened: &[Happened], post: Post) -> Vec<Sent> {
        let mut letters = self.edit(|state| write(state, running, happened));
        if post.shuffled {
            letters.sort_by_key(|(sent, _)| chance(sent.id, 3));
        }
        let mut all = Vec::new();
        for (mut sent, url) in letters {
            let lost = chance(sent.id, 1) % 100 < u64::from(post.lost);
            if !lost {
                sent.status = send(&url, &sent).await;
                if chance(sent.id, 2) % 100 < u64::from(post.twice) {
                    send(&url, &sent).await;
                }
            }
            self.edit(|state| state.hooks.sent.push(sent.clone()));
            all.push(sent);
        }
        all
    }
}

/// Anything, the same for the same number.
fn chance(id: u64, what: u64) -> u64 {
    let digest = Sha256::digest(format!("{what} {id}"));
    digest
        .iter()
        .take(7)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn write(state: &mut State, running: &Running, happened: &[Happened]) -> Vec<(Sent, String)> {
    let mut letters = Vec::new();
    for one in happened {
        let hooks: Vec<Hook> = state
            .hooks()
            .filter(|hook| hook.active && is_about(state, hook, one))
            .cloned()
            .collect();
        for hook in &hooks {
            let web = match hook.face {
                Face::GitHub => &running.github.web_url,
                Face::GitLab => &running.gitlab.url,
                Face::Bitbucket => &running.bitbucket.web_url,
                Face::Azure => &running.azure.url,
            };
            let Some(mut told) = told(state, hook.face, web, one) else {
                continue;
            };
            // A subscription is about one event.
            if hook.face == Face::Azure
                && !hook.events.is_empty()
                && !hook.events.contains(&told.event)
            {
                continue;
            }
            let id = state.hooks.number();
            let guid = format!("{:08x}-0000-4000-8000-{id:012x}", state.seed);
            if hook.face == Face::Azure {
                told.body["id"] = guid.clone().into();
            }
            if let HookPlace::App(app) = hook.place {
                let installation = state.installations.values().find(|one| one.app == app);
                if told.body["installation"].is_null() {
                    told.body["installation"] =
                        serde_json::json!({ "id": installation.map(|one| one.id) });
                }
            }
            let letter = Letter {
                id: guid.clone(),
                event: told.event.clone(),
                body: told.body.to_string().into_bytes(),
                at: state.now(),
            };
            let scheme = match (hook.face, hook.signs) {
                (Face::GitHub, _) => Scheme::GitHub,
                (Face::GitLab, true) => Scheme::GitLabSigned,
                (Face::GitLab, false) => Scheme::GitLabToken,
                (Face::Bitbucket, _) => Scheme::Bitbucket,
                (Face::Azure, _) => Scheme::Azure,
            };
            let mut headers = letter.headers(scheme, hook.secret.as_deref().unwrap_or_default());
            if hook.face == Face::GitHub {
                let (kind, target) = match hook.place {
                    HookPlace::App(app) => ("integration", app),
                    HookPlace::Repository(id) => ("repository", id),
                };
                headers.extend([
                    ("x-github-hook-id".to_owned(), hook.id.to_string()),
                    (
                        "x-github-hook-installation-target-type".to_owned(),
                        kind.to_owned(),
                    ),
                    (
                        "x-github-hook-installation-target-id".to_owned(),
                        target.to_string(),
                    ),
                ]);
            }
            let sent = Sent {
                id,
                guid,
                hook: hook.id,
                event: told.event,
                action: told.action,
                at: state.now(),
                headers,
                body: letter.body,
                status: None,
            };
            letters.push((sent, hook.url.clone()));
        }
    }
    letters
}

fn is_about(state: &State, hook: &Hook, happened: &Happened) -> bool {
    let repository = match happened {
        Happened::Repository(id, _) | Happened::Push(id, ..) => Some(*id),
        Happened::Deleted(repository) => Some(repository.id),
        Happened::Installation(id, _) => {
            let app = state.installation(*id).map(|one| one.app);
            return app.is_some_and(|app| hook.place == HookPlace::App(app));
        }
    };
    match hook.place {
        HookPlace::Repository(id) => Some(id) == repository,
        HookPlace::App(app) => state.installations.values().any(|one| {
            one.app == app
                && (matches!(happened, Happened::Deleted(_))
                    || repository.is_some_and(|id| state.covered(one).contains(&id)))
        }),
    }
}

/// One attempt over a connection of its own; the status that came back.
pub(super) async fn send(url: &str, sent: &Sent) -> Option<u16> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.clone();
    let stream = TcpStream::connect(authority.as_str()).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let driven = tokio::spawn(connection);
    let mut request =
        Request::post(uri.path_and_query()?.as_str()).header("host", authority.as_str());
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(sent.body.clone())))
        .ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let _ = answer.into_body().collect().await;
    drop(sender);
    let _ = driven.await;
    Some(status)
}
