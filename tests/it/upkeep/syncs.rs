//! Runs of the repository sync whose job has ended without them are ended, and no others.

use serde_json::json;
use shared::queue::catalogue::EndStrandedSyncs;

use super::{by_hand, sweep};
use crate::world::run_test;

#[test]
fn a_run_whose_job_is_gone_is_ended_and_one_whose_job_waits_is_not() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut ids = Vec::new();
        for name in ["lost", "waits"] {
            let token = w.github_account(name, 2);
            ids.push(owner.connect_and_sync("github", &token).await);
        }
        w.idle().await;
        // As if both were under way: of one the job is cancelled, that of the other waits still.
        let mut connection = by_hand(&w).await;
        for (id, job) in ids.iter().zip([4_i16, 0]) {
            sqlx::query(
                "WITH run AS (UPDATE sync_runs SET status = 'running', finished_at = NULL
                     WHERE connection_id = $1::uuid RETURNING job_id)
                 UPDATE jobs SET status = $2, run_at = run_at + interval '1 day'
                 WHERE id = (SELECT job_id FROM run)",
            )
            .bind(id)
            .bind(job)
            .execute(&mut connection)
            .await
            .unwrap();
        }
        let swept = sweep(&w, &EndStrandedSyncs {}).await;
        assert_eq!(swept.result, Some(json!({ "ended": 1 })));
        for (id, status) in ids.iter().zip(["failed", "running"]) {
            let syncs = owner.get(&format!("/git-connections/{id}/syncs")).await;
            assert_eq!(syncs.expect(200)["syncs"][0]["status"], status);
        }
        let repeated = sweep(&w, &EndStrandedSyncs {}).await;
        assert_eq!(repeated.result, Some(json!({ "ended": 0 })));
    });
}
