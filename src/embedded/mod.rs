//! A private Postgres for who has none at hand.
//!
//! Needs: one command must be enough to try the product, and enough to run it on one machine for good. So the database that comes
//! with it must be found or fetched, initialised, watched and ended without a question, and lose nothing whatever happens.
//!
//! Properties:
//! - *durable*: `fsync` on; a first start that is killed half-way is begun again ([`initialize`]).
//! - *private*: no TCP; a socket in a 0700 folder ([`socket`]); one role that may log in, with a password only this program's user
//!   can read ([`owner`]); nothing of this program's environment reaches the server ([`surroundings`]).
//! - *never an orphan*: when the program dies the server shuts down in order ([`launch`], [`server`]); what still runs at the next
//!   start is waited for ([`pidfile`]).
//! - *one at a time*: a second program on the same directory is told who holds it ([`lock`]), and one that only needs the database
//!   attaches to the running server ([`attach`]).
//! - *the owner is not a superuser*: it owns the database `mooring` and may create roles, so that migrations can make the roles
//!   the service works under. Owners and superusers pass row-level security; the service's connections change to those roles.
//!
//! The program ends when the server does ([`Embedded::died`]): a service without its database has nothing to say.

mod account;
mod error;
mod fetch;
mod initialize;
mod launch;
mod layout;
mod locate;
mod lock;
mod owner;
mod pidfile;
mod reaper;
mod runtime;
mod server;
mod settings;
mod socket;
mod start;
mod surroundings;
mod throwaway;

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

pub use error::EmbeddedError;
pub use owner::Door;
pub use surroundings::Surroundings;
pub use throwaway::{TestDatabase, ThrowawayCluster};

use layout::Layout;
use owner::OWNER;
use runtime::Runtime;
use server::Server;
use settings::Purpose;

/// Which data directory, on which machine.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The data directory; made where it is missing.
    pub data_dir: PathBuf,
    /// Set by the operator, not the default. Its permissions are then left as they are.
    pub explicit: bool,
    /// The machine.
    pub surroundings: Surroundings,
}

impl EmbeddedOptions {
    /// That directory on this machine.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, explicit: bool) -> Self {
        Self {
            data_dir: data_dir.into(),
            explicit,
            surroundings: Surroundings::current(),
        }
    }
}

/// Where data lies when nothing is set: `/var/lib/mooring` for root, `.mooring` in the working directory for everybody else.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    PathBuf::from(if rustix::process::geteuid().is_root() {
        "/var/lib/mooring"
    } else {
        "./.mooring"
    })
}

/// A running embedded Postgres. Dropping it asks the server for an orderly end without waiting; [`Embedded::stop`] waits.
#[derive(Debug)]
pub struct Embedded {
    server: Server,
    layout: Layout,
    door: Door,
    /// Where the kernel does not tell the server of our death, a shell does.
    _reaper: Option<reaper::Reaper>,
}

impl Embedded {
    /// Finds or fetches Postgres, initialises the data directory where that is needed, starts the server and logs in once.
    ///
    /// # Errors
    /// See [`EmbeddedError`]; [`EmbeddedError::exit_code`] tells what a program should end with.
    pub async fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let EmbeddedOptions {
            data_dir,
            explicit,
            surroundings,
        } = options.clone();
        let embedded = blocking(move || {
            let started = start::start(&data_dir, explicit, Purpose::Keep, &surroundings)?;
            let reaper = if cfg!(any(target_os = "linux", target_os = "android")) {
                None
            } else {
                Some(reaper::Reaper::start(
                    &started.layout.pgdata(),
                    "INT",
                    None,
                    &surroundings,
                )?)
            };
            let start::Started {
                server,
                layout,
                socket,
                password,
            } = started;
            let door = Door {
                socket,
                role: OWNER,
                database: OWNER.to_owned(),
                password: Some(password),
            };
            Ok(Self {
                server,
                layout,
                door,
                _reaper: reaper,
            })
        })
        .await?;
        PgConnection::connect_with(&embedded.connect_options())
            .await?
            .close()
            .await?;
        Ok(embedded)
    }

    /// How to log in as the owner of the schema.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.door.connect_options()
    }

    /// The same as a URL, which holds the password.
    #[must_use]
    pub fn url(&self) -> shared::domain::secret::Secret {
        self.door.url()
    }

    /// The data directory, absolute.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.layout.root
    }

    /// The server's process id.
    #[must_use]
    pub fn server_pid(&self) -> u32 {
        self.server.pid.as_raw_pid().unsigned_abs()
    }

    /// Resolves when the server has ended without [`Embedded::stop`], with a sentence for the log. The service ends then.
    pub async fn died(&self) -> String {
        let status = self.server.ended().await;
        let how = status.map_or_else(
            || "for an unknown reason".to_owned(),
            |status| format!("with {status}"),
        );
        format!(
            "the embedded Postgres ended {how}; its log is {}",
            self.layout.log().display()
        )
    }

    /// Disconnects everybody, writes a checkpoint, ends the server, and waits for that.
    ///
    /// # Errors
    /// [`EmbeddedError::DidNotStop`] where even force did not end it.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        self.server.stop(Signal::INT).await?;
        Runtime::remove(&self.layout);
        socket::forget(&self.door.socket);
        Ok(())
    }
}

/// Finds the server that another program runs on `data_dir`, and logs in once.
///
/// # Errors
/// [`EmbeddedError::NotRunning`] where there is none, or this user may not read how to reach it.
pub async fn attach(data_dir: &Path) -> Result<Door, EmbeddedError> {
    let not_running = || EmbeddedError::NotRunning {
        data_dir: data_dir.to_owned(),
    };
    let layout = Layout::existing(data_dir).ok_or_else(not_running)?;
    let runtime = Runtime::read(&layout).ok_or_else(not_running)?;
    let password = owner::read_password(&layout).ok_or_else(not_running)?;
    let door = Door {
        socket: runtime.socket,
        role: OWNER,
        database: OWNER.to_owned(),
        password: Some(password),
    };
    match PgConnection::connect_with(&door.connect_options()).await {
        Ok(connection) => connection.close().await?,
        Err(sqlx::Error::Io(_)) => return Err(not_running()),
        Err(error) => return Err(error.into()),
    }
    Ok(door)
}

/// Runs blocking work beside the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddedError> + Send + 'static,
) -> Result<T, EmbeddedError> {
    let failed = |source: std::io::Error| EmbeddedError::Spawn {
        what: "a thread".to_owned(),
        source,
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| failed(error.into()))?
}
