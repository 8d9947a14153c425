//! What cleans up after a program that can no longer do it.
//!
//! A small shell waits on a pipe whose other end only this program holds. When the program ends, however it ends, the kernel
//! closes the pipe and the shell acts: it sends the server a signal, and, for a throw-away cluster, waits and removes the folder.
//! On Linux the kernel has signalled the server already; elsewhere this is the only way it learns. The server's process is read
//! from its own file at that moment, so a server that was restarted is found and one that has stopped is not.

use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};

use super::error::EmbeddedError;
use super::launch;
use super::surroundings::Surroundings;

const SCRIPT: &str = r#"
read -r _
pid=$(sed -n 1p "$1/postmaster.pid" 2>/dev/null)
[ -n "$pid" ] && kill -s "$2" "$pid" 2>/dev/null
[ -n "$3" ] || exit 0
n=0
while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ "$n" -lt 300 ]; do sleep 0.05; n=$((n + 1)); done
rm -rf -- "$3"
"#;

/// Acts when it is dropped, or when this program dies.
#[derive(Debug)]
pub(super) struct Reaper {
    pipe: Option<ChildStdin>,
    shell: Child,
}

impl Reaper {
    /// `signal` as `kill -s` names it; `remove` is the folder to remove in the end.
    pub(super) fn start(
        pgdata: &Path,
        signal: &str,
        remove: Option<&Path>,
        surroundings: &Surroundings,
    ) -> Result<Self, EmbeddedError> {
        let mut command = launch::command(Path::new("/bin/sh"), None, surroundings);
        command
            .arg("-c")
            .arg(SCRIPT)
            .arg("reaper")
            .arg(pgdata)
            .arg(signal);
        command
            .arg(remove.map(Path::as_os_str).unwrap_or_default())
            .stdin(Stdio::piped());
        let mut shell = command.spawn().map_err(|source| EmbeddedError::Spawn {
            what: "sh".to_owned(),
            source,
        })?;
        Ok(Self {
            pipe: shell.stdin.take(),
            shell,
        })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}
