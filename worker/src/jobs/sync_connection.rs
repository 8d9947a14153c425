//! Lists every repository of a connection and stores them.

use chrono::{DateTime, TimeDelta, Utc};
use shared::authz::{Permission, Permit};
use shared::domain::connection::Connection;
use shared::domain::job::Progress;
use shared::domain::lifecycle::ConnectionStatus;
use shared::domain::meter::CallClass;
use shared::domain::sync::{SyncRun, SyncTrigger};
use shared::flows::{Context, Error, connections};
use shared::providers::{ErrorClass, ProviderError};
use shared::queue::catalogue::SyncConnection;
use shared::session::{self, Asking, Session};
use shared::store::sync_runs::{self, Holder, NewRun, RunningRun};
use shared::vault::random;

use super::{permit, verdict_of};
use crate::backend::Reason;
use crate::runtime::{Handler, JobContext, Verdict};
use crate::sync::{Halt, Walked, fail, walk};

/// The windows of those who tell how many requests they take are an hour long, or shorter.
const WINDOW: TimeDelta = TimeDelta::hours(1);
/// How long a run waits before it goes on where it stands.
const STANDSTILL: TimeDelta = TimeDelta::seconds(5);

impl Handler<Context> for SyncConnection {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let permit = permit(&job, Permission::RepositoriesManage);
        match sync(&self, &job, &permit).await {
            Ok(verdict) => verdict,
            // Told to end (its connection is deleted, say): the runtime knows what that means.
            Err(_) if job.reason().is_some() => Verdict::Snooze(job.now()),
            Err(error) => verdict_of(error),
        }
    }
}

async fn sync(
    wanted: &SyncConnection,
    job: &JobContext<Context>,
    permit: &Permit,
) -> Result<Verdict, Error> {
    let context = job.app();
    let connection = connections::find(context, permit, wanted.connection_id).await?;
    if let Some(why) = not_now(&connection, wanted.trigger) {
        return Ok(Verdict::Done(serde_json::json!({ "skipped": why })));
    }
    let mut session = session::open(context, connection, asking(wanted, job)).await?;
    let holder = Holder {
        job: job.job(),
        fence: job.fence(),
    };
    let run = begin(wanted, job, &session, holder).await?;
    let told = job.clone();
    let progress = |done, total| {
        told.report(Progress {
            done,
            total,
            unit: Some("repositories".to_owned()),
        });
    };
    let pages = run.pages;
    let halt = || {
        job.reason().map(|reason| match reason {
            Reason::Cancelled => Halt::Cancelled,
            Reason::LeaseLost | Reason::Shutdown => Halt::HandedBack,
        })
    };
    let mut walked = walk(context, &session, holder, run, progress, job.token(), halt).await?;
    // A renewal may have ended the token that this run began with: it goes on with the newer one, once.
    if let Walked::Stopped(error, _) = &walked
        && session::renewed_after(&Err::<(), _>(error.clone()), context, &mut session).await?
    {
        let run = begin(wanted, job, &session, holder).await?;
        walked = walk(context, &session, holder, run, progress, job.token(), halt).await?;
    }
    match walked {
        Walked::Ended(run, undecodable) => Ok(Verdict::Done(result(&run, undecodable))),
        // In other hands, where this verdict counts no more; or handed back, to go on at once.
        Walked::Superseded => Ok(Verdict::Snooze(job.now())),
        // The run is ended; the runtime knows that somebody asked for it and says so.
        Walked::Cancelled => Ok(Verdict::Snooze(job.now())),
        Walked::Stopped(error, run) => {
            let advanced = run.pages != pages;
            stopped(job, permit, &session, holder, &run, advanced, error).await
        }
    }
}

/// Whose the rest of the provider's window is, and that this run goes on with what another has begun.
fn asking(wanted: &SyncConnection, job: &JobContext<Context>) -> Asking {
    let class = match wanted.trigger {
        SyncTrigger::Scheduled => CallClass::Sweep,
        SyncTrigger::Webhook => CallClass::Webhooks,
        SyncTrigger::Created | SyncTrigger::Manual | SyncTrigger::Reconnected => CallClass::Sync,
    };
    Asking {
        class,
        job: Some(job.job()),
    }
}

