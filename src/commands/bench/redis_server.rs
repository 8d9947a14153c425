//! A Redis of a benchmark's own, where the program `redis-server` is on the path.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::exit::Failure;
use crate::scratch::Scratch;

/// It starts and answers in less.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// A server on a socket in a folder of its own, without a file that it would read again. Killed when it
/// is dropped.
pub(super) struct RedisServer {
    child: Child,
    scratch: Scratch,
}

impl RedisServer {
    /// `None` where there is no such program.
    pub(super) async fn start() -> Result<Option<Self>, Failure> {
        let scratch = Scratch::new("redis")?;
        std::fs::create_dir_all(scratch.path())?;
        let child = match spawn(scratch.path()) {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let server = Self { child, scratch };
        server.answers().await?;
        Ok(Some(server))
    }

    /// As `MOORING_REDIS_URL` has it.
    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", socket(self.scratch.path()).display())
    }

    /// Takes everything from it.
    pub(super) async fn flush(&self) -> Result<(), Failure> {
        let mut stream = UnixStream::connect(socket(self.scratch.path())).await?;
        stream.write_all(b"FLUSHALL\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        match &answer {
            b"+OK\r\n" => Ok(()),
            _ => Err(Failure::failed("Redis was not flushed")),
        }
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    /// Starts it again, empty.
    pub(super) async fn restart(&mut self) -> Result<(), Failure> {
        self.child = spawn(self.scratch.path())?;
        self.answers().await
    }

    async fn answers(&self) -> Result<(), Failure> {
        let until = Instant::now() + STARTS_WITHIN;
        while UnixStream::connect(socket(self.scratch.path()))
            .await
            .is_err()
        {
            if Instant::now() > until {
                return Err(Failure::failed("redis-server does not answer"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

fn spawn(folder: &Path) -> std::io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no"])
        .arg("--unixsocket")
        .arg(socket(folder))
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
