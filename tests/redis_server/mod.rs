//! A Redis of a test's own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shared::queue::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A server on a socket in a folder of its own; both end with it.
pub struct Server {
    folder: PathBuf,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// `None`, and said so past the capture of the test's output, where there is no such program.
    pub async fn start() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("mooring-redis-{process}-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        let Ok(child) = spawn(&folder) else {
            let _ = std::io::stderr().write_all(
                b"SKIPPED: redis-server is not installed; nothing of Redis was tested\n",
            );
            let _ = std::fs::remove_dir_all(&folder);
            return None;
        };
        let server = Self { folder, child };
        server.answers().await;
        Some(server)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    pub fn redis(&self) -> Redis {
        Redis::new(&format!("redis+unix://{}", self.socket().display())).unwrap()
    }

    async fn answers(&self) {
        let start = Instant::now();
        while UnixStream::connect(self.socket()).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "it starts");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A command without arguments; what it answers.
    pub async fn say(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = vec![0; 4096];
        let n = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..n]).into_owned()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub async fn restart(&mut self) {
        self.child = spawn(&self.folder).unwrap();
        self.answers().await;
    }
}

fn spawn(folder: &Path) -> std::io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no"])
        .arg("--unixsocket")
        .arg(folder.join("redis.sock"))
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
