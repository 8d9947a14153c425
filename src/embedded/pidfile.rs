//! The server's own `postmaster.pid`: how far a server is, and what to do about one that is left over.
//!
//! Whoever reads this holds the data directory's lock, so a live server here has lost its program: it was told to shut down when
//! the program died and may still be writing its last checkpoint. It is waited for, told again, and hurried in the end.
//!
//! After a restart of the machine or of a container the process id inside may belong to somebody else. The server itself would
//! refuse to start then; we look whether that process works in this directory, and where it does not, the file is stale.
//! (Removing it is safe: orphaned backends are still found by their shared memory, whose key comes from the directory.)

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::error::EmbeddedError;

const NAME: &str = "postmaster.pid";
/// Orderly shutdown writes a checkpoint, which takes a while on a slow disk.
const ORDERLY: Duration = Duration::from_secs(60);
/// After this the server skips the checkpoint, and the next start recovers.
const HURRIED: Duration = Duration::from_secs(15);

/// What the file says of a running server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Postmaster {
    pub(super) pid: Pid,
    pub(super) ready: bool,
}

/// Reads the file; None where there is none or it is only half written.
pub(super) fn read(pgdata: &Path) -> Option<Postmaster> {
    parse(&std::fs::read_to_string(pgdata.join(NAME)).ok()?)
}

fn parse(text: &str) -> Option<Postmaster> {
    let mut lines = text.lines();
    let pid = Pid::from_raw(
        lines
            .next()?
            .trim()
            .parse::<i32>()
            .ok()
            .filter(|pid| *pid > 0)?,
    )?;
    // The eighth line is the status, since Postgres 10.
    Some(Postmaster {
        pid,
        ready: lines.nth(6).is_some_and(|status| status.trim() == "ready"),
    })
}

/// Makes sure that no server runs on `pgdata`. `ours` is the process of the last server that this data directory's program
/// started: only that one is sent signals.
pub(super) fn clear(pgdata: &Path, ours: Option<u32>) -> Result<(), EmbeddedError> {
    let Some(Postmaster { pid, .. }) = read(pgdata) else {
        return Ok(());
    };
    let file = pgdata.join(NAME);
    if !is_alive(pid) {
        return Ok(());
    }
    if !works_in(pid, pgdata) {
        tracing::warn!(pid = pid.as_raw_pid(), "removing a stale postmaster.pid");
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(EmbeddedError::file(&file)(error))
            }
            _ => Ok(()),
        };
    }
    let raw = pid.as_raw_pid().unsigned_abs();
    if ours == Some(raw) {
        tracing::info!(pid = raw, "waiting for the Postgres of a program that died");
        let _ = rustix::process::kill_process(pid, Signal::INT);
        if wait_gone(pid, pgdata, ORDERLY) {
            return Ok(());
        }
        let _ = rustix::process::kill_process(pid, Signal::QUIT);
    }
    if wait_gone(pid, pgdata, HURRIED) {
        Ok(())
    } else {
        Err(EmbeddedError::ServerInTheWay {
            pgdata: pgdata.to_owned(),
            pid: raw,
        })
    }
}

fn wait_gone(pid: Pid, pgdata: &Path, limit: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if !is_alive(pid) || read(pgdata).is_none_or(|found| found.pid != pid) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Whether a process of that id exists; one that may not be signalled exists too.
pub(super) fn is_alive(pid: Pid) -> bool {
    matches!(
        rustix::process::test_kill_process(pid),
        Ok(()) | Err(rustix::io::Errno::PERM)
    )
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn works_in(pid: Pid, pgdata: &Path) -> bool {
    std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_pid())).is_ok_and(|cwd| cwd == pgdata)
}

/// Where a process's working directory cannot be asked for, its command line must name the directory.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn works_in(pid: Pid, pgdata: &Path) -> bool {
    let listed = std::process::Command::new("/bin/ps")
        .args(["-ww", "-o", "command=", "-p"])
        .arg(pid.as_raw_pid().to_string())
        .output();
    listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(pgdata.to_string_lossy().as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_by_the_eighth_line() {
        let lines = "77\n/data\n1700000000\n5432\n/data/socket\n\n 1234 0\n";
        assert_eq!(parse(lines).map(|found| found.ready), Some(false));
        assert_eq!(
            parse(&format!("{lines}starting\n")).map(|found| found.ready),
            Some(false)
        );
        let ready = parse(&format!("{lines}ready   \n"));
        assert_eq!(
            ready
                .as_ref()
                .map(|found| (found.pid.as_raw_pid(), found.ready)),
            Some((77, true))
        );
        assert_eq!(parse(""), None);
        assert_eq!(parse("-5\n"), None);
    }
}
