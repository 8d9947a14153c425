//! A folder per test that other users can reach, and waiting for a condition.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mooring::embedded::EmbeddedOptions;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Removed with everything in it when it is dropped.
pub struct Workplace {
    pub root: PathBuf,
}

impl Workplace {
    /// In memory where that can be had: the same system calls, without waiting for a disk.
    pub fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let writable = rustix::fs::access(&memory, rustix::fs::Access::WRITE_OK).is_ok();
        Self::inside(if writable {
            memory
        } else {
            std::env::temp_dir()
        })
    }

    pub fn on_disk() -> Self {
        Self::inside(std::env::temp_dir())
    }

    fn inside(base: PathBuf) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = base.join(format!("mooring-it-{}-{count}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o755)
            .create(&root)
            .expect("a folder of its own");
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755))
            .expect("its own folder");
        Self {
            root: root.canonicalize().expect("it is there"),
        }
    }

    pub fn options(&self, name: &str) -> EmbeddedOptions {
        EmbeddedOptions::new(self.root.join(name), true)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// Waits until `condition` holds, and fails the test where it does not within half a minute.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

pub fn is_alive(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a process id"))
        .expect("not zero");
    !matches!(
        rustix::process::test_kill_process(pid),
        Err(rustix::io::Errno::SRCH)
    )
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a process id"))
        .expect("not zero");
    rustix::process::kill_process(pid, signal).expect("it is alive");
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
