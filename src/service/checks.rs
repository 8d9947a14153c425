//! What `/readyz` asks besides the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::api::Check;
use shared::domain::ids::OrganizationId;
use shared::store::lookups;

use super::parts::Parts;
use super::workers::Workers;

/// The checks of this process.
pub fn all(parts: &Parts, workers: Option<&Workers>) -> Vec<(&'static str, Check)> {
    let mut checks = vec![("migrations", migrations(parts)), ("queue", queue(parts))];
    if let Some(workers) = workers {
        checks.push(("worker", worker(workers)));
    }
    checks
}

/// Migrations are never undone: once they are all there, they stay.
fn migrations(parts: &Parts) -> Check {
    let connect = parts.connect.clone();
    let done = Arc::new(AtomicBool::new(false));
    Arc::new(move || {
        let (connect, done) = (connect.clone(), Arc::clone(&done));
        Box::pin(async move {
            if done.load(Ordering::Relaxed) {
                return Ok(());
            }
            let missing = shared::store::missing_migrations(&connect).await;
            match missing.map_err(|error| error.to_string())? {
                0 => {
                    done.store(true, Ordering::Relaxed);
                    Ok(())
                }
                count => Err(format!(
                    "{count} migrations are missing; run `mooring migrate`"
                )),
            }
        })
    })
}

/// Whether the job table can be read by the role that works on it.
fn queue(parts: &Parts) -> Check {
    let system = parts.context.db.system();
    Arc::new(move || {
        let system = system.clone();
        Box::pin(async move {
            let read = lookups::newest_jobs(&system, Some(OrganizationId::PLATFORM), None, None, 1);
            read.await.map(drop).map_err(|error| error.to_string())
        })
    })
}

/// Whether the workers of this process hold their lease.
fn worker(workers: &Workers) -> Check {
    let probe = workers.probe();
    Arc::new(move || {
        let ready = probe();
        Box::pin(async move {
            ready
                .then_some(())
                .ok_or_else(|| "it holds no lease; it waits for the database".to_owned())
        })
    })
}
