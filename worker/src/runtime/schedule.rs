//! What is due by the clock alone.
//!
//! Properties: each tick of each line is enqueued once, whichever process leads; ticks missed while
//! nobody led are made up for by one.
//! Design: the leader holds an advisory lock on its own connection, which dies with it. The last
//! tick is a row, moved in the transaction that enqueues the job, so that the lock saves work and
//! nothing hangs on it: two leaders (one paused, say) would find the tick taken.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared::queue::{Doorbell, NewJob, enqueue};
use sqlx::{Connection, PgConnection};

use crate::backend::claim::LOCK_CLASS;
use crate::backend::core::Core;
use crate::backend::link::{Link, within};

const LEADER: i32 = 0;
const TICK: Duration = Duration::from_millis(250);
const CANDIDATE: Duration = Duration::from_secs(1);

/// One line of the schedule.
#[derive(Clone)]
pub struct Line {
    /// Its name, for good: the last tick is kept under it.
    pub name: &'static str,
    /// Ticks are the multiples of this, from the Unix epoch.
    pub every: Duration,
    /// Each tick comes late by a part of this that differs from line to line and tick to tick.
    pub jitter: Duration,
    /// The job of a tick; it should have a dedupe key.
    pub job: Arc<dyn Fn(DateTime<Utc>) -> NewJob + Send + Sync>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("name", &self.name)
            .field("every", &self.every)
            .field("jitter", &self.jitter)
            .finish_non_exhaustive()
    }
}

/// All lines; a line that is new ticks at once.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    lines: Vec<Line>,
}

impl Schedule {
    /// Without lines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    #[must_use]
    pub fn line(
        mut self,
        name: &'static str,
        every: Duration,
        jitter: Duration,
        job: impl Fn(DateTime<Utc>) -> NewJob + Send + Sync + 'static,
    ) -> Self {
        self.lines.push(Line {
            name,
            every,
            jitter,
            job: Arc::new(job),
        });
        self
    }
}

/// The last tick of `line` that has come at `now`.
fn last_tick(line: &Line, now: DateTime<Utc>) -> DateTime<Utc> {
    let every = i64::try_from(line.every.as_micros())
        .unwrap_or(i64::MAX)
        .max(1);
    let number = now.timestamp_micros().div_euclid(every);
    let tick =
        |number: i64| DateTime::from_timestamp_micros(number.saturating_mul(every)).unwrap_or(now);
    if now >= tick(number) + lateness(line, number) {
        tick(number)
    } else {
        tick(number - 1)
    }
}

fn lateness(line: &Line, number: i64) -> TimeDelta {
    let jitter = line.jitter.min(line.every / 2);
    let mut hash: u64 = number.unsigned_abs() ^ 0xcbf2_9ce4_8422_2325;
    for byte in line.name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let part = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64;
    TimeDelta::from_std(jitter.mul_f64(part)).unwrap_or_default()
}

pub(crate) async fn run(core: Arc<Core>, schedule: Schedule, bell: Doorbell) {
    if schedule.lines.is_empty() {
        return;
    }
    let mut link = core.link("schedule");
    let mut known: Vec<Option<DateTime<Utc>>> = vec![None; schedule.lines.len()];
    let mut leading = false;
    loop {
        if !link.stands() {
            leading = false;
        }
        let step = within(core.deadline(), async {
            if !leading {
                leading = lead(&mut link).await?;
                known.fill(None);
            }
            if leading {
                tick(&mut link, &core, &schedule, &mut known, &bell).await?;
            }
            Ok(())
        })
        .await;
        match step {
            Ok(()) => link.good(),
            Err(error) => link.failed(&error).await,
        }
        tokio::select! {
            () = core.stopping.cancelled() => break,
            () = tokio::time::sleep(if leading { TICK } else { CANDIDATE }) => {}
        }
    }
    link.close().await;
}

async fn lead(link: &mut Link) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_lock($1, $2) AS "leading!""#,
        LOCK_CLASS,
        LEADER
    )
    .fetch_one(link.get().await?)
    .await
}

async fn tick(
    link: &mut Link,
    core: &Core,
    schedule: &Schedule,
    known: &mut [Option<DateTime<Utc>>],
    bell: &Doorbell,
) -> Result<(), sqlx::Error> {
    let now = core.clock.now();
    for (line, known) in schedule.lines.iter().zip(known) {
        let due = last_tick(line, now);
        if known.is_some_and(|last| last >= due) {
            continue;
        }
        let mut transaction = link.get().await?.begin().await?;
        if take_tick(&mut transaction, line.name, due).await? {
            let job = (line.job)(now);
            let enqueued = enqueue(&mut transaction, &[job]).await.map_err(|error| {
                sqlx::Error::Protocol(format!(
                    "the job of line {} was not enqueued: {error}",
                    line.name
                ))
            })?;
            transaction.commit().await?;
            bell.ring(enqueued.into_iter().map(|job| job.lane));
            tracing::debug!(line = line.name, %due, "scheduled");
        }
        *known = Some(due);
    }
    Ok(())
}

async fn take_tick(
    connection: &mut PgConnection,
    line: &str,
    tick: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "INSERT INTO job_schedule AS s (line, last_tick) VALUES ($1, $2) \
         ON CONFLICT (line) DO UPDATE SET last_tick = $2 WHERE s.last_tick < $2",
        line,
        tick
    )
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(every: u64, jitter: u64) -> Line {
        Line {
            name: "sweep",
            every: Duration::from_secs(every),
            jitter: Duration::from_secs(jitter),
            job: Arc::new(|_| unreachable!("no job is made here")),
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn ticks_are_multiples_and_missed_ones_are_one() {
        let line = line(30, 0);
        assert_eq!(last_tick(&line, at(3000)), at(3000));
        assert_eq!(last_tick(&line, at(3029)), at(3000));
        assert_eq!(last_tick(&line, at(93_029)), at(93_000));
    }

    #[test]
    fn jitter_only_delays_and_never_by_more_than_half_a_period() {
        let line = line(60, 1000);
        for number in 0..200 {
            let late = lateness(&line, number);
            assert!(
                late >= TimeDelta::zero() && late <= TimeDelta::seconds(30),
                "{late}"
            );
            assert_eq!(last_tick(&line, at(number * 60 + 30)), at(number * 60));
        }
    }
}
