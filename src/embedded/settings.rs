//! What the server is told, in one place. Everything is given on the command line, so that a data directory follows the program's
//! version and nothing in it needs editing; an operator who wants to tune a Postgres runs one and sets `DATABASE_URL`.

use std::ffi::OsString;
use std::path::Path;

use super::owner::OWNER;

/// Which kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Keeps an operator's data.
    Keep,
    /// Lives for one run of tests; speed is all.
    ThrowAway,
    /// Lives for one test that crashes it: throw-away, but as durable as the real one.
    Crash,
}

impl Purpose {
    pub(super) fn is_durable(self) -> bool {
        self != Self::ThrowAway
    }

    /// Who may log in over the socket, whose folder only the server's user and root can enter.
    pub(super) fn hba(self) -> String {
        match self {
            Self::Keep => format!("local {OWNER} {OWNER} scram-sha-256\n"),
            // Nothing worth keeping is in there, and a handshake per test database is not free.
            Self::ThrowAway | Self::Crash => "local all all trust\n".to_owned(),
        }
    }

    fn settings(self) -> Vec<(&'static str, &'static str)> {
        let mut settings = vec![
            ("listen_addresses", ""),
            ("unix_socket_permissions", "0700"),
            ("password_encryption", "scram-sha-256"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("log_min_messages", "warning"),
            ("log_line_prefix", "%m [%p] "),
            ("shared_buffers", "128MB"),
            ("autovacuum", "on"),
            // Short statements by index: planning for rotating disks and compiling expressions only cost.
            ("random_page_cost", "1.1"),
            ("jit", "off"),
            ("wal_compression", "on"),
            // A container's /dev/shm is small; parallel queries would take their memory there.
            ("max_parallel_workers_per_gather", "0"),
        ];
        settings.extend(match self {
            Self::Keep => vec![
                ("max_connections", "200"),
                ("fsync", "on"),
                ("full_page_writes", "on"),
                ("synchronous_commit", "on"),
                // After a checkpoint each page is written whole once more: a storm of jobs on a slow disk should not
                // force one every few seconds.
                ("max_wal_size", "2GB"),
                ("checkpoint_timeout", "15min"),
            ],
            Self::Crash => vec![
                ("max_connections", "100"),
                ("fsync", "on"),
                ("full_page_writes", "on"),
                ("synchronous_commit", "on"),
            ],
            Self::ThrowAway => vec![
                ("max_connections", "300"),
                ("fsync", "off"),
                ("full_page_writes", "off"),
                ("synchronous_commit", "off"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
                // No checkpoint in the middle of a run.
                ("checkpoint_timeout", "1h"),
                ("max_wal_size", "4GB"),
            ],
        });
        settings
    }
}

/// The arguments of `postgres`.
pub(super) fn arguments(
    purpose: Purpose,
    major: u32,
    pgdata: &Path,
    socket: &Path,
    hba: &Path,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["-D".into(), pgdata.into()];
    let mut set = |name: &str, value: &std::ffi::OsStr| {
        let mut pair = OsString::from(format!("{name}="));
        pair.push(value);
        arguments.extend(["-c".into(), pair]);
    };
    for (name, value) in purpose.settings() {
        set(name, value.as_ref());
    }
    // After a crash every file is synced before recovery: one by one takes seconds on a slow disk.
    if major >= 14 && cfg!(target_os = "linux") {
        set("recovery_init_sync_method", "syncfs".as_ref());
    }
    // A list of folders: quoted, so that a comma or a blank in the path is not taken for a separator.
    let mut quoted = OsString::from("\"");
    quoted.push(quote(socket));
    quoted.push("\"");
    set("unix_socket_directories", &quoted);
    set("hba_file", hba.as_os_str());
    arguments
}

fn quote(path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut bytes = Vec::with_capacity(path.as_os_str().len());
    for byte in path.as_os_str().as_bytes() {
        bytes.extend_from_slice(if *byte == b'"' {
            b"\"\""
        } else {
            std::slice::from_ref(byte)
        });
    }
    OsString::from_vec(bytes)
}
