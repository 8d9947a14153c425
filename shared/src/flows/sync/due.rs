//! Syncs whose turn has come by the clock: what the sweep calls.
//!
//! Every active connection has its turn once in `MOORING_SYNC_INTERVAL`, at a place in the interval
//! of its own. A turn is taken and its job enqueued in one transaction, so it is neither lost nor
//! taken twice, whoever dies. Where many come at once (after an outage, or all connections of one
//! instance), a batch is bounded, and those of one host start one after another until the next
//! sweep.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::sync::SyncTrigger;
use crate::flows::{Context, Error};
use crate::queue::catalogue::SyncConnection;
use crate::queue::{NewJob, enqueue};
use crate::store::sweeps::{self, Turn};

/// How often the sweep comes, and so over how long the syncs of one host are spread.
pub const TURNS_EVERY: Duration = Duration::from_secs(30);

/// Turns in one transaction.
const BATCH: i64 = 1_000;
/// Turns in one sweep: a million connections that are all overdue are taken in an hour.
const AT_MOST: usize = 10_000;

/// Enqueues the syncs whose turn has come; how many were new.
///
/// # Errors
/// Where the database does not answer: what was not committed is still due.
pub async fn due(context: &Context) -> Result<usize, Error> {
    let (mut looked_at, mut enqueued) = (0, 0);
    while looked_at < AT_MOST {
        let now = context.clock.now();
        let interval = context.sync.interval;
        let mut turns = sweeps::take_turns(&context.db.system(), interval, now, BATCH).await?;
        if turns.looked_at == 0 {
            break;
        }
        looked_at += turns.looked_at;
        let jobs = jobs(&turns.due, now);
        let answers = enqueue(turns.connection(), &jobs).await?;
        turns.commit().await?;
        let new = || answers.iter().filter(|job| !job.repeat);
        context.doorbell.ring(new().map(|job| job.lane));
        enqueued += new().count();
    }
    Ok(enqueued)
}

fn jobs(turns: &[Turn], now: DateTime<Utc>) -> Vec<NewJob> {
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
            job(turn.organization, turn.connection, now).run_at(now + after)
        })
        .collect()
}

/// A scheduled sync. The one that stands, where one stands: that will do.
fn job(organization: OrganizationId, connection: ConnectionId, now: DateTime<Utc>) -> NewJob {
    let payload = SyncConnection {
        connection_id: connection,
        trigger: SyncTrigger::Scheduled,
        full: false,
    };
    NewJob::new(&payload, organization, now)
        .connection(connection)
        .dedupe_key(connection.to_string())
        .rerun_on_repeat(false)
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
        let after: Vec<i64> = jobs(&turns, now)
            .iter()
            .map(|job| (job.due_at() - now).num_seconds())
            .collect();
        assert_eq!(after, [0, 0, 10, 20]);
    }
}
