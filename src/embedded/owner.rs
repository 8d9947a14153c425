//! The role that owns the schema, and how the program logs in as it.
//!
//! The program may be root while the server is `postgres`, so "peer" would not let it in as itself; "trust" would let in whatever
//! else runs as the server's user, and with `nobody` that may be anything. So there is one way for every case: SCRAM with a
//! generated password that lies beside the database, 0600, readable by the program's user alone. `postgres.hba` lets this role
//! into its database and nobody into anything else; the superuser has no password and no line, and exists only while the server
//! is set up in single-user mode.

use std::path::PathBuf;

use shared::domain::secret::{ExposeSecret, Secret};
use shared::vault::random;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::error::EmbeddedError;
use super::layout::{self, Layout};
use super::socket::PORT;

/// The owner's name, and its database's.
pub(super) const OWNER: &str = "mooring";
/// The superuser that `initdb` makes.
pub(super) const SUPERUSER: &str = "postgres";

/// How to reach the server as one role.
#[derive(Debug, Clone)]
pub struct Door {
    pub(super) socket: PathBuf,
    pub(super) role: &'static str,
    pub(super) database: String,
    pub(super) password: Option<Secret>,
}

impl Door {
    /// For sqlx.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(&self.socket)
            .port(PORT)
            .username(self.role)
            .database(&self.database)
            .ssl_mode(PgSslMode::Disable);
        match &self.password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        }
    }

    /// As a `postgres://` URL, which holds the password. The socket's folder is the parameter `host`.
    #[must_use]
    pub fn url(&self) -> Secret {
        use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
        use std::os::unix::ffi::OsStrExt;
        let host = percent_encode(self.socket.as_os_str().as_bytes(), NON_ALPHANUMERIC);
        let password = self
            .password
            .as_ref()
            .map(|password| format!(":{}", password.expose_secret()))
            .unwrap_or_default();
        let Self { role, database, .. } = self;
        format!(
            "postgres://{role}{password}@localhost:{PORT}/{database}?host={host}&sslmode=disable"
        )
        .into()
    }
}

/// The stored password, where there is one.
pub(super) fn read_password(layout: &Layout) -> Option<Secret> {
    let text = std::fs::read_to_string(layout.password()).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// A new password, stored.
pub(super) fn make_password(layout: &Layout) -> Result<Secret, EmbeddedError> {
    let password = Secret::from(hex::encode(random::bytes::<24>()?));
    layout::write_whole(&layout.password(), 0o600, password.expose_secret())?;
    Ok(password)
}
