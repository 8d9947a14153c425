//! One file per kind of job: payload in `shared::queue::catalogue`, handler here, under one name.

mod forget_idempotency_keys;
mod sync_connection;
mod validate_connection;

use shared::authz::{Permission, Permit};
use shared::flows::{Context, Error};
use shared::queue::NewJob;
use shared::queue::catalogue::{ForgetIdempotencyKeys, SyncConnection, ValidateConnection};

use crate::runtime::{JobContext, Registry, Schedule, Verdict};

/// Every kind that a worker runs.
#[must_use]
pub fn registry() -> Registry<Context> {
    Registry::new()
        .with::<SyncConnection>()
        .with::<ValidateConnection>()
        .with::<ForgetIdempotencyKeys>()
}

/// Everything that is due by the clock alone.
#[must_use]
pub fn schedule() -> Schedule {
    use shared::domain::ids::OrganizationId;
    use std::time::Duration;
    Schedule::new().line(
        "forget_idempotency_keys",
        Duration::from_secs(600),
        Duration::from_secs(60),
        |now| {
            NewJob::new(&ForgetIdempotencyKeys {}, OrganizationId::PLATFORM, now)
                .dedupe_key("forget_idempotency_keys")
        },
    )
}

/// What a job may do in its tenant's name.
fn permit(job: &JobContext<Context>, permission: Permission) -> Permit {
    Permit::for_job(job.organization(), job.actor(), permission)
}

/// What a flow's failure means for the job that called it.
fn verdict_of(error: Error) -> Verdict {
    match error {
        Error::Unavailable(cause) => Verdict::retry("database_unavailable", cause.to_string()),
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
        other => Verdict::retry("internal", other.to_string()),
    }
}
