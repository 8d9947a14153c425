//! What the embedded Postgres takes from the machine, as one value, so that a test can give it another machine.

use std::ffi::OsString;
use std::path::PathBuf;

/// Where to look for programs, users and room.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// `PATH`: searched for `postgres`, `pg_config`, `npm`, `tar` and `sh`, and given to them.
    pub path: OsString,
    /// Folders where packages put `postgres`; a component may hold one `*`.
    pub folders: Vec<PathBuf>,
    /// The system's folder for temporary files.
    pub temp: PathBuf,
    /// A folder in memory, used for throw-away clusters where it exists and has room.
    pub memory: PathBuf,
    /// The list of users, in the format of `/etc/passwd`.
    pub passwd: PathBuf,
    /// Further variables that the programs need (dynamic linker, npm's settings). Nothing else of the environment reaches them,
    /// since the server's user could read it.
    pub variables: Vec<(OsString, OsString)>,
}

/// Debian and Ubuntu, RHEL and Fedora, openSUSE, Alpine, Homebrew on both processors, MacPorts, Postgres.app, from source.
const FOLDERS: [&str; 10] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];

impl Surroundings {
    /// This machine, from the process environment.
    #[must_use]
    pub fn current() -> Self {
        let passed = |name: &str| {
            let upper = name.to_ascii_uppercase();
            matches!(
                upper.as_str(),
                "LD_LIBRARY_PATH" | "DYLD_LIBRARY_PATH" | "DYLD_FALLBACK_LIBRARY_PATH" | "HOME"
            ) || matches!(
                upper.as_str(),
                "HTTP_PROXY" | "HTTPS_PROXY" | "NO_PROXY" | "SSL_CERT_FILE" | "NODE_EXTRA_CA_CERTS"
            )
        };
        Self {
            path: std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
            folders: FOLDERS.iter().map(PathBuf::from).collect(),
            temp: std::env::temp_dir(),
            memory: PathBuf::from("/dev/shm"),
            passwd: PathBuf::from("/etc/passwd"),
            variables: std::env::vars_os()
                .filter(|(name, _)| name.to_str().is_some_and(passed))
                .collect(),
        }
    }

    /// The first executable of that name on `path`.
    pub(super) fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|candidate| is_executable(candidate))
    }
}

pub(super) fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
