//! What `/metrics` tells besides the API's own figures: what workers here ran, what waits and runs
//! in the job table, and the pools of the database.
//!
//! The table's figures are those of the whole installation and the same in every process. They are
//! read when somebody asks, by one query at a time, and kept for some seconds: however many scrapers
//! there are, they cost the database the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::api::MetricsSource;
use chrono::{DateTime, Utc};
use shared::store::sweeps::{self, KindCount};
use shared::store::{Db, PoolFigures};
use tokio::sync::Mutex;

use super::parts::Parts;
use super::workers::Workers;

/// How long the figures of the table are kept.
const KEPT: Duration = Duration::from_secs(5);
/// Jobs that a scrape counts at most, of those that wait and of those that run.
const COUNTED: i64 = 50_000;

/// The sources of this process.
pub fn all(parts: &Parts, workers: Option<&Workers>) -> Vec<MetricsSource> {
    let mut sources = vec![pools(&parts.context.db), table(parts)];
    if let Some(figures) = workers.and_then(Workers::figures) {
        sources.push(Arc::new(move || {
            let mut out = String::new();
            figures.write(&mut out);
            Box::pin(async move { out })
        }));
    }
    sources
}

fn pools(db: &Db) -> MetricsSource {
    let db = db.clone();
    Arc::new(move || {
        let out = write_pools(&db.pools());
        Box::pin(async move { out })
    })
}

fn write_pools(pools: &[PoolFigures]) -> String {
    let mut out = String::new();
    gauge(&mut out, "mooring_db_connections", "Connections of a pool.");
    for pool in pools {
        let states = [
            ("idle", pool.idle),
            ("used", pool.open.saturating_sub(pool.idle)),
        ];
        for (state, count) in states {
            let _ = writeln!(
                out,
                "mooring_db_connections{{pool=\"{}\",state=\"{state}\"}} {count}",
                pool.name
            );
        }
    }
    gauge(
        &mut out,
        "mooring_db_connections_max",
        "Connections that a pool may hold.",
    );
    for pool in pools {
        let _ = writeln!(
            out,
            "mooring_db_connections_max{{pool=\"{}\"}} {}",
            pool.name, pool.most
        );
    }
    out
}

fn table(parts: &Parts) -> MetricsSource {
    let (db, clock) = (parts.context.db.clone(), parts.context.clock.clone());
    let kept: Arc<Mutex<Option<(Instant, String)>>> = Arc::default();
    Arc::new(move || {
        let (db, clock, kept) = (db.clone(), clock.clone(), Arc::clone(&kept));
        Box::pin(async move {
            let mut kept = kept.lock().await;
            if let Some((at, text)) = &*kept
                && at.elapsed() < KEPT
            {
                return text.clone();
            }
            let text = match sweeps::count_jobs(&db.system(), COUNTED).await {
                Ok(counts) => write_table(&counts, clock.now()),
                // Absent rather than wrong; asked again no sooner.
                Err(error) => {
                    tracing::warn!(%error, "the job table could not be counted for /metrics");
                    String::new()
                }
            };
            *kept = Some((Instant::now(), text.clone()));
            text
        })
    })
}

/// Kinds that this version does not know are one series, so that there is a bound.
fn write_table(counts: &[KindCount], now: DateTime<Utc>) -> String {
    let known = worker::jobs::registry().names();
    let mut by_kind: BTreeMap<&str, (i64, i64, f64)> =
        known.iter().map(|name| (*name, (0, 0, 0.0))).collect();
    for count in counts {
        let name = known.iter().find(|name| **name == count.kind);
        let sum = by_kind
            .entry(name.copied().unwrap_or("unknown"))
            .or_default();
        sum.0 += count.queued;
        sum.1 += count.running;
        let age = count.oldest.and_then(|due| (now - due).to_std().ok());
        sum.2 = sum.2.max(age.unwrap_or_default().as_secs_f64());
    }
    let mut out = String::new();
    let mut series = |name: &str, help: &str, of: fn(&(i64, i64, f64)) -> String| {
        gauge(&mut out, name, help);
        for (kind, figures) in &by_kind {
            let _ = writeln!(out, "{name}{{kind=\"{kind}\"}} {}", of(figures));
        }
    };
    series(
        "mooring_jobs_queued",
        "Jobs of the whole installation that wait.",
        |figures| figures.0.to_string(),
    );
    series(
        "mooring_jobs_running",
        "Jobs of the whole installation that workers hold.",
        |figures| figures.1.to_string(),
    );
    series(
        "mooring_jobs_oldest_due_seconds",
        "How long the oldest job that waits has been due.",
        |figures| figures.2.to_string(),
    );
    gauge(
        &mut out,
        "mooring_jobs_counted_all",
        "0 where there are more jobs than are counted: the figures above are then the least there is.",
    );
    let queued: i64 = counts.iter().map(|count| count.queued).sum();
    let _ = writeln!(
        out,
        "mooring_jobs_counted_all {}",
        i32::from(queued < COUNTED)
    );
    out
}

fn gauge(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}
