//! One request from arrival to answer: log, latency, gate, fault, work, gate, fault.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, IF_NONE_MATCH};
use http_body_util::{BodyExt, Limited};
use hyper::Request as HttpRequest;
use hyper::body::Body;

use super::body::{self, Outgoing};
use super::door::{Door, Place};
use crate::answer::{Answer, Asked, Issues, set};
use crate::face::Face;
use crate::faults::{Action, Canned, Struck};
use crate::forge::Forge;
use crate::gates::Hold;
use crate::log::Request;
use crate::query::Query;
use crate::{answer, azure, bitbucket, github, gitlab, web};

/// What goes back to the client.
pub(super) enum Outcome {
    /// An answer.
    Send(Outgoing),
    /// A reset connection.
    Cut,
}

/// No question to a provider is longer.
const LONGEST_BODY: usize = 1 << 20;

pub(super) async fn handle<B>(forge: Forge, door: Arc<Door>, request: HttpRequest<B>) -> Outcome
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let uri = request.uri().clone();
    let place = door.lead(uri.path());
    let path = match place {
        Place::Api(path) | Place::Web(path) => path,
        Place::Nowhere => uri.path(),
    };
    let mut asked = Asked {
        sequence: 0,
        method: request.method().clone(),
        path: path.to_owned(),
        query: Query::parse(request.uri().query().unwrap_or_default()),
        headers: request.headers().clone(),
        body: Bytes::new(),
        base: door.base.clone(),
    };
    asked.body = match Limited::new(request.into_body(), LONGEST_BODY)
        .collect()
        .await
    {
        Ok(body) => body.to_bytes(),
        Err(_) => return Outcome::Cut,
    };
    let arrived = arrive(&forge, door.face, &mut asked);
    let inner = &forge.inner;
    let _place = forge.place(door.face).await;
    pause(forge.latency(door.face)).await;
    inner.gates.pass(&arrived, Hold::BeforeWork).await;
    let fault = inner.faults.strike(&arrived);
    let Struck {
        delay,
        answer_delay,
        action,
    } = fault.unwrap_or_default();
    pause(delay).await;
    let mut answer = match &action {
        Action::Reset => {
            inner.log.cut(arrived.sequence, forge.now());
            return Outcome::Cut;
        }
        Action::Answer(canned) => canned.answer(),
        _ => match (place, door.face) {
            (Place::Api(_), Face::GitHub) => github::api(&forge, &asked),
            (Place::Api(_), Face::GitLab) => gitlab::api(&forge, &asked),
            (Place::Api(_), Face::Bitbucket) => bitbucket::api(&forge, &asked),
            (Place::Api(_), Face::Azure) => azure::api(&forge, &asked),
            (Place::Web(_), face) => web::page(&forge, face, &asked),
            (Place::Nowhere, _) => answer::bytes(404, "text/plain", "404 page not found\n"),
        },
    };
    if let Some(Issues(token)) = answer.extensions().get() {
        inner.log.issued(arrived.sequence, *token);
    }
    inner.gates.pass(&arrived, Hold::AfterWork).await;
    pause(answer_delay).await;
    match &action {
        Action::LoseAnswer => {
            inner.log.cut(arrived.sequence, forge.now());
            return Outcome::Cut;
        }
        Action::AnswerAfterWork(canned) => answer = canned.answer(),
        Action::ContentType(other) => set(&mut answer, CONTENT_TYPE.as_str(), other),
        _ => {}
    }
    // Providers date their answers by their own clock, and clients measure their skew by it.
    let date = forge.now().format("%a, %d %b %Y %H:%M:%S GMT");
    set(&mut answer, DATE.as_str(), date);
    let status = answer.status().as_u16();
    inner.log.answered(arrived.sequence, status, forge.now());
    Outcome::Send(match action {
        Action::Truncate(keep) => body::broken_off(answer, keep),
        Action::Drip { chunk, pause } => body::in_drops(answer, chunk, pause),
        _ => body::whole(answer),
    })
}

fn arrive(forge: &Forge, face: Face, asked: &mut Asked) -> Request {
    let secret = match face {
        Face::GitHub => github::credential(&asked.headers),
        Face::GitLab => gitlab::credential(asked),
        Face::Bitbucket => bitbucket::credential(asked),
        Face::Azure => azure::credential(asked),
    };
    let token = secret
        .as_ref()
        .and_then(|secret| forge.read(|state| state.token_of_secret(secret).map(|token| token.id)));
    let form = match asked.is_get() {
        true => Query::default(),
        false => asked.parameters(),
    };
    let refresh_token = form.get("refresh_token").and_then(|secret| {
        forge.read(|state| state.refresh_token_of_secret(secret).map(|token| token.id))
    });
    let mut request = Request {
        sequence: 0,
        at: forge.now(),
        face,
        method: asked.method.clone(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        authenticated: secret.is_some(),
        token,
        grant_type: form.get("grant_type").map(str::to_owned),
        refresh_token,
        issued: None,
        conditional: asked.headers.contains_key(IF_NONE_MATCH),
        status: None,
        ended: None,
    };
    forge.inner.log.arrive(&mut request);
    asked.sequence = request.sequence;
    request
}

async fn pause(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}

impl Canned {
    fn answer(&self) -> Answer {
        let mut made = answer::bytes(self.status, "text/plain", self.body.clone());
        for (name, value) in &self.headers {
            set(&mut made, name, value);
        }
        made
    }
}
