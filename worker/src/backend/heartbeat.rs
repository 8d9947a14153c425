//! The heartbeat: keeps our lease, tells running jobs what came for them, takes over from the dead.
//!
//! One row per process, so that a heartbeat is one UPDATE however many jobs it holds. Everything
//! here is bounded, because the next heartbeat waits for it.
//!
//! Races, by name:
//! - *Paused worker*: stopped beyond its lease, it wakes while others run its jobs. Its heartbeat
//!   finds no row: its running jobs are told, what it prefetched is dropped, and whatever it still
//!   says is fenced. Until that heartbeat it starts nothing, since its last good one is too old.
//! - *Everybody's outage*: after the database was away, all leases are over, though their holders
//!   live. Nobody takes over until its own connection has stood for six tenths of a lease: by then
//!   the living have renewed theirs.
//! - *Late claim*: a claim of a dead worker may be committed after its lease was deleted. Takeover
//!   therefore does not look at what was deleted but at what stands under a lease without a row.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::link::{Link, within};
use super::running::Reason;

/// Cancellations and progress are looked at this often.
const TICK: Duration = Duration::from_millis(250);

pub(crate) async fn run(core: Arc<Core>, end: CancellationToken) {
    let mut link = core.link("heartbeat");
    let every = (core.tenure.length() / 4).min(Duration::from_secs(15));
    let tick = TICK.min(every);
    let mut next_beat = Instant::now();
    let mut next_takeover = Instant::now() + core.tenure.length() * 6 / 10;
    loop {
        let did = async {
            let stood = link.stands();
            if Instant::now() >= next_beat || !stood {
                beat(&core, &mut link).await?;
                next_beat = Instant::now() + every;
            }
            if !stood {
                next_takeover = next_takeover.max(Instant::now() + core.tenure.length() * 6 / 10);
            }
            tell_cancelled(&core, &mut link).await?;
            if Instant::now() >= next_takeover {
                next_takeover = Instant::now() + every;
                take_over(&core, &mut link).await?;
            }
            Ok(())
        };
        match did.await {
            Ok(()) => link.good(),
            Err(error) => link.failed(&error).await,
        }
        let now = Instant::now();
        for running in core.ledger.unfinished() {
            if let Some(progress) = running.due_progress(now) {
                core.progressed(running, progress);
            }
        }
        tokio::select! {
            () = end.cancelled() => break,
            () = tokio::time::sleep(tick) => {}
        }
    }
    give_up_lease(&core, &mut link).await;
    link.close().await;
}

async fn beat(core: &Core, link: &mut Link) -> Result<(), super::link::LinkError> {
    let began = Instant::now();
    let known = core.tenure.last();
    let length = PgInterval::try_from(core.tenure.length()).map_err(sqlx::Error::Encode)?;
    let kept = within(core.deadline(), async {
        let connection = link.get().await?;
        match known {
            Some(id) => renew(connection, id, &length).await,
            None => Ok(Some(take(connection, &core.worker, &length).await?)),
        }
    })
    .await?;
    match kept {
        Some(id) => {
            core.tenure.renew(id, began);
            core.wake_worker();
            if known.is_none() {
                core.look.notify_one();
            }
        }
        None => {
            tracing::warn!(
                worker = core.worker,
                "the lease is lost: this worker did not answer in time"
            );
            core.tenure.lose();
            let unstarted = core.take_unstarted();
            core.ledger
                .settle(unstarted.iter().map(|job| &*job.running));
            core.ledger.end_all(Reason::LeaseLost);
            let began = Instant::now();
            let id = within(core.deadline(), async {
                take(link.get().await?, &core.worker, &length).await
            })
            .await?;
            core.tenure.renew(id, began);
            core.look.notify_one();
        }
    }
    Ok(())
}

async fn take(
    connection: &mut PgConnection,
    worker: &str,
    length: &PgInterval,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO job_leases (worker, lease_until) VALUES ($1, clock_timestamp() + $2) RETURNING id",
        worker,
        length
    )
    .fetch_one(connection)
    .await
}

async fn renew(
    connection: &mut PgConnection,
    id: i64,
    length: &PgInterval,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE job_leases SET lease_until = clock_timestamp() + $2 WHERE id = $1 RETURNING id",
        id,
        length
    )
    .fetch_optional(connection)
    .await
}

async fn tell_cancelled(core: &Core, link: &mut Link) -> Result<(), super::link::LinkError> {
    // Most jobs have ended before anybody could cancel them.
    let running: Vec<_> = core
        .ledger
        .unfinished()
        .into_iter()
        .filter(|running| running.age().is_some_and(|age| age >= TICK))
        .collect();
    if running.is_empty() {
        return Ok(());
    }
    let organizations: Vec<_> = running
        .iter()
        .map(|running| running.organization.0)
        .collect();
    let ids: Vec<_> = running.iter().map(|running| running.id.0).collect();
    let fences: Vec<_> = running.iter().map(|running| running.fence).collect();
    let cancelled = within(core.deadline(), async {
        sqlx::query_file!(
            "src/backend/sql/cancelled.sql",
            &organizations,
            &ids,
            &fences
        )
        .fetch_all(link.get().await?)
        .await
    })
    .await?;
    for row in cancelled {
        if let Some(running) = core.ledger.find(row.id, row.fence) {
            running.end(Reason::Cancelled);
        }
    }
    Ok(())
}

async fn take_over(core: &Core, link: &mut Link) -> Result<(), super::link::LinkError> {
    let expired = within(core.deadline(), async {
        sqlx::query!(
            "DELETE FROM job_leases WHERE lease_until < clock_timestamp() RETURNING worker"
        )
        .fetch_all(link.get().await?)
        .await
    })
    .await?;
    for row in expired {
        tracing::warn!(
            worker = row.worker,
            "a worker stopped answering; its jobs are taken over"
        );
    }
    let taken = within(core.deadline(), async {
        sqlx::query_file!("src/backend/sql/take_over.sql", core.clock.now())
            .fetch_all(link.get().await?)
            .await
    })
    .await?;
    if !taken.is_empty() {
        let failed = taken.iter().filter(|row| row.status == 3).count();
        tracing::info!(
            jobs = taken.len(),
            failed,
            "took over jobs of workers that are gone"
        );
        core.look.notify_one();
    }
    Ok(())
}

/// At the end of the process: what still stands under the lease may be taken over at once.
async fn give_up_lease(core: &Core, link: &mut Link) {
    let Some(id) = core.tenure.last() else { return };
    core.tenure.lose();
    let gone = within(Duration::from_secs(2), async {
        sqlx::query!("DELETE FROM job_leases WHERE id = $1", id)
            .execute(link.get().await?)
            .await
    });
    if let Err(error) = gone.await {
        tracing::info!(%error, "the lease was left to run out");
    }
}
