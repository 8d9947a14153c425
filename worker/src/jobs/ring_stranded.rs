//! Enqueues work that a connection's state asks for and that has no job: a first sync that never came
//! to be, a provider that did not answer and that nobody asks any more.
//!
//! Such a job was enqueued once, in the transaction of the change. It is missing where it was deleted
//! by hand, restored away with a backup, cancelled, or failed for the last time. The last is tried
//! again an hour later, for as long as the connection is switched on.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use shared::authz::{Permission, Permit};
use shared::domain::actor::Actor;
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::flows::{Context, Error, connections};
use shared::queue::catalogue::RingStranded;
use shared::store::sweeps;
use uuid::Uuid;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// Connections looked at in one statement. Where a million were imported and wait for their first
/// sync, all of them are looked at, but never for long at a time.
const STRETCH: i64 = 2_000;
/// What asks for work since less than this is under way.
const GRACE: TimeDelta = TimeDelta::minutes(5);
/// After a job that failed for the last time.
const AFTER_FAILURE: TimeDelta = TimeDelta::hours(1);

impl Handler<Context> for RingStranded {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match ring(&job).await {
            Ok(enqueued) => Verdict::Done(serde_json::json!({ "enqueued": enqueued })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn ring(job: &JobContext<Context>) -> Result<usize, Error> {
    let (context, now) = (job.app(), job.now());
    let mut after = (DateTime::UNIX_EPOCH, ConnectionId(Uuid::nil()));
    let mut enqueued = 0;
    loop {
        let wanted = sweeps::stranded_connections(
            &context.db.system(),
            after,
            now - GRACE,
            now - AFTER_FAILURE,
            STRETCH,
        )
        .await?;
        let mut tenants: BTreeMap<OrganizationId, Vec<ConnectionId>> = BTreeMap::new();
        for (organization, connection) in wanted.stranded {
            tenants.entry(organization).or_default().push(connection);
        }
        for (organization, ids) in tenants {
            let permit = Permit::for_job(
                organization,
                Actor::system(),
                Permission::RepositoriesManage,
            );
            enqueued += connections::enqueue_wanted(context, &permit, &ids).await?;
        }
        match wanted.last {
            Some(last) => after = last,
            None => return Ok(enqueued),
        }
    }
}
