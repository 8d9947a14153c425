//! The program in a process of its own, over a world's database and forge.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::PATIENCE;
use crate::world::{Api, JWT_SECRET, World, until};

/// The encryption keys of the program and of its world.
pub const KEYS: &str = "shared:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Killed when it is dropped.
pub struct Program {
    child: Child,
    pid: Pid,
    /// Where it listens, once it has said so.
    address: oneshot::Receiver<String>,
}

fn command(w: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
    command
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", &w.database_url)
        .env("MOORING_ENCRYPTION_KEYS", KEYS)
        .env("MOORING_JWT_SECRET", JWT_SECRET)
        .env("MOORING_GITHUB_URL", &w.served.github.web_url)
        .env("MOORING_GITHUB_API_URL", &w.served.github.api_url)
        .env("MOORING_GITLAB_URL", &w.served.gitlab.url)
        .env("MOORING_LISTEN", "127.0.0.1:0")
        .env("MOORING_JOB_LEASE", "2s")
        .env("MOORING_LOG_FORMAT", "json")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Program {
    pub fn start(w: &World, arguments: &[&str]) -> Self {
        Self::start_with(w, arguments, &[])
    }

    /// The same with more settings.
    pub fn start_with(w: &World, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut child = command(w, arguments)
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, address) = oneshot::channel();
        tokio::spawn(async move {
            let mut tell = Some(tell);
            while let Ok(Some(line)) = lines.next_line().await {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap_or(line.into());
                if let Some(address) = line["address"].as_str()
                    && let Some(tell) = tell.take()
                {
                    // Nobody may have asked.
                    let _ = tell.send(address.to_owned());
                }
            }
        });
        Self {
            child,
            pid,
            address,
        }
    }

    /// Its API, as soon as it says where that is.
    pub async fn api(&mut self) -> Api {
        let address = (&mut self.address).await.unwrap();
        Api::at(&format!("http://{address}"))
    }

    /// Waits until it takes no connection any more.
    pub async fn refuses(&self, api: &Api) {
        let address = api.base.trim_start_matches("http://");
        until("a closed door", || async {
            TcpStream::connect(address).await.err()
        })
        .await;
    }

    /// What a command that ends by itself prints.
    pub async fn output(w: &World, arguments: &[&str]) -> String {
        let output = command(w, arguments).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How a command that ends by itself refuses, and what it says.
    pub async fn refused(w: &World, arguments: &[&str]) -> (Option<i32>, String) {
        let output = command(w, arguments).output().await.unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), err)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits for its end, which must be this one.
    pub async fn ended(mut self, code: i32) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(code), "{status}");
    }

    /// Tells it to end in order.
    pub async fn end(self, signal: Signal) {
        self.signal(signal);
        self.ended(0).await;
    }

    /// Ends it as a power cut would.
    pub async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().await.unwrap();
    }
}
