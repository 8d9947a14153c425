//! Lists every repository of a connection and stores them.

use shared::authz::{Permission, Permit};
use shared::domain::connection::Connection;
use shared::domain::job::Progress;
use shared::domain::lifecycle::ConnectionStatus;
use shared::domain::sync::SyncRun;
use shared::flows::{Context, Error, connections};
use shared::providers::{ErrorClass, ProviderError};
use shared::queue::catalogue::SyncConnection;
use shared::session::{self, Session};
use shared::store::sync_runs::{self, RunningRun};

use super::{permit, verdict_of};
use crate::backend::Reason;
use crate::runtime::{Handler, JobContext, Verdict};
use crate::sync::{Halt, Walked, fail, walk};

impl Handler<Context> for SyncConnection {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let permit = permit(&job, Permission::RepositoriesManage);
        match sync(&self, &job, &permit).await {
            Ok(verdict) => verdict,
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
    if let Some(why) = not_now(&connection) {
        return Ok(Verdict::Done(serde_json::json!({ "skipped": why })));
    }
    let session = session::open(context, connection).await?;
    let run = begin(wanted, job, &session).await?;
    let told = job.clone();
    let progress = move |done, total| {
        told.report(Progress {
            done,
            total,
            unit: Some("repositories".to_owned()),
        });
    };
    let standing = run.clone();
    let halt = || {
        job.reason().map(|reason| match reason {
            Reason::Cancelled => Halt::Cancelled,
            Reason::LeaseLost | Reason::Shutdown => Halt::HandedBack,
        })
    };
    match walk(context, &session, run, progress, halt).await? {
        Walked::Ended(run, undecodable) => Ok(Verdict::Done(result(&run, undecodable))),
        Walked::Superseded => Ok(Verdict::Done(
            serde_json::json!({ "skipped": "superseded" }),
        )),
        Walked::Cancelled(run) => Ok(Verdict::Done(result(&run, 0))),
        Walked::Stopped(error) => stopped(job, permit, &session, &standing, error).await,
    }
}

/// Why a connection is not synced at all.
fn not_now(connection: &Connection) -> Option<&'static str> {
    if !connection.is_active {
        Some("the connection is switched off")
    } else if connection.status == ConnectionStatus::Disconnected {
        Some("the connection was disconnected")
    } else {
        None
    }
}

async fn begin(
    wanted: &SyncConnection,
    job: &JobContext<Context>,
    session: &Session,
) -> Result<RunningRun, Error> {
    let organization = session.connection.organization_id;
    let mut tx = job.app().db.tenant(organization).await?;
    let run = sync_runs::begin(
        &mut tx,
        organization,
        session.connection.id,
        job.job(),
        wanted.trigger,
        wanted.full,
        job.now(),
    )
    .await?;
    tx.commit().await?;
    Ok(run)
}

/// The provider did not give a page. A closed window waits for its opening and an outage for the
/// next attempt, both with the cursor kept; a refusal ends the run and goes to the connection's
/// health.
async fn stopped(
    job: &JobContext<Context>,
    permit: &Permit,
    session: &Session,
    run: &RunningRun,
    error: ProviderError,
) -> Result<Verdict, Error> {
    tracing::info!(class = ?error.class, status = error.status, detail = %error.detail,
        "a page could not be had");
    if error.class == ErrorClass::RateLimited {
        let fallback = job.now() + chrono::TimeDelta::seconds(60);
        return Ok(Verdict::Snooze(
            error.retry_at.unwrap_or(fallback).max(job.now()),
        ));
    }
    let (code, message) = (
        "page_failed",
        "The provider did not give a page of the listing. Nothing was removed; the next sync goes on.",
    );
    if error.is_transient() && !job.is_last_attempt() {
        return Ok(Verdict::retry(code, message));
    }
    fail(
        job.app(),
        session,
        run,
        (code.to_owned(), message.to_owned()),
    )
    .await?;
    if error.is_transient() {
        return Ok(Verdict::retry(code, message));
    }
    connections::record_refusal(job.app(), permit, session, error).await?;
    Ok(Verdict::fail(
        "connection_unhealthy",
        "The provider refused the connection's credential. See the connection's health for the next step.",
    ))
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
        "undecodable": undecodable,
    })
}
