//! What the embedded Postgres takes from the machine, as one value, so that a test can give it another machine.

use std::ffi::OsString;
use std::path::PathBuf;

use shared::domain::secret::Secret;

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
    /// What the dynamic linker needs. Nothing else of the environment reaches the server, whose user could read it.
    pub variables: Vec<(OsString, OsString)>,
    /// What npm needs besides: its settings, proxies, certificates, the home folder.
    pub npm_variables: Vec<(OsString, OsString)>,
    /// `TEST_DATABASE_URL`: the server that tests are to use instead of a throw-away cluster.
    pub test_database: Option<Secret>,
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
        Self::new(std::env::vars_os())
    }

    /// This machine, from the given environment.
    #[must_use]
    pub fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut found = Self {
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            folders: FOLDERS.iter().map(PathBuf::from).collect(),
            temp: std::env::temp_dir(),
            memory: PathBuf::from("/dev/shm"),
            passwd: PathBuf::from("/etc/passwd"),
            variables: Vec::new(),
            npm_variables: Vec::new(),
            test_database: None,
        };
        for (name, value) in environment {
            let upper = name.to_string_lossy().to_ascii_uppercase();
            match upper.as_str() {
                "PATH" => found.path = value,
                "LD_LIBRARY_PATH" | "DYLD_LIBRARY_PATH" | "DYLD_FALLBACK_LIBRARY_PATH" => {
                    found.variables.push((name, value));
                }
                "HOME"
                | "HTTP_PROXY"
                | "HTTPS_PROXY"
                | "NO_PROXY"
                | "SSL_CERT_FILE"
                | "NODE_EXTRA_CA_CERTS" => found.npm_variables.push((name, value)),
                "TEST_DATABASE_URL" => {
                    let url = value.to_string_lossy();
                    let url = url.trim();
                    found.test_database = (!url.is_empty()).then(|| Secret::from(url));
                }
                other if other.starts_with("NPM_CONFIG_") => {
                    found.npm_variables.push((name, value))
                }
                _ => {}
            }
        }
        found
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
