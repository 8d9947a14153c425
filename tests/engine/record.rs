//! The job record of the API.

use shared::domain::actor::{Actor, ActorType};
use shared::domain::ids::{ConnectionId, JobId, OrganizationId};
use shared::domain::job::JobStatus;
use shared::domain::page::{PageRequest, Start};
use shared::store::jobs::{self, Filter};
use uuid::Uuid;

use super::support::{Act, Bed, Quick, Sync, bed, organization};

async fn page(
    bed: &Bed,
    org: OrganizationId,
    filter: &Filter,
    start: Start<JobId>,
) -> (Vec<JobId>, bool, bool, Option<i64>) {
    let mut transaction = bed.db.tenant(org).await.unwrap();
    let request = PageRequest {
        page: 1,
        per_page: 3,
        start,
    };
    let page = jobs::list(&mut transaction, org, filter, &request)
        .await
        .unwrap();
    (
        page.items.iter().map(|job| job.id).collect(),
        page.has_prev,
        page.has_next,
        page.total,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_go_newest_first_by_keyset_and_filter() {
    let bed = bed().await;
    let org = organization(1);
    let connection = ConnectionId(Uuid::from_u128(9));
    let mut ids = Vec::new();
    for n in 0..7 {
        let job = if n % 2 == 0 {
            bed.job(org, &Quick(Act::Done))
        } else {
            bed.job(org, &Sync(Act::Done)).connection(connection)
        };
        ids.push(bed.one(org, job).await);
    }
    bed.one(organization(2), bed.job(organization(2), &Quick(Act::Done)))
        .await;
    ids.reverse();
    let all = Filter::default();
    assert_eq!(
        page(&bed, org, &all, Start::Offset(0)).await,
        (ids[..3].to_vec(), false, true, Some(7))
    );
    assert_eq!(
        page(&bed, org, &all, Start::After(ids[2])).await,
        (ids[3..6].to_vec(), true, true, Some(7))
    );
    assert_eq!(
        page(&bed, org, &all, Start::After(ids[5])).await,
        (ids[6..].to_vec(), true, false, Some(7))
    );
    assert_eq!(
        page(&bed, org, &all, Start::Before(ids[6])).await,
        (ids[3..6].to_vec(), true, true, Some(7))
    );
    assert_eq!(
        page(&bed, org, &all, Start::Before(ids[3])).await,
        (ids[..3].to_vec(), false, true, Some(7))
    );
    assert_eq!(
        page(&bed, org, &all, Start::Offset(6)).await,
        (ids[6..].to_vec(), true, false, Some(7))
    );
    let syncs = Filter {
        connection_id: Some(connection),
        ..Filter::default()
    };
    assert_eq!(page(&bed, org, &syncs, Start::Offset(0)).await.3, Some(3));
    let quick = Filter {
        kind: Some("quick".to_owned()),
        ..Filter::default()
    };
    assert_eq!(page(&bed, org, &quick, Start::Offset(0)).await.3, Some(4));
    let failed = Filter {
        status: Some(JobStatus::Failed),
        ..Filter::default()
    };
    assert_eq!(
        page(&bed, org, &failed, Start::Offset(0)).await,
        (vec![], false, false, Some(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_and_writes_its_own_jobs_alone() {
    let bed = bed().await;
    let (mine, theirs) = (organization(1), organization(2));
    let user = Actor {
        id: Some(Uuid::from_u128(5)),
        kind: ActorType::User,
        name: Some("Ann".to_owned()),
    };
    let id = bed
        .one(
            theirs,
            bed.job(theirs, &Quick(Act::Done))
                .requested_by(user.clone())
                .dedupe_key("k"),
        )
        .await;
    assert_eq!(bed.get(theirs, id).await.requested_by, Some(user));
    let mut transaction = bed.db.tenant(mine).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(seen, 0);
    assert!(
        jobs::standing(&mut *transaction, theirs, "quick", "k")
            .await
            .unwrap()
            .is_none()
    );
    let foreign = bed.job(theirs, &Quick(Act::Done));
    assert!(
        shared::queue::enqueue(&mut transaction, &[foreign])
            .await
            .is_err(),
        "not into another tenant"
    );
    drop(transaction);
    let mut transaction = bed.db.tenant(mine).await.unwrap();
    let held = sqlx::query("UPDATE jobs SET lease_id = 1")
        .execute(&mut *transaction)
        .await;
    assert!(
        held.is_err(),
        "who holds a job is not the tenant's to write"
    );
    drop(transaction);
    let mut transaction = bed.db.tenant(theirs).await.unwrap();
    assert_eq!(
        jobs::delete_all(&mut *transaction, theirs).await.unwrap(),
        1
    );
}
