//! Promise 5 as far as it goes: every page, once; nothing removed by a partial listing; a killed
//! worker's run goes on.

use mooring_forge::{Action, Canned, Face, Fault, Match};
use shared::authz::Permission;
use shared::domain::job::JobStatus;
use shared::domain::page::PageRequest;
use shared::flows::{connections, repositories, sync};

use crate::world::{run_test, until};

#[test]
fn every_page_is_stored_once_and_a_second_run_adds_nothing() {
    run_test(|w| async move {
        let token = w.github_account("octo", 250);
        let connection = w.connect_github(&token).await;
        w.idle().await;
        let runs = runs(&w, &connection).await;
        assert_eq!(runs.len(), 1);
        assert_eq!(
            (runs[0].found, runs[0].added, runs[0].updated),
            (250, 250, 0)
        );
        assert!(runs[0].complete, "{:?}", runs[0]);

        let permit = w.permit(Permission::RepositoriesManage);
        let job = sync::request(&w.context, &permit, connection.id, false)
            .await
            .unwrap();
        let job = w.ended(job.id).await;
        assert_eq!(job.status, JobStatus::Succeeded, "{job:?}");
        let result = job.result.unwrap();
        assert_eq!(result["found"], 250);
        assert_eq!(
            (&result["added"], &result["updated"], &result["removed"]),
            (&0.into(), &0.into(), &0.into())
        );

        let filter = repositories::Filter::default();
        let page = repositories::list(&w.context, &permit, &filter, &PageRequest::first(100))
            .await
            .unwrap();
        assert_eq!(page.total, Some(250));
        let connection = connections::find(&w.context, &permit, connection.id)
            .await
            .unwrap();
        assert_eq!(connection.repository_count, 250);
    });
}

#[test]
fn a_deleted_repository_is_removed_by_a_complete_run_only() {
    run_test(|w| async move {
        let token = w.github_account("octo", 150);
        let connection = w.connect_github(&token).await;
        w.idle().await;
        let gone = w
            .forge
            .read(|state| state.repositories().next().unwrap().id);
        w.forge.edit(|state| state.delete(gone));

        // The second page fails for good: nothing may be removed.
        let fault = w.forge.fault(Fault::on(
            Match::face(Face::GitHub).path("/user/repos").page(2),
            Action::Answer(Canned::json(
                404,
                serde_json::json!({ "message": "Not Found" }),
            )),
        ));
        let permit = w.permit(Permission::RepositoriesManage);
        let job = sync::request(&w.context, &permit, connection.id, false)
            .await
            .unwrap();
        let job = w.ended(job.id).await;
        assert_eq!(job.status, JobStatus::Failed, "{job:?}");
        let last = runs(&w, &connection).await.remove(0);
        assert!(!last.complete && last.removed == 0, "{last:?}");
        assert_eq!(last.incomplete_reason.unwrap().as_str(), "page_failed");

        w.forge.remove_fault(fault);
        let job = sync::request(&w.context, &permit, connection.id, false)
            .await
            .unwrap();
        let job = w.ended(job.id).await;
        assert_eq!(job.result.unwrap()["removed"], 1);
        let connection = connections::find(&w.context, &permit, connection.id)
            .await
            .unwrap();
        assert_eq!(connection.repository_count, 149);
    });
}

#[test]
fn a_page_that_fails_for_a_while_is_asked_for_again_at_its_cursor() {
    run_test(|w| async move {
        let token = w.github_account("octo", 250);
        let second = Match::face(Face::GitHub).path("/user/repos").page(2);
        let first = Match::face(Face::GitHub).path("/user/repos").page(1);
        w.forge
            .fault(Fault::on(second, Action::Answer(Canned::html(502))).times(2));
        let connection = w.connect_github(&token).await;
        until("a complete sync", || async {
            // Back-off goes by the clock that tests move.
            w.clock.advance(chrono::TimeDelta::seconds(2));
            let run = runs(&w, &connection).await.into_iter().next();
            run.filter(|run| run.complete)
        })
        .await;
        assert_eq!(w.forge.count(&first), 1, "the walk went on where it stood");
        let run = runs(&w, &connection).await.remove(0);
        assert_eq!((run.found, run.added), (250, 250));
    });
}

async fn runs(
    w: &crate::world::World,
    connection: &shared::domain::connection::Connection,
) -> Vec<shared::domain::sync::SyncRun> {
    let permit = w.permit(Permission::ConnectionsList);
    let page = sync::list(&w.context, &permit, connection.id, &PageRequest::first(10)).await;
    page.unwrap().items
}
