//! Tells organizations that a credential or client secret of theirs ends soon, or has ended: a stretch of the index
//! at a time, one transaction each.

use chrono::DateTime;
use shared::authz::{Permission, Permit};
use shared::domain::actor::Actor;
use shared::domain::ids::{ConnectionId, OrganizationId, ProviderConfigId};
use shared::flows::{Context, Error, connections, provider_configs};
use shared::queue::catalogue::WarnOfExpiry;
use shared::store::sweeps::{due_secret_warnings, due_warnings};
use uuid::Uuid;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// Credentials looked at in one statement.
const STRETCH: i64 = 500;
/// Looked at in one sweep: the next one goes on, and what waits longest comes first.
const MOST: usize = 50_000;

impl Handler<Context> for WarnOfExpiry {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match sweep(&job).await {
            Ok(told) => Verdict::Done(serde_json::json!({ "told": told })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn sweep(job: &JobContext<Context>) -> Result<usize, Error> {
    Ok(credentials(job).await? + secrets(job).await?)
}

fn permit(organization: OrganizationId) -> Permit {
    Permit::for_job(organization, Actor::system(), Permission::ConnectionsUse)
}

async fn credentials(job: &JobContext<Context>) -> Result<usize, Error> {
    let (context, now) = (job.app(), job.now());
    let system = context.db.system();
    let mut after = (DateTime::UNIX_EPOCH, ConnectionId(Uuid::nil()));
    let (mut looked, mut told) = (0, 0);
    while looked < MOST && job.reason().is_none() {
        let due = due_warnings(&system, after, now, STRETCH).await?;
        let Some(last) = due.last() else { break };
        after = (last.since, last.connection);
        looked += due.len();
        for one in &due {
            let permit = permit(one.organization);
            let said = connections::warn(context, &permit, one.connection).await?;
            told += usize::from(said);
        }
    }
    Ok(told)
}

/// The same for the client secrets of registrations.
async fn secrets(job: &JobContext<Context>) -> Result<usize, Error> {
    let (context, now) = (job.app(), job.now());
    let system = context.db.system();
    let mut after = (DateTime::UNIX_EPOCH, ProviderConfigId(Uuid::nil()));
    let (mut looked, mut told) = (0, 0);
    while looked < MOST && job.reason().is_none() {
        let due = due_secret_warnings(&system, after, now, STRETCH).await?;
        let Some(last) = due.last() else { break };
        after = (last.since, last.config);
        looked += due.len();
        for one in &due {
            let permit = permit(one.organization);
            let said = provider_configs::warn(context, &permit, one.config).await?;
            told += usize::from(said);
        }
    }
    Ok(told)
}
