//! One file per kind of job: payload in `shared::queue::catalogue`, handler here, under one name.

mod delete_old_deliveries;
mod delete_old_jobs;
mod end_stranded_syncs;
mod forget_idempotency_keys;
mod forget_limits;
mod forget_oauth_states;
mod forget_outbox_events;
mod handle_delivery;
mod recover_app_deliveries;
mod recover_hook_deliveries;
mod refresh_token;
mod register_hooks;
mod remove_hooks;
mod ring_stranded;
mod rotate_token;
mod sweep_app_deliveries;
mod sweep_due_tokens;
mod sweep_hook_deliveries;
mod sweep_rotations;
mod sync_after_repeat;
mod sync_connection;
mod sync_due_connections;
mod validate_connection;
mod validate_due_connections;
mod warn_of_expiry;

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::authz::{Permission, Permit};
use shared::config::Intervals;
use shared::domain::ids::OrganizationId;
use shared::flows::TURNS_EVERY;
use shared::flows::{Context, Error};
use shared::queue::catalogue::{
    DeleteOldDeliveries, DeleteOldJobs, EndStrandedSyncs, ForgetIdempotencyKeys, ForgetLimits,
    ForgetOauthStates, ForgetOutboxEvents, HandleDelivery, RecoverAppDeliveries,
    RecoverHookDeliveries, RefreshToken, RegisterHooks, RemoveHooks, RingStranded, RotateToken,
    SweepAppDeliveries, SweepDueTokens, SweepHookDeliveries, SweepRotations, SyncAfterRepeat,
    SyncConnection, SyncDueConnections, ValidateConnection, ValidateDueConnections, WarnOfExpiry,
};
use shared::queue::{Job, NewJob, enqueue};
use shared::store::StoreError;

use crate::runtime::{JobContext, Registry, Schedule, Verdict};

/// Every kind that a worker runs.
#[must_use]
pub fn registry() -> Registry<Context> {
    Registry::new()
        .with::<SyncConnection>()
        .with::<ValidateConnection>()
        .with::<RefreshToken>()
        .with::<SweepDueTokens>()
        .with::<ForgetIdempotencyKeys>()
        .with::<ForgetOauthStates>()
        .with::<EndStrandedSyncs>()
        .with::<DeleteOldJobs>()
        .with::<RingStranded>()
        .with::<SyncDueConnections>()
        .with::<ForgetOutboxEvents>()
        .with::<WarnOfExpiry>()
        .with::<RotateToken>()
        .with::<SweepRotations>()
        .with::<ValidateDueConnections>()
        .with::<ForgetLimits>()
        .with::<HandleDelivery>()
        .with::<SyncAfterRepeat>()
        .with::<DeleteOldDeliveries>()
        .with::<RegisterHooks>()
        .with::<SweepAppDeliveries>()
        .with::<RecoverAppDeliveries>()
        .with::<SweepHookDeliveries>()
        .with::<RecoverHookDeliveries>()
        .with::<RemoveHooks>()
}

/// Everything that is due by the clock alone; `every` is what the operator set.
#[must_use]
pub fn schedule(every: &Intervals) -> Schedule {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    Schedule::new()
        .line(
            "sweep_due_tokens",
            every.refresh_sweep,
            every.refresh_sweep / 10,
            |now| sweep(&SweepDueTokens {}, now),
        )
        .line("forget_idempotency_keys", minutes(10), minutes(1), |now| {
            sweep(&ForgetIdempotencyKeys {}, now)
        })
        .line("forget_oauth_states", minutes(10), minutes(1), |now| {
            sweep(&ForgetOauthStates {}, now)
        })
        .line("end_stranded_syncs", minutes(5), minutes(1), |now| {
            sweep(&EndStrandedSyncs {}, now)
        })
        .line("delete_old_jobs", minutes(10), minutes(1), |now| {
            sweep(&DeleteOldJobs {}, now)
        })
        .line("delete_old_deliveries", minutes(10), minutes(1), |now| {
            sweep(&DeleteOldDeliveries {}, now)
        })
        .line("sweep_app_deliveries", minutes(60), minutes(5), |now| {
            sweep(&SweepAppDeliveries {}, now)
        })
        .line("sweep_hook_deliveries", minutes(60), minutes(5), |now| {
            sweep(&SweepHookDeliveries {}, now)
        })
        .line("ring_stranded", minutes(5), minutes(1), |now| {
            sweep(&RingStranded {}, now)
        })
        .line("sync_due_connections", TURNS_EVERY, Duration::ZERO, |now| {
            sweep(&SyncDueConnections {}, now)
        })
        .line(
            "validate_due_connections",
            TURNS_EVERY,
            Duration::ZERO,
            |now| sweep(&ValidateDueConnections {}, now),
        )
        .line("forget_limits", minutes(60), minutes(5), |now| {
            sweep(&ForgetLimits {}, now)
        })
        .line("forget_outbox_events", minutes(10), minutes(1), |now| {
            sweep(&ForgetOutboxEvents {}, now)
        })
        .line("warn_of_expiry", minutes(60), minutes(5), |now| {
            sweep(&WarnOfExpiry {}, now)
        })
        .line("sweep_rotations", minutes(60), minutes(5), |now| {
            sweep(&SweepRotations {}, now)
        })
}

/// What is due because workers start: what was missed while nobody was there.
#[must_use]
pub fn at_start(now: DateTime<Utc>) -> Vec<NewJob> {
    vec![
        sweep(&SweepAppDeliveries {}, now),
        sweep(&SweepHookDeliveries {}, now),
    ]
}

/// Enqueues what is due because workers start. Where the database is away, the schedule makes up for it.
pub async fn enqueue_at_start(context: &Context) {
    if let Err(error) = enqueue_everywhere(context, &at_start(context.clock.now())).await {
        tracing::warn!(%error, "what is due at the start was not enqueued; it comes with the next hour");
    }
}

/// A sweep: of the platform, one at a time.
fn sweep<J: Job>(payload: &J, now: DateTime<Utc>) -> NewJob {
    NewJob::new(payload, OrganizationId::PLATFORM, now).dedupe_key(J::KIND)
}

/// Enqueues jobs of many tenants in one transaction, and rings for them.
async fn enqueue_everywhere(context: &Context, jobs: &[NewJob]) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut tx = context.db.system().begin().await?;
    let enqueued = enqueue(&mut tx, jobs).await?;
    tx.commit().await.map_err(StoreError::from)?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}

/// What a job may do in its tenant's name.
fn permit(job: &JobContext<Context>, permission: Permission) -> Permit {
    Permit::for_job(job.organization(), job.actor(), permission)
}

/// What a flow's failure means for the job that called it.
fn verdict_of(error: Error) -> Verdict {
    match error {
        Error::Unavailable(cause) => {
            tracing::warn!(%cause, "the database does not answer");
            Verdict::retry(
                "database_unavailable",
                "The database does not answer. It is tried again.",
            )
        }
        Error::NotFound(what) => {
            Verdict::Done(serde_json::json!({ "skipped": format!("the {what} is gone") }))
        }
        Error::Conflict { code, message } => Verdict::fail(code, message),
        Error::Provider {
            code,
            message,
            callers_fault: true,
        } => Verdict::fail(code, message),
        Error::Provider {
            code,
            message,
            callers_fault: false,
        } => Verdict::retry(code, message),
        other => {
            tracing::error!(error = %other, "a job failed by a fault of Mooring");
            Verdict::retry(
                "internal",
                "A fault of Mooring; its log has the cause. It is tried again.",
            )
        }
    }
}
