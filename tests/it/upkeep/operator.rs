//! `mooring jobs …` and `/metrics` of a worker, in processes of their own.

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Match};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::processes::program::{KEYS, Program};
use crate::world::{Api, Setup, run_as, until};

fn setup(workers: usize) -> Setup {
    Setup {
        workers,
        keys: Some(KEYS.to_owned()),
        ..Setup::default()
    }
}

#[test]
fn jobs_are_listed_shown_retried_and_cancelled() {
    run_as(setup(1), |w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        w.idle().await;
        let missing = Canned::json(404, json!({ "message": "Not Found" }));
        let fault = w.forge.fault(Fault::on(
            Match::face(Face::GitHub).path("/user/repos"),
            Action::Answer(missing),
        ));
        let failed = owner.sync(&id).await;
        assert_eq!(failed["status"], "failed", "{failed}");
        let job = failed["id"].as_str().unwrap();

        let jobs = [
            "jobs",
            "list",
            "--organization",
            &w.organization.to_string(),
        ]
        .map(String::from);
        let list = |more: &[&str]| {
            let line: Vec<String> = jobs
                .iter()
                .cloned()
                .chain(more.iter().map(ToString::to_string))
                .collect();
            let w = &w;
            async move {
                let line: Vec<&str> = line.iter().map(String::as_str).collect();
                Program::output(w, &line).await
            }
        };
        let all = list(&[]).await;
        assert!(all.starts_with("ID ") && all.lines().count() == 3, "{all}");
        let bad = list(&["--status", "failed", "--kind", "sync_connection"]).await;
        let lines: Vec<_> = bad.lines().collect();
        assert!(
            lines.len() == 2 && lines[1].starts_with(job) && lines[1].contains("failed"),
            "{bad}"
        );
        assert_eq!(list(&["--limit", "1"]).await.lines().count(), 2);

        let shown = Program::output(&w, &["jobs", "show", job]).await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            (&shown["id"], &shown["error"]["code"]),
            (&failed["id"], &failed["error"]["code"])
        );
        for line in [
            ["jobs", "cancel", job],
            ["jobs", "show", "0192f0c1-0000-7000-8000-000000000001"],
        ] {
            let (code, err) = Program::refused(&w, &line).await;
            assert!(code == Some(1) && err.lines().count() == 1, "{err}");
        }

        w.forge.remove_fault(fault);
        let retried = Program::output(&w, &["jobs", "retry", job]).await;
        let retried: Value = serde_json::from_str(&retried).unwrap();
        assert_eq!(retried["status"], "queued");
        let ended = owner.job_ended(&format!("/jobs/{job}")).await;
        assert_eq!(ended["status"], "succeeded", "{ended}");
        let (code, err) = Program::refused(&w, &["jobs", "retry", job]).await;
        assert!(code == Some(1) && err.contains("succeeded"), "{err}");
    });
    run_as(setup(0), |w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        owner.connect("github", &token).await;
        let queued = owner.get("/jobs").await.expect(200);
        let job = queued["jobs"][0]["id"].as_str().unwrap();
        let cancelled = Program::output(&w, &["jobs", "cancel", job]).await;
        let cancelled: Value = serde_json::from_str(&cancelled).unwrap();
        assert_eq!(cancelled["status"], "cancelled");
    });
}

#[test]
fn a_worker_tells_what_it_ran_and_what_waits() {
    run_as(setup(0), |w| async move {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let worker = Program::start(&w, &["worker", "--metrics-listen", &address]);
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        w.idle().await;
        // One that waits, and has been due for a while by the worker's clock.
        sqlx::query(
            "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, payload)
             VALUES ($1, $1, 'of_a_later_version', 3, 1, $2, $3, '{}')",
        )
        .bind(w.organization.0)
        .bind(w.clock.now() + TimeDelta::days(1))
        .bind(w.clock.now())
        .execute(&mut super::by_hand(&w).await)
        .await
        .unwrap();
        until("an open door", || async {
            TcpStream::connect(&address).await.ok()
        })
        .await;
        let answer = Api::at(&format!("http://{address}")).get("/metrics").await;
        let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
        for line in [
            "mooring_job_runs_total{kind=\"sync_connection\",outcome=\"succeeded\"} 1",
            "mooring_job_runs_total{kind=\"sync_connection\",outcome=\"failed\"} 0",
            "mooring_job_wait_seconds_count{kind=\"sync_connection\"} 1",
            "mooring_job_duration_seconds_count{kind=\"sync_connection\"} 1",
            "mooring_jobs_queued{kind=\"sync_connection\"} 0",
            "mooring_jobs_queued{kind=\"unknown\"} 1",
            "mooring_jobs_running{kind=\"sync_connection\"} 0",
            "mooring_jobs_oldest_due_seconds{kind=\"unknown\"} 0",
            "mooring_jobs_counted_all 1",
            "mooring_db_connections_max{pool=\"app\"} 20",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line} is not in\n{text}"
            );
        }
        for hidden in [w.organization.to_string(), id, token] {
            assert!(!text.contains(&hidden), "{hidden} is in\n{text}");
        }
        worker.end(Signal::TERM).await;
    });
}
