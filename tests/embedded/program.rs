//! This test binary once more, as the program that a test kills.

use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mooring::embedded::{Embedded, EmbeddedOptions, Surroundings, ThrowawayCluster};
use shared::domain::secret::ExposeSecret;

const DATA_DIR: &str = "MOORING_TEST_PROGRAM_DATA_DIR";

/// Not a test: what [`Program`] runs. `throwaway` stands for a throw-away cluster, anything else for a data directory.
#[tokio::test]
async fn as_program() {
    let Some((_, data_dir)) = std::env::vars_os().find(|(name, _)| name == DATA_DIR) else {
        return;
    };
    if data_dir == "throwaway" {
        let cluster = ThrowawayCluster::start(&Surroundings::current())
            .await
            .expect("starts");
        let socket = cluster
            .admin_options()
            .get_socket()
            .expect("a socket")
            .clone();
        println!("\nready {} {}", std::process::id(), socket.display());
        wait_for_end().await;
        std::process::exit(0);
    }
    match Embedded::start(&EmbeddedOptions::new(data_dir, true)).await {
        Ok(embedded) => {
            println!(
                "\nready {} {}",
                embedded.server_pid(),
                embedded.url().expose_secret()
            );
            wait_for_end().await;
            embedded.stop().await.expect("stops");
        }
        Err(error) => println!("\nfailed {} {error}", error.exit_code()),
    }
}

async fn wait_for_end() {
    let read = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(read)
        .await
        .expect("reads")
        .expect("reads");
}

/// A running copy. Killed with -9 when it is dropped.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Kept open: what the copy prints at its end must go somewhere.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// `ready` or `failed`, a number, and text.
    pub word: String,
    pub number: u32,
    pub text: String,
}

impl Program {
    pub fn start(data_dir: &Path) -> Self {
        Self::read(Self::spawn(
            Command::new(std::env::current_exe().expect("this binary")),
            data_dir,
        ))
    }

    /// As another user, by `setpriv`; None where there is no such program.
    pub fn start_as(user: &str, exe: &Path, data_dir: &Path) -> Option<Self> {
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={user}"))
            .args(["--regid=65534", "--clear-groups"])
            .arg(exe)
            .env("HOME", "/nonexistent");
        let known = Command::new("setpriv")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok();
        known.then(|| Self::read(Self::spawn(command, data_dir)))
    }

    pub fn spawn(mut command: Command, data_dir: &Path) -> Child {
        command
            .args([
                "--exact",
                "program::as_program",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DATA_DIR, data_dir);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary runs")
    }

    fn read(mut child: Child) -> Self {
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let told = |line: &String| line.starts_with("ready ") || line.starts_with("failed ");
        let line = lines
            .by_ref()
            .map_while(Result::ok)
            .find(told)
            .expect("a line");
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("three words").to_owned();
        Self {
            child,
            stdin,
            _stdout: lines,
            word: word(),
            number: word().parse().expect("a number"),
            text: word(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Lets it end in order.
    pub fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().expect("it is ours").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
