//! A real Postgres for tests: fast, empty, and gone afterwards.
//!
//! Needs: every test runs on its own database, migrated, within milliseconds, side by side with the others; nothing is left over,
//! whether the run passes, panics or is killed.
//!
//! Design: one cluster per process, in memory and without `fsync`, or the server named by `TEST_DATABASE_URL`; one migrated
//! template per set of migrations ([`template`]); one copy per test, dropped with its handle ([`keeper`]). The server dies with the
//! process ([`super::launch`]) and a shell removes its folder ([`super::reaper`]), so a `static` cluster, which is never dropped,
//! is cleaned up too; what even that misses, the next run removes ([`place`]).

mod keeper;
mod place;
mod template;

use std::collections::HashSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::process::Signal;
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use url::Url;

use super::error::EmbeddedError;
use super::layout::Layout;
use super::owner::{Door, OWNER, SUPERUSER};
use super::reaper::Reaper;
use super::server::Server;
use super::settings::Purpose;
use super::surroundings::Surroundings;
use super::{blocking, start};
use keeper::Keeper;

/// Test databases on a shared server that are older than this, in seconds, belong to a run that was killed.
const STALE: i64 = 6 * 3600;

/// A Postgres to test against. Works from any number of runtimes at once.
#[derive(Debug)]
pub struct ThrowawayCluster {
    admin: PgConnectOptions,
    keeper: Keeper,
    templates: tokio::sync::Mutex<HashSet<String>>,
    /// Names databases by the server's clock, so that stale ones are known on a shared server.
    epoch: i64,
    version: i32,
    home: Home,
}

#[derive(Debug)]
enum Home {
    /// A server that somebody else runs, as the role in the URL.
    Shared { url: Url, owner: String },
    /// Our own. The fields are dropped in this order: the server is told, the reaper waits for it.
    Own {
        server: std::sync::Mutex<Option<Server>>,
        dir: PathBuf,
        socket: PathBuf,
        purpose: Purpose,
        surroundings: Surroundings,
        _reaper: Reaper,
    },
}

/// A database of one test's own, dropped with this handle, connections or not.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where its owner reaches it.
    pub url: String,
    name: String,
    keeper: Keeper,
    shared: bool,
}

