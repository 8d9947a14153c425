//! Promise 5 against workers that come late and lists that move: nothing is removed that is there.

use mooring_forge::{Action, Canned, Face, Fault, Hold, Match};
use shared::authz::Permission;
use shared::domain::ids::JobId;
use shared::domain::meter::CallClass;
use shared::domain::page::PageRequest;
use shared::domain::sync::SyncTrigger;
use shared::flows::{audit, connections, repositories, sync};
use shared::session;
use shared::store::sync_runs::{self, Holder, NewRun, RunningRun};
use tokio_util::sync::CancellationToken;
use worker::sync::{Walked, walk};

use crate::world::{World, run_test, run_without_worker};

/// Break `hold` in `store::sync_runs` (drop the fence) and this fails.
#[test]
fn a_worker_that_was_thought_dead_neither_stores_nor_removes() {
    run_without_worker(|w| async move {
        let token = w.github_account("octo", 250);
        let connection = w.connect_github(&token).await;
        let session = session::open(&w.context, connection.clone(), CallClass::Sync)
            .await
            .unwrap();
        let job = JobId::new(w.clock.now());
        let (late, next) = (Holder { job, fence: 1 }, Holder { job, fence: 2 });

        // The first one stands before the last page…
        let third = Match::face(Face::GitHub).path("/user/repos").page(3);
        let fault = w
            .forge
            .fault(Fault::on(third, Action::Answer(Canned::html(502))));
        let run = begin(&w, &session, late).await;
        let stopped = step(&w, &session, late, run.clone()).await;
        assert!(matches!(stopped, Walked::Stopped(_, run) if run.pages == 2));
        w.forge.remove_fault(fault);
        let standing = begin(&w, &session, late).await;

        // … the second one takes the run over and ends it.
        let taken = begin(&w, &session, next).await;
        assert_eq!((taken.run.id, taken.pages), (run.run.id, 2));
        let missing: Vec<_> = taken.plan.iter().filter(|page| !page.done).collect();
        assert_eq!(missing.len(), 1, "{missing:?}");
        let Walked::Ended(ended, _) = step(&w, &session, next, taken).await else {
            panic!("the second worker did not end the run")
        };
        assert!(ended.complete && ended.found == 250, "{ended:?}");

        // The first one wakes before the page, and after it.
        let mut before_the_end = standing.clone();
        before_the_end
            .plan
            .iter_mut()
            .for_each(|page| page.done = true);
        for late_run in [standing, before_the_end] {
            let walked = step(&w, &session, late, late_run).await;
            assert!(matches!(walked, Walked::Superseded));
        }
        assert_eq!(standing_repositories(&w).await, 250);
    });
}

/// Remove `sync::confirm` and this fails: number 101 slides onto page 1 and is never seen.
#[test]
fn a_deletion_while_pages_are_read_removes_nobody_else() {
    run_test(|w| async move {
        let token = w.github_account("octo", 150);
        let connection = w.connect_github(&token).await;
        w.idle().await;
        let second = Match::face(Face::GitHub).path("/user/repos").page(2);
        let gate = w.forge.gate(second, Hold::BeforeWork);
        let permit = w.permit(Permission::RepositoriesManage);
        let job = sync::request(&w.context, &permit, connection.id, false)
            .await
            .unwrap();
        gate.arrived(1).await;
        let first = w
            .forge
            .read(|state| state.repositories().map(|r| r.id).min().unwrap());
        w.forge.edit(|state| state.delete(first));
        gate.open();
        let result = w.ended(job.id).await.result.unwrap();
        assert_eq!(
            (&result["removed"], &result["complete"]),
            (&0.into(), &false.into())
        );
        assert_eq!(
            standing_repositories(&w).await,
            150,
            "not known yet to be gone"
        );

        let job = sync::request(&w.context, &permit, connection.id, false)
            .await
            .unwrap();
        let result = w.ended(job.id).await.result.unwrap();
        assert_eq!(
            (&result["removed"], &result["complete"]),
            (&1.into(), &true.into())
        );
        assert_eq!(standing_repositories(&w).await, 149);
    });
}