/// Why a connection is not synced at all.
fn not_now(connection: &Connection, trigger: SyncTrigger) -> Option<&'static str> {
    if !connection.is_active {
        Some("the connection is switched off")
    } else if connection.status == ConnectionStatus::Disconnected {
        Some("the connection was disconnected")
    } else if trigger == SyncTrigger::Scheduled && connection.status != ConnectionStatus::Active {
        Some("the connection does not work at present")
    } else {
        None
    }
}

async fn begin(
    wanted: &SyncConnection,
    job: &JobContext<Context>,
    session: &Session,
    holder: Holder,
) -> Result<RunningRun, Error> {
    let new = NewRun {
        organization: session.connection.organization_id,
        connection: session.connection.id,
        holder,
        generation: session.generation,
        trigger: wanted.trigger,
        full: wanted.full,
        now: job.now(),
    };
    let mut tx = job.app().db.tenant_in_bulk(new.organization).await?;
    let run = sync_runs::begin(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(run)
}

/// The provider did not give a page. A closed window waits for its opening and an outage for the
/// next attempt, both with the cursor kept; attempts count only where none brought a page. A
/// refusal ends the run and goes to the connection's health.
async fn stopped(
    job: &JobContext<Context>,
    permit: &Permit,
    session: &Session,
    holder: Holder,
    run: &RunningRun,
    advanced: bool,
    error: ProviderError,
) -> Result<Verdict, Error> {
    tracing::info!(class = ?error.class, status = error.status, detail = %error.detail,
        "a page could not be had");
    if error.class == ErrorClass::RateLimited {
        let until = opening(job, &error);
        let forecast = forecast(session, run, until);
        return Ok(Verdict::Wait { until, forecast });
    }
    if error.is_transient() && advanced {
        return Ok(Verdict::Snooze(job.now() + STANDSTILL));
    }
    let (code, message) = (
        "page_failed",
        "The provider did not give a page of the listing. Nothing was removed; sync again.",
    );
    if error.is_transient() && !job.is_last_attempt() {
        return Ok(Verdict::retry(code, message));
    }
    fail(
        job.app(),
        session,
        run,
        holder,
        (code.to_owned(), message.to_owned()),
    )
    .await?;
    if error.is_transient() {
        return Ok(Verdict::fail(code, message));
    }
    connections::record_refusal(job.app(), permit, session, error).await?;
    Ok(Verdict::fail(
        "connection_unhealthy",
        "The provider refused to go on. See the connection's health for the next step.",
    ))
}

/// When a closed window opens: never at once, whatever the provider's clock says, and not for
/// everybody in the same second.
fn opening(job: &JobContext<Context>, error: &ProviderError) -> DateTime<Utc> {
    let told = error.retry_at.unwrap_or(job.now() + TimeDelta::seconds(60));
    let jitter = TimeDelta::milliseconds((random::fraction() * 5_000.0) as i64);
    told.max(job.now() + STANDSTILL) + jitter
}

/// What is to be expected of a run that waits for the provider's window: when it goes on, and about
/// when it ends, where both the listing's length and the window's are known.
fn forecast(session: &Session, run: &RunningRun, until: DateTime<Utc>) -> serde_json::Value {
    let ends = || {
        let left = u32::try_from(run.expected? - run.run.found).ok()?;
        let limit = u32::try_from(session.connection.rate_limit.limit?).ok()?;
        let usable =
            limit / 100 * u32::try_from(100 - session.asking.class.reserve_percent()).ok()?;
        let windows = left.div_ceil(100).div_ceil(usable.max(1));
        Some(until + WINDOW * i32::try_from(windows).ok()?.saturating_sub(1))
    };
    serde_json::json!({
        "waits_for": "rate_limit",
        "until": until,
        "expected_end": ends(),
        "found": run.run.found,
        "expected": run.expected,
    })
}

fn result(run: &SyncRun, undecodable: i32) -> serde_json::Value {
    serde_json::json!({
        "found": run.found,
        "added": run.added,
        "updated": run.updated,
        "removed": run.removed,
        "complete": run.complete,
        "incomplete_reason": run.incomplete_reason,
        "requests": run.requests,
        "not_modified": run.not_modified,
        "undecodable": undecodable,
    })
}