impl ThrowawayCluster {
    /// The server named by `TEST_DATABASE_URL` (a superuser, or a role with CREATEDB and CREATEROLE), else an own one.
    ///
    /// # Errors
    /// As [`super::Embedded::start`].
    pub async fn from_environment() -> Result<Self, EmbeddedError> {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(url) if !url.trim().is_empty() => Self::shared(url.trim()).await,
            _ => Self::start(&Surroundings::current()).await,
        }
    }

    /// The server at `url`, whose role administers it and owns the databases.
    ///
    /// # Errors
    /// Where the URL is none, or the server cannot be reached.
    pub async fn shared(url: &str) -> Result<Self, EmbeddedError> {
        let url = Url::parse(url).map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let admin: PgConnectOptions = url.as_str().parse()?;
        // Quoted as the catalogue writes it, for the statements below.
        let mut connection = PgConnection::connect_with(&admin).await?;
        let owner = sqlx::query_scalar("SELECT quote_ident(current_user)")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        let cluster = Self::with(admin, Home::Shared { url, owner }).await?;
        cluster.sweep().await?;
        Ok(cluster)
    }

    /// An own cluster in memory where there is room, without `fsync`.
    ///
    /// # Errors
    /// As [`super::Embedded::start`].
    pub async fn start(surroundings: &Surroundings) -> Result<Self, EmbeddedError> {
        Self::own(Purpose::ThrowAway, surroundings).await
    }

    /// An own cluster on disk with the durability of the real one, for tests that [`ThrowawayCluster::crash`] it.
    ///
    /// # Errors
    /// As [`super::Embedded::start`].
    pub async fn durable(surroundings: &Surroundings) -> Result<Self, EmbeddedError> {
        Self::own(Purpose::Crash, surroundings).await
    }

    async fn own(purpose: Purpose, surroundings: &Surroundings) -> Result<Self, EmbeddedError> {
        let machine = surroundings.clone();
        let (dir, reaper, started) = blocking(move || {
            let dir = place::make(purpose, &machine)?;
            let pgdata = Layout { root: dir.clone() }.pgdata();
            // Before anything else is made, so that a start that fails or is killed leaves nothing either.
            let reaper = Reaper::start(&pgdata, "QUIT", Some(&dir), &machine)?;
            let started = start::start(&dir, true, purpose, &machine)?;
            Ok((dir, reaper, started))
        })
        .await?;
        let socket = started.socket;
        let admin = Door {
            socket: socket.clone(),
            role: SUPERUSER,
            database: "postgres".to_owned(),
            password: None,
        };
        let server = std::sync::Mutex::new(Some(started.server));
        let home = Home::Own {
            server,
            dir,
            socket,
            purpose,
            surroundings: surroundings.clone(),
            _reaper: reaper,
        };
        Self::with(admin.connect_options(), home).await
    }

    async fn with(admin: PgConnectOptions, home: Home) -> Result<Self, EmbeddedError> {
        let mut connection = PgConnection::connect_with(&admin).await?;
        let (version, epoch) = sqlx::query_as(
            "SELECT current_setting('server_version_num')::int, extract(epoch FROM now())::bigint",
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        let keeper = Keeper::start(admin.clone())?;
        Ok(Self {
            admin,
            keeper,
            templates: tokio::sync::Mutex::default(),
            epoch,
            version,
            home,
        })
    }

    /// A new database, a copy of the template for `key`. The first caller for a key, in this process or, on a shared server, in any,
    /// makes the template: an empty database that `migrate` is given the owner's URL of.
    ///
    /// # Errors
    /// [`EmbeddedError::Template`] where `migrate` failed.
    pub async fn database<M, F, E>(
        &self,
        key: &str,
        migrate: M,
    ) -> Result<TestDatabase, EmbeddedError>
    where
        M: FnOnce(String) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let template = template::name(key);
        {
            let mut made = self.templates.lock().await;
            if !made.contains(&template) {
                template::ensure(&self.admin, &template, self.owner(), || {
                    migrate(self.url(&template))
                })
                .await?;
                made.insert(template.clone());
            }
        }
        self.copy_of(&template).await
    }

    /// A new, empty database.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn empty_database(&self) -> Result<TestDatabase, EmbeddedError> {
        self.copy_of("template1").await
    }

    async fn copy_of(&self, template: &str) -> Result<TestDatabase, EmbeddedError> {
        let name = format!(
            "mooring_test_{}_{}",
            self.epoch,
            hex::encode(rand::random::<[u8; 6]>())
        );
        let strategy = if self.version >= 150_000 {
            self.strategy()
        } else {
            ""
        };
        let owner = self.owner();
        self.keeper
            .run(format!(
                "CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}{strategy}"
            ))
            .await?;
        let shared = matches!(self.home, Home::Shared { .. });
        Ok(TestDatabase {
            url: self.url(&name),
            name,
            keeper: self.keeper.clone(),
            shared,
        })
    }

    fn strategy(&self) -> &'static str {
        match self.home {
            Home::Own {
                purpose: Purpose::ThrowAway,
                ..
            } => " STRATEGY FILE_COPY",
            // Copying files takes two checkpoints, which somebody else's disk has to pay.
            _ => " STRATEGY WAL_LOG",
        }
    }

    fn owner(&self) -> &str {
        match &self.home {
            Home::Shared { owner, .. } => owner,
            Home::Own { .. } => OWNER,
        }
    }

    fn url(&self, database: &str) -> String {
        match &self.home {
            Home::Shared { url, .. } => {
                let mut url = url.clone();
                url.set_path(database);
                url.into()
            }
            Home::Own { socket, .. } => {
                let door = Door {
                    socket: socket.clone(),
                    role: OWNER,
                    database: database.to_owned(),
                    password: None,
                };
                door.url().expose_secret().to_owned()
            }
        }
    }

    /// Where the administrator reaches the cluster: a superuser on an own one.
    #[must_use]
    pub fn admin_options(&self) -> PgConnectOptions {
        self.admin.clone()
    }

    /// Ends the server at once, without a checkpoint, as a power cut would: the next [`ThrowawayCluster::restart`] recovers from
    /// the log. Nothing happens on a shared server.
    ///
    /// # Errors
    /// [`EmbeddedError::DidNotStop`].
    pub async fn crash(&self) -> Result<(), EmbeddedError> {
        self.end(Signal::QUIT).await
    }

    /// Starts the server again, after ending it in order where it still runs. URLs stay what they were.
    ///
    /// # Errors
    /// As [`super::Embedded::start`].
    pub async fn restart(&self) -> Result<(), EmbeddedError> {
        self.end(Signal::INT).await?;
        let Home::Own {
            server,
            dir,
            purpose,
            surroundings,
            ..
        } = &self.home
        else {
            return Ok(());
        };
        let (dir, purpose, machine) = (dir.clone(), *purpose, surroundings.clone());
        let started = blocking(move || start::start(&dir, true, purpose, &machine)).await?;
        *server.lock().unwrap_or_else(PoisonError::into_inner) = Some(started.server);
        Ok(())
    }

    async fn end(&self, signal: Signal) -> Result<(), EmbeddedError> {
        let Home::Own { server, .. } = &self.home else {
            return Ok(());
        };
        let running = server.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(running) => running.stop(signal).await,
            None => Ok(()),
        }
    }

    async fn sweep(&self) -> Result<(), EmbeddedError> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let stale: Vec<String> = sqlx::query_scalar(
            "SELECT datname FROM pg_database \
             WHERE datname ~ '^mooring_test_[0-9]+_' AND split_part(datname, '_', 3)::bigint < $1",
        )
        .bind(self.epoch - STALE)
        .fetch_all(&mut connection)
        .await?;
        for database in stale {
            // Another run may sweep the same one, or it may belong to another role.
            let _ = sqlx::query(AssertSqlSafe(format!(
                "DROP DATABASE IF EXISTS {database} WITH (FORCE)"
            )))
            .execute(&mut connection)
            .await;
        }
        connection.close().await?;
        Ok(())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let done = self.keeper.drop_database(std::mem::take(&mut self.name));
        if self.shared {
            // The last handle may be dropped just before the process ends.
            let _ = done.recv_timeout(Duration::from_secs(5));
        }
    }
}