/// Let `stood_still` in `sync::confirm` always say yes and this fails: many are gone in truth, and
/// one that slid onto a page which was read already is not found among them by chance.
#[test]
fn a_deletion_of_many_while_pages_are_read_removes_nobody_else() {
    run_test(|w| async move {
        let token = w.github_account("octo", 260);
        let connection = w.connect_github(&token).await;
        w.idle().await;
        let ids: Vec<_> = w.forge.read(|state| {
            let mut ids: Vec<_> = state.repositories().map(|r| r.id).collect();
            ids.sort_unstable();
            ids
        });
        w.forge
            .edit(|state| ids[150..230].iter().for_each(|id| state.delete(*id)));
        let second = Match::face(Face::GitHub).path("/user/repos").page(2);
        let gate = w.forge.gate(second, Hold::BeforeWork);
        let permit = w.permit(Permission::RepositoriesManage);
        let sync = async || {
            let job = sync::request(&w.context, &permit, connection.id, false).await;
            job.unwrap().id
        };
        let job = sync().await;
        gate.arrived(1).await;
        w.forge.edit(|state| state.delete(ids[0]));
        gate.open();
        let result = w.ended(job).await.result.unwrap();
        assert_eq!(
            (&result["removed"], &result["complete"]),
            (&0.into(), &false.into())
        );
        assert_eq!(standing_repositories(&w).await, 260);
        let result = w.ended(sync().await).await.result.unwrap();
        assert_eq!(
            (&result["removed"], &result["complete"]),
            (&81.into(), &true.into())
        );
        assert_eq!(standing_repositories(&w).await, 179);
    });
}

/// Take `tenant_snapshot` away from `verify` and this fails on a busy organization.
#[test]
fn a_chain_that_grows_while_it_is_verified_holds() {
    run_without_worker(|w| async move {
        let token = w.github_account("octo", 1);
        let connection = w.connect_github(&token).await;
        let permit = w.permit(Permission::ConnectionsUpdate);
        let grow = async {
            for number in 0..60 {
                let changes = connections::Changes {
                    name: Some(format!("GitHub {number}")),
                    ..connections::Changes::default()
                };
                connections::update(&w.context, &permit, connection.id, &changes)
                    .await
                    .unwrap();
                let context = &w.context;
                audit::seal(&context.db, &context.vault, &context.clock, w.organization)
                    .await
                    .unwrap();
            }
        };
        let check = async {
            for _ in 0..60 {
                let found = shared::flows::activity::verify(&w.context, &permit)
                    .await
                    .unwrap();
                assert!(found.ok, "{found:?}");
            }
        };
        tokio::join!(grow, check);
    });
}

async fn begin(w: &World, session: &session::Session, holder: Holder) -> RunningRun {
    let new = NewRun {
        organization: w.organization,
        connection: session.connection.id,
        holder,
        generation: session.generation,
        trigger: SyncTrigger::Manual,
        full: false,
        now: w.clock.now(),
    };
    let tx = w.context.db.tenant_in_bulk(w.organization);
    let mut tx = tx.await.unwrap();
    let run = sync_runs::begin(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    run
}

async fn step(w: &World, session: &session::Session, holder: Holder, run: RunningRun) -> Walked {
    let never = CancellationToken::new();
    walk(&w.context, session, holder, run, |_, _| {}, &never, || None)
        .await
        .unwrap()
}

async fn standing_repositories(w: &World) -> i64 {
    let permit = w.permit(Permission::RepositoriesList);
    let filter = repositories::Filter::default();
    let page = repositories::list(&w.context, &permit, &filter, &PageRequest::first(1))
        .await
        .unwrap();
    page.total.unwrap()
}
