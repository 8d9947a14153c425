//! Renewals, over HTTP against the sandbox forge: nothing is spent twice, nothing that was received
//! is lost, and only the provider's own word ends a grant.

mod lent;
mod outages;
mod races;
mod refused;

use std::time::Duration;

use chrono::TimeDelta;
use mooring_forge::{Face, Match, Request};
use serde_json::{Value, json};

use crate::oauth::{connect, ready};
use crate::world::{Caller, World, until};

/// A GitLab connection by consent: its tokens end after two hours, its refresh tokens work once.
async fn gitlab(w: &World) -> (Caller, String) {
    let (owner, _) = ready(w).await;
    let id = connect(&owner, "gitlab", json!({})).await;
    owner.synced(&id).await;
    (owner, id)
}

/// What the forge was asked to renew.
fn presentations(w: &World) -> Vec<Request> {
    w.forge.requests(&renewals())
}

fn renewals() -> Match {
    Match::face(Face::GitLab).grant_type("refresh_token")
}

/// Into the last minutes of the token.
fn into_the_buffer(w: &World) {
    w.clock.advance(TimeDelta::minutes(115));
}

async fn refresh(owner: &Caller, id: &str) -> Value {
    let path = format!("/api/v1/git-oauth/refresh/{id}");
    owner.post(&path, json!({})).await.expect(200)
}

/// Waits for what a connection says of itself.
async fn becomes(owner: &Caller, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(what, || async {
        let found = owner.connection(id).await;
        is(&found).then_some(found)
    })
    .await
}

/// What the rows tell of every attempt, oldest first: presentation and outcome.
async fn attempts(w: &World, id: &str) -> Vec<(i16, String)> {
    let mut tx = w.context.db.tenant(w.organization).await.unwrap();
    sqlx::query_as(
        "SELECT presentation, outcome FROM token_refreshes WHERE connection_id = $1::uuid ORDER BY id",
    )
    .bind(id)
    .fetch_all(&mut *tx)
    .await
    .unwrap()
}

/// A listing through the connection: its token works.
async fn works(owner: &Caller, id: &str) {
    let path = format!("/git-connections/{id}/repositories?source=live");
    owner.get(&path).await.expect(200);
}

/// Longer than the world's lease, for what must outlast it.
const SLOW: Duration = Duration::from_secs(5);
