//! What comes by the clock for every connection, and is spread over its interval.
//!
//! Every active connection has its turn once in an interval, at a place of its own. A turn is taken and
//! its job enqueued in one transaction, so it is neither lost nor taken twice, whoever dies. Where many
//! come at once (after an outage, or all connections of one instance), a batch is bounded, and those of
//! one host start one after another until the next sweep.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::flows::{Context, Error};
use crate::queue::{NewJob, enqueue};
use crate::store::sweeps::{self, Turn, TurnKind};

/// How often the sweeps come, and so over how long the jobs of one host are spread.
pub const TURNS_EVERY: Duration = Duration::from_secs(30);

/// Turns in one transaction.
const BATCH: i64 = 1_000;
/// Turns in one sweep: a million connections that are all overdue are taken in an hour.
const AT_MOST: usize = 10_000;

/// Enqueues a job for every turn that has come; how many were new.
pub(in crate::flows) async fn take(
    context: &Context,
    kind: TurnKind,
    interval: TimeDelta,
    job: impl Fn(OrganizationId, ConnectionId, DateTime<Utc>) -> NewJob,
) -> Result<usize, Error> {
    let (mut looked_at, mut enqueued) = (0, 0);
    while looked_at < AT_MOST {
        let now = context.clock.now();
        let system = context.db.system();
        let mut turns = sweeps::take_turns(&system, kind, interval, now, BATCH).await?;
        if turns.looked_at == 0 {
            break;
        }
        looked_at += turns.looked_at;
        let jobs: Vec<NewJob> = turns
            .due
            .iter()
            .zip(starts(&turns.due, now))
            .map(|(turn, at)| job(turn.organization, turn.connection, now).run_at(at))
            .collect();
        let answers = enqueue(turns.connection(), &jobs).await?;
        turns.commit().await?;
        let new = || answers.iter().filter(|job| !job.repeat);
        context.doorbell.ring(new().map(|job| job.lane));
        enqueued += new().count();
    }
    Ok(enqueued)
}

/// When each starts.
fn starts(turns: &[Turn], now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let mut of_host: HashMap<&str, u32> = HashMap::new();
    for turn in turns {
        *of_host.entry(&turn.base_url).or_default() += 1;
    }
    let mut before: HashMap<&str, u32> = HashMap::new();
    turns
        .iter()
        .map(|turn| {
            let place = before.entry(&turn.base_url).or_default();
            let after = TURNS_EVERY * *place / of_host[turn.base_url.as_str()];
            *place += 1;
            now + after
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_one_host_start_one_after_another_and_others_at_once() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let turn = |base_url: &str| Turn {
            organization: OrganizationId::new(now),
            connection: ConnectionId::new(now),
            base_url: base_url.to_owned(),
        };
        let turns = [
            turn("https://a"),
            turn("https://b"),
            turn("https://a"),
            turn("https://a"),
        ];
        let after: Vec<i64> = starts(&turns, now)
            .iter()
            .map(|at| (*at - now).num_seconds())
            .collect();
        assert_eq!(after, [0, 0, 10, 20]);
    }
}
