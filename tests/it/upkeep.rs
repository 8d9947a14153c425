//! What keeps the house in order by itself: old jobs go, stranded work gets its job, and an operator
//! sees both.

mod operator;
mod retention;
mod stranded;
mod syncs;

use shared::authz::Permission;
use shared::domain::ids::OrganizationId;
use shared::domain::job::{Job as Record, JobStatus};
use shared::flows::jobs;
use shared::queue::{Job, NewJob, enqueue};
use sqlx::{Connection, PgConnection};

use crate::world::{World, owner, until};

/// Runs a sweep now; how it ended.
pub async fn sweep<J: Job>(w: &World, payload: &J) -> Record {
    let platform = OrganizationId::PLATFORM;
    let mut tx = w.context.db.tenant(platform).await.unwrap();
    let job = NewJob::new(payload, platform, w.clock.now());
    let enqueued = enqueue(&mut tx, &[job]).await.unwrap();
    tx.commit().await.unwrap();
    w.context.doorbell.ring([enqueued[0].lane]);
    let permit = owner(platform, Permission::JobsList);
    let ended = until("the sweep's end", || async {
        let job = jobs::get(&w.context, &permit, enqueued[0].job_id)
            .await
            .unwrap();
        let open = matches!(job.status, JobStatus::Queued | JobStatus::Running);
        (!open).then_some(job)
    })
    .await;
    assert_eq!(ended.status, JobStatus::Succeeded, "{ended:?}");
    ended
}

/// As the owner of the schema, past row-level security.
pub async fn by_hand(w: &World) -> PgConnection {
    PgConnection::connect_with(&w.options).await.unwrap()
}
