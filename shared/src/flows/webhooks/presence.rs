//! Whether deliveries can be taken: written down by every process that serves them, so that the time in
//! which nobody could is known.
//!
//! One row has the last moment at which somebody served and the database took what he wrote. Whoever moves
//! it finds how long nobody has: more than a minute is an absence, written in the same transaction with the
//! sweep that marks every registered hook for a look over that time. So an absence is found once, by the
//! first one that is back, whether the processes, the database or the way between them was away.
//! What is not found: an absence shorter than a minute (a restart), and one of some processes while others
//! serve. Deliveries that failed then show at the provider, which is asked once a day.
//! The moments are those of the processes' clocks, as all times that are compared with a provider's.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::hook_lists;
use crate::flows::Context;
use crate::queue::enqueue;
use crate::store::{StoreError, sweeps};

/// How often a process says that it is there.
const EVERY: Duration = Duration::from_secs(20);
/// Who has not been heard for longer was not there.
const ABSENT: TimeDelta = TimeDelta::seconds(60);

/// Says that this process serves, and writes down what is owed, until it is stopped.
pub async fn stay(context: &Context, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match appear(context).await {
            Ok(None) => {}
            Ok(Some((from, until))) => tracing::warn!(
                %from, %until, "no delivery could be taken for a while: hooks are looked through"
            ),
            Err(error) => tracing::debug!(%error, "that deliveries can be taken was not noted"),
        }
        context.intake.owed.pay().await;
    }
}

/// Says once that deliveries can be taken; the stretch of time in which they could not, where it just
/// ended.
///
/// # Errors
/// Where the database does not answer.
pub async fn appear(
    context: &Context,
) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
    let mut tx = context.db.system().begin().await?;
    let last = sweeps::presence(&mut tx).await?;
    // Read behind the lock, so that whoever waited for it sees no absence.
    let now = context.clock.now();
    let absence = last
        .filter(|last| now - *last > ABSENT)
        .map(|last| (last, now));
    let mut enqueued = Vec::new();
    if let Some((from, until)) = absence {
        sweeps::note_absence(&mut tx, from, until).await?;
        enqueued = enqueue(&mut tx, &[hook_lists::sweep_job(now)]).await?;
    }
    sweeps::note_presence(&mut tx, now).await?;
    tx.commit().await.map_err(StoreError::from)?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(absence)
}
