//! What providers let us do: windows of requests, bans for failed authentications, pauses of token
//! endpoints. Each across processes, which share the database and no memory.

mod allowance;
mod endpoints;
mod over_redis;
mod pasted;
mod validation;
mod windows;

use std::collections::HashMap;

use chrono::TimeDelta;
use mooring_forge::{Face, Match, Request};
use shared::domain::ids::OrganizationId;
use shared::domain::organization::Role;
use sqlx::{Connection, Executor};

use crate::upkeep::by_hand;
use crate::world::{Caller, World, new_organization, until};

/// An organization beside the world's, and somebody who owns it.
async fn stranger(w: &World, name: &str) -> (OrganizationId, Caller) {
    let id = new_organization(&w.context, name).await;
    (id, w.member_of(id, Role::Owner))
}

/// What the forge refused as failed authentications.
fn failures(w: &World) -> Vec<Request> {
    let all = w.forge.requests(&Match::face(Face::GitHub));
    all.into_iter()
        .filter(|request| request.status == Some(401))
        .collect()
}

/// How many of them were seen within three minutes, at most.
fn most_within_three_minutes(failures: &[Request]) -> usize {
    let mut times: Vec<_> = failures.iter().filter_map(|one| one.ended).collect();
    times.sort();
    (0..times.len())
        .map(|first| {
            let end = times[first] + TimeDelta::minutes(3);
            times[first..].iter().take_while(|at| **at < end).count()
        })
        .max()
        .unwrap_or(0)
}

/// Of the tokens that were refused more than once, when and what was asked with them.
fn presented_again(failures: &[Request]) -> Vec<String> {
    let mut seen: HashMap<_, Vec<&Request>> = HashMap::new();
    for one in failures {
        seen.entry(one.token).or_default().push(one);
    }
    let again = seen.into_values().filter(|requests| requests.len() > 1);
    again
        .flatten()
        .map(|one| format!("{} {}", one.at, one.target()))
        .collect()
}

/// Moves the clock by steps until something is so.
async fn moved_until<F: Future<Output = bool>>(
    w: &World,
    step: TimeDelta,
    mut is: impl FnMut() -> F,
) {
    for _ in 0..400 {
        w.everybody_idle().await;
        if is().await {
            return;
        }
        advance_between_jobs(w, step).await;
    }
    panic!("it did not come to that");
}

/// Moves the clock while no job runs and none can begin: a step in the middle of one would look like the
/// end of its process.
async fn advance_between_jobs(w: &World, step: TimeDelta) {
    until("a moment without a job", || async {
        let mut db = by_hand(w).await;
        let mut tx = db.begin().await.unwrap();
        tx.execute("LOCK TABLE jobs IN EXCLUSIVE MODE")
            .await
            .unwrap();
        let running = "SELECT count(*) FROM jobs WHERE status = 1";
        let running: i64 = sqlx::query_scalar(running)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        if running > 0 {
            return None;
        }
        w.clock.advance(step);
        tx.commit().await.unwrap();
        Some(())
    })
    .await;
}
