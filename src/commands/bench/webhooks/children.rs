//! Processes of this program over a benchmark's database, which are started again when they end.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::super::rig::Rig;
use crate::exit::Failure;

/// A process that starts and serves takes no longer.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// What a process is started as.
#[derive(Clone)]
pub(super) struct Part {
    /// `api` or `worker`.
    pub(super) command: &'static str,
    /// Where it listens, where it does.
    pub(super) address: Option<SocketAddr>,
    /// Its `MOORING_REDIS_URL`, where it has one.
    pub(super) redis: Option<String>,
    /// Whether its errors are shown: not where it is killed and has many.
    pub(super) heard: bool,
}

/// A process at work. Killed when it is dropped.
pub(super) struct Slot {
    part: Part,
    child: Child,
}

impl Part {
    /// A worker.
    pub(super) fn worker() -> Self {
        Self {
            command: "worker",
            address: None,
            redis: None,
            heard: false,
        }
    }

    /// An API on a free port.
    pub(super) fn api() -> Result<Self, Failure> {
        Ok(Self {
            command: "api",
            address: Some(StdListener::bind("127.0.0.1:0")?.local_addr()?),
            redis: None,
            heard: false,
        })
    }

    /// The same with wake-ups over this server.
    pub(super) fn over(self, redis: Option<String>) -> Self {
        Self { redis, ..self }
    }

    /// The same with its errors on ours.
    pub(super) fn heard(self) -> Self {
        Self {
            heard: true,
            ..self
        }
    }

    /// Starts it.
    pub(super) fn start(self, rig: &Rig) -> Result<Slot, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(self.command)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MOORING_DATA_DIR", &rig.config.data_dir.path)
            .env("MOORING_JOB_LEASE", "2s")
            .env("MOORING_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(if self.heard {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .kill_on_drop(true);
        if let Some(address) = self.address {
            command.env("MOORING_LISTEN", address.to_string());
        }
        if let Some(url) = &self.redis {
            command.env("MOORING_REDIS_URL", url);
        }
        Ok(Slot {
            child: command.spawn()?,
            part: self,
        })
    }
}

impl Slot {
    /// SIGKILL.
    pub(super) async fn kill(&mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    /// Starts it again where it has ended: killed by us, or by itself while the server was away.
    pub(super) fn raise(&mut self, rig: &Rig) -> Result<(), Failure> {
        if self.child.try_wait()?.is_some() {
            *self = self.part.clone().start(rig)?;
        }
        Ok(())
    }

    /// Its number with the system.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it takes connections; where.
    pub(super) async fn listens(&self) -> Result<SocketAddr, Failure> {
        let silent = || Failure::failed("the API does not listen");
        let address = self.part.address.ok_or_else(silent)?;
        let until = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > until {
                return Err(silent());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(address)
    }
}
