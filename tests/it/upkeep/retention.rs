//! Old jobs go, and only these.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::ids::{JobId, OrganizationId};
use shared::domain::job::JobStatus;
use shared::queue::catalogue::DeleteOldJobs;
use shared::store::sweeps::{self, Old};
use uuid::Uuid;

use super::{by_hand, sweep};
use crate::world::{World, new_organization, run_test, run_without_worker};

/// An id of that time: a process makes none that is earlier than its last.
fn made_at(at: DateTime<Utc>) -> JobId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let first = JobId::first_of(at).0.as_u128();
    JobId(Uuid::from_u128(first | 0x7000_8000_0000_0000_0000 | number))
}

/// A job that was made and ended so many days ago.
async fn job(
    w: &World,
    organization: OrganizationId,
    status: JobStatus,
    made: i64,
    ended: Option<i64>,
) -> JobId {
    let ago = |days| w.clock.now() - TimeDelta::days(days);
    let id = made_at(ago(made));
    sqlx::query(
        "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at,
             status, finished_at, payload)
         VALUES ($1, $2, 'sync_connection', 3, 8, $3, $4, $5, $6, '{}')",
    )
    .bind(organization.0)
    .bind(id.0)
    .bind(w.clock.now() + TimeDelta::days(300))
    .bind(ago(made))
    .bind(status.code())
    .bind(ended.map(ago))
    .execute(&mut by_hand(w).await)
    .await
    .unwrap();
    id
}

async fn left(w: &World, organizations: &[OrganizationId]) -> BTreeSet<JobId> {
    let ids: Vec<_> = organizations.iter().map(|id| id.0).collect();
    let left: Vec<JobId> =
        sqlx::query_scalar("SELECT id FROM jobs WHERE organization_id = ANY($1)")
            .bind(ids)
            .fetch_all(&mut by_hand(w).await)
            .await
            .unwrap();
    left.into_iter().collect()
}

#[test]
fn jobs_go_when_their_time_is_over_and_no_others() {
    use JobStatus::{Cancelled, Failed, Queued, Succeeded};
    run_test(|w| async move {
        let other = new_organization(&w.context, "Other").await;
        let gone = OrganizationId::new(w.clock.now());
        let of = [w.organization, other, gone];
        job(&w, w.organization, Succeeded, 15, Some(15)).await;
        let ended_lately = job(&w, w.organization, Succeeded, 40, Some(13)).await;
        job(&w, w.organization, Cancelled, 15, Some(15)).await;
        let failed = job(&w, w.organization, Failed, 15, Some(15)).await;
        job(&w, w.organization, Failed, 91, Some(91)).await;
        let waiting = job(&w, w.organization, Queued, 100, None).await;
        let young = job(&w, other, Succeeded, 13, Some(13)).await;
        job(&w, other, Succeeded, 200, Some(199)).await;
        job(&w, gone, Succeeded, 0, Some(0)).await;
        job(&w, gone, Queued, 0, None).await;

        sweep(&w, &DeleteOldJobs {}).await;
        assert_eq!(
            left(&w, &of).await,
            BTreeSet::from([ended_lately, failed, waiting, young])
        );
        w.clock.advance(TimeDelta::days(2));
        sweep(&w, &DeleteOldJobs {}).await;
        assert_eq!(left(&w, &of).await, BTreeSet::from([failed, waiting]));
        w.clock.advance(TimeDelta::days(90));
        sweep(&w, &DeleteOldJobs {}).await;
        assert_eq!(left(&w, &of).await, BTreeSet::from([waiting]));
    });
}

#[test]
fn a_statement_looks_at_so_many_and_passes_by_what_somebody_holds() {
    run_without_worker(|w| async move {
        let mut all = Vec::new();
        for _ in 0..25 {
            all.push(job(&w, w.organization, JobStatus::Succeeded, 20, Some(20)).await);
        }
        all.sort();
        let cut: DateTime<Utc> = w.clock.now() - TimeDelta::days(14);
        let old = Old {
            ended: cut,
            failed: cut,
        };
        let system = w.context.db.system();
        let mut holder = by_hand(&w).await;
        let mut held = sqlx::Connection::begin(&mut holder).await.unwrap();
        sqlx::query("SELECT FROM jobs WHERE organization_id = $1 AND id = $2 FOR UPDATE")
            .bind(w.organization.0)
            .bind(all[3].0)
            .execute(&mut *held)
            .await
            .unwrap();
        let mut after = JobId(Uuid::nil());
        let mut deleted = Vec::new();
        loop {
            let done = sweeps::delete_old_jobs(&system, w.organization, after, old, 10)
                .await
                .unwrap();
            let Some(last) = done.last else { break };
            deleted.push(done.deleted);
            after = last;
        }
        assert_eq!(deleted, [9, 10, 5]);
        assert_eq!(left(&w, &[w.organization]).await, BTreeSet::from([all[3]]));
    });
}
