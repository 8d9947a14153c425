//! Worker processes that go on until they are ended, and are listened to meanwhile: a process whose
//! words nobody takes would stand still one day.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::child::{ChildError, Worker};

/// Some processes at work.
pub(super) struct Crew {
    done: Vec<Arc<AtomicU64>>,
    listeners: JoinSet<Result<Worker, ChildError>>,
    stop: CancellationToken,
}

impl Crew {
    /// Starts them; they go when all are ready.
    pub(super) async fn start(
        command: &(dyn Fn() -> Command + Send + Sync),
        connect: &PgConnectOptions,
        processes: usize,
    ) -> Result<Self, ChildError> {
        let mut workers = Vec::new();
        for _ in 0..processes {
            workers.push(Worker::start(command(), connect).await?);
        }
        let mut crew = Self {
            done: Vec::new(),
            listeners: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for mut worker in workers {
            worker.go().await?;
            let done = Arc::new(AtomicU64::new(0));
            crew.done.push(Arc::clone(&done));
            let stop = crew.stop.clone();
            crew.listeners.spawn(async move {
                loop {
                    tokio::select! {
                        told = worker.done() => done.store(told?, Ordering::Relaxed),
                        () = stop.cancelled() => return Ok(worker),
                    }
                }
            });
        }
        Ok(crew)
    }

    /// Jobs done so far.
    pub(super) fn done(&self) -> u64 {
        let counts = self.done.iter();
        counts.map(|done| done.load(Ordering::Relaxed)).sum()
    }

    /// The error of a process that ended by itself, where one did.
    pub(super) fn check(&mut self) -> Result<(), ChildError> {
        match self.listeners.try_join_next() {
            None => Ok(()),
            Some(Err(error)) => Err(ChildError::Said(error.to_string())),
            Some(Ok(Err(error))) => Err(error),
            Some(Ok(Ok(_))) => Err(ChildError::Said("nothing, and ended".to_owned())),
        }
    }

    /// Ends them; how long jobs waited, in microseconds, shortest first.
    pub(super) async fn end(mut self) -> Result<Vec<i64>, ChildError> {
        self.stop.cancel();
        let mut waits = Vec::new();
        while let Some(worker) = self.listeners.join_next().await {
            let worker = worker.map_err(|error| ChildError::Said(error.to_string()))??;
            waits.extend(worker.end().await?);
        }
        waits.sort_unstable();
        Ok(waits)
    }
}
