//! Tokens per second.

use std::time::Duration;

use mooring_forge::Face;
use sqlx::{Connection, PgConnection};

use super::super::rig::Rig;
use super::{Options, grants, workers};
use crate::exit::Failure;

pub(super) async fn run(rig: &Rig, options: &Options) -> Result<(), Failure> {
    let due = options.due.unwrap_or(5_000);
    let in_flight = options.in_flight.unwrap_or(64);
    let processes = match options.processes.as_slice() {
        [] => vec![1, 4],
        some => some.to_vec(),
    };
    for processes in processes {
        for (spread, organizations) in [("one each", due), ("all in one", 1)] {
            let (forge, app, running) = workers::provider().await?;
            grants::seed(rig, &forge, &app, &running.gitlab.url, (due, organizations)).await?;
            forge.set_latency(Face::GitLab, Duration::from_millis(options.latency_ms));
            forge.set_at_once(Face::GitLab, in_flight);
            let mut started = Vec::new();
            for _ in 0..processes {
                started.push(workers::start(
                    rig,
                    &app,
                    &running.gitlab.url,
                    options.slots.max(1),
                    "60s",
                )?);
            }
            let measured = measure(rig, due, processes).await?;
            println!(
                "{}",
                serde_json::json!({
                    "bench": "refresh",
                    "tokens_per_second": (due as f64 / measured.seconds).round(),
                    "seconds": (measured.seconds * 1e3).round() / 1e3,
                    "refreshed": measured.refreshed,
                    "transactions_per_refresh": (measured.transactions as f64 / due as f64 * 100.0).round() / 100.0,
                    "due": due,
                    "organizations": organizations,
                    "spread": spread,
                    "processes": processes,
                    "in_flight": in_flight,
                    "job_slots_per_process": options.slots,
                    "latency_ms": options.latency_ms,
                    "limit_per_second": in_flight as u64 * 1000 / options.latency_ms.max(1),
                    "conditions": "workers, provider and Postgres (fsync on) on one machine",
                    "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
                })
            );
            for mut worker in started {
                worker.kill().await?;
            }
            running.stop().await;
        }
    }
    Ok(())
}

struct Measured {
    seconds: f64,
    refreshed: i64,
    transactions: i64,
}

/// From the first attempt to the last answer that was written down, by the database's clock.
async fn measure(rig: &Rig, due: usize, processes: usize) -> Result<Measured, Failure> {
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let wanted = i64::try_from(processes).unwrap_or(1);
    loop {
        let ready: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM job_leases WHERE lease_until > clock_timestamp()",
        )
        .fetch_one(&mut db)
        .await?;
        if ready >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let transactions = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before: i64 = sqlx::query_scalar(transactions).fetch_one(&mut db).await?;
    grants::make_due(rig).await?;
    let due = i64::try_from(due).unwrap_or(i64::MAX);
    let ended = loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ended: i64 =
            sqlx::query_scalar("SELECT count(*) FROM token_refreshes WHERE outcome <> 'in_flight'")
                .fetch_one(&mut db)
                .await?;
        if ended >= due {
            break ended;
        }
    };
    let (seconds, refreshed): (f64, i64) = sqlx::query_as(
        "SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8, \
            count(*) FILTER (WHERE outcome = 'refreshed') FROM token_refreshes",
    )
    .fetch_one(&mut db)
    .await?;
    // What a process counts reaches the server's figures a little later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after: i64 = sqlx::query_scalar(transactions).fetch_one(&mut db).await?;
    tracing::debug!(ended, "measured");
    Ok(Measured {
        seconds,
        refreshed,
        transactions: after - before,
    })
}
