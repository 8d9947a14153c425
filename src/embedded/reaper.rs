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
pid=
[ -r "$1/postmaster.pid" ] && read -r pid < "$1/postmaster.pid"
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::{Child, Command};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("mooring-reaper-{name}-{}", std::process::id()));
        std::fs::create_dir(&dir).expect("a folder in the temporary folder");
        dir
    }

    fn stand_in(pgdata: &Path) -> Child {
        let child = Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep is everywhere");
        std::fs::write(
            pgdata.join("postmaster.pid"),
            format!("{}\n/data\n", child.id()),
        )
        .expect("writes");
        child
    }

    #[test]
    fn signals_the_server_and_keeps_the_folder() {
        let dir = folder("keep");
        // No signal that a program started in the background ignores.
        let reaper = Reaper::start(&dir, "TERM", None, &Surroundings::current()).expect("starts");
        // It looks for the server when the pipe closes, so one that was started later is found.
        let mut server = stand_in(&dir);
        drop(reaper);
        let status = server.wait().expect("it is ours");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(15)
        );
        std::fs::remove_dir_all(&dir).expect("it is still there");
    }

    #[test]
    fn removes_the_folder_when_there_is_no_server() {
        let dir = folder("remove");
        drop(Reaper::start(&dir, "QUIT", Some(&dir), &Surroundings::current()).expect("starts"));
        assert!(!dir.exists());
    }
}
