//! A running server: the thread that forked it and waits for it, and the ways to end it.
//!
//! The thread lives exactly as long as the server, which the parent-death signal needs ([`super::launch`]). It waits without
//! reaping, takes the process id away from everybody, and only then reaps: a signal can never reach a stranger that got the same
//! id. It holds the data directory's lock until the server is gone, so nobody starts on a directory that is still being written.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::sync::watch;

use super::error::EmbeddedError;
use super::launch;
use super::lock::Lock;
use super::pidfile;

/// Recovery after a crash may replay a gigabyte; a server that is alive and busy is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// An orderly end disconnects everybody and writes a checkpoint.
const ORDERLY: Duration = Duration::from_secs(60);
const HURRIED: Duration = Duration::from_secs(15);

/// A running server. Dropping it asks the server for an orderly end and does not wait.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) pid: Pid,
    /// None once it is reaped.
    running: Arc<Mutex<Option<Pid>>>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Server {
    /// Starts it; `death` is the signal it gets when this program dies.
    pub(super) fn launch(
        mut command: Command,
        death: Signal,
        lock: Lock,
    ) -> Result<Self, EmbeddedError> {
        launch::die_with_parent(&mut command, death);
        let (report, started) = std::sync::mpsc::channel();
        let (tell, ended) = watch::channel(None);
        let running = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&running);
        let failed = |source| EmbeddedError::Spawn {
            what: "Postgres".to_owned(),
            source,
        };
        std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                let lock = lock;
                let mut child = match command.spawn() {
                    Ok(child) => child,
                    Err(error) => {
                        let _ = report.send(Err(error));
                        return;
                    }
                };
                let pid = Pid::from_child(&child);
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(pid);
                let _ = report.send(Ok(pid));
                let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                while let Err(rustix::io::Errno::INTR) =
                    rustix::process::waitid(WaitId::Pid(pid), ended)
                {}
                shared.lock().unwrap_or_else(PoisonError::into_inner).take();
                let status = child.wait();
                drop(lock);
                tell.send_replace(status.ok());
            })
            .map_err(failed)?;
        let gone = || std::io::Error::other("its thread ended");
        let pid = started
            .recv()
            .map_err(|_| failed(gone()))?
            .map_err(failed)?;
        Ok(Self {
            pid,
            running,
            ended,
        })
    }

    /// Blocks until the server takes connections.
    pub(super) fn wait_ready(&self, pgdata: &Path, log: &Path) -> Result<(), EmbeddedError> {
        let begun = Instant::now();
        let mut told = begun;
        while begun.elapsed() < PATIENCE {
            if self.has_ended() {
                let detail = std::fs::read(log)
                    .map(|text| launch::tail(&text))
                    .unwrap_or_default();
                return Err(EmbeddedError::DidNotStart {
                    detail,
                    log: log.to_owned(),
                });
            }
            if pidfile::read(pgdata).is_some_and(|found| found.ready && found.pid == self.pid) {
                return Ok(());
            }
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                tracing::info!(
                    seconds = begun.elapsed().as_secs(),
                    "Postgres is recovering"
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let detail = format!("not ready after {} s", PATIENCE.as_secs());
        Err(EmbeddedError::DidNotStart {
            detail,
            log: log.to_owned(),
        })
    }

    fn has_ended(&self) -> bool {
        // The sender goes away with the thread, after its last word.
        self.ended.borrow().is_some() || self.ended.has_changed().is_err()
    }

    /// Sends a signal, unless the server has ended.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = *self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Resolves when the server has ended, for whatever reason.
    pub(super) async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        ended
            .wait_for(Option::is_some)
            .await
            .map(|status| *status)
            .ok()
            .flatten()
    }

    /// Ends it: in order, then without the checkpoint, then by force. The process group is left to itself: backends notice.
    pub(super) async fn stop(&self, first: Signal) -> Result<(), EmbeddedError> {
        for (signal, patience) in [
            (first, ORDERLY),
            (Signal::QUIT, HURRIED),
            (Signal::KILL, HURRIED),
        ] {
            self.signal(signal);
            if tokio::time::timeout(patience, self.ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(EmbeddedError::DidNotStop {
            pid: self.pid.as_raw_pid().unsigned_abs(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}
