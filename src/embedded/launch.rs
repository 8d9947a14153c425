//! Starting a program that must not outlive this one.
//!
//! Needs: the server runs as another user where this program is root; a signal meant for this program's terminal does not reach
//! it; and when this program dies, however it dies, the server goes down in order by itself.
//!
//! Design: the child leads a process group of its own, drops its ids, then asks the kernel for a signal at its parent's death
//! (`PR_SET_PDEATHSIG`). The races, by name:
//! - *ids clear the wish*: the kernel forgets it when the ids change, so the ids go first; the standard library does that before
//!   `pre_exec`.
//! - *parent dead before the wish*: the child compares its parent with the one it was made by, and gives up where they differ.
//! - *thread, not process*: the "parent" is the thread that forked. A server is therefore forked by a thread that lives until the
//!   server is reaped ([`super::server`]); [`run`] waits in the thread that forks.
//!
//! Where the kernel has no such wish (anything but Linux), [`super::reaper`] watches a pipe instead.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use super::account::Account;
use super::error::EmbeddedError;
use super::surroundings::Surroundings;

/// A command with a clean environment, in `/`, in its own process group, as `account`.
pub(super) fn command(
    program: &Path,
    account: Option<&Account>,
    surroundings: &Surroundings,
) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(
            surroundings
                .variables
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .env("PATH", &surroundings.path)
        .env("LC_ALL", "C")
        .env("TMPDIR", &surroundings.temp)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(account) = account {
        // As root this also drops the supplementary groups.
        command.gid(account.gid).uid(account.uid);
    }
    command
}

/// Makes the kernel send `signal` to the child when the thread that spawns it is gone.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code)]
pub(super) fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = rustix::process::getpid();
    let arm = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(ESRCH))
        }
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes two raw system calls (prctl, getppid)
    // through rustix, which neither allocate nor lock, captures plain integers, and its errors are bare numbers.
    unsafe {
        command.pre_exec(arm);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const ESRCH: i32 = rustix::io::Errno::SRCH.raw_os_error();

/// No such wish here; [`super::reaper`] stands in.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn die_with_parent(_command: &mut Command, _signal: Signal) {}

/// Runs a short-lived program to its end, feeding it `input`. It dies with this program.
pub(super) fn run(
    mut command: Command,
    what: &str,
    input: Option<&str>,
) -> Result<Output, EmbeddedError> {
    let failed = |source| EmbeddedError::Spawn {
        what: what.to_owned(),
        source,
    };
    die_with_parent(&mut command, Signal::KILL);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that ends early closes the pipe; its exit status tells more than the broken pipe does.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().map_err(failed)
}

/// The end of what a program printed, for an error message.
pub(super) fn tail(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(6)..].join("; ")
}
