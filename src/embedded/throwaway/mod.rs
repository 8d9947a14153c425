//! A real Postgres for tests: fast, empty, and gone afterwards.
//!
//! Needs: every test runs on its own database, migrated, within milliseconds, side by side with the others; nothing is left over,
//! whether the run passes, panics or is killed.
//!
//! Design: one cluster per process, in memory and without `fsync`, or the server named by `TEST_DATABASE_URL`; one migrated
//! template per set of migrations ([`template`]); one copy per test, dropped with its handle ([`keeper`]). The server dies with the
//! process ([`super::launch`]) and a shell removes its folder ([`super::reaper`]), so a `static` cluster, which is never dropped,
//! is cleaned up too; what even that misses, the next run removes ([`place`]).

mod home;
mod keeper;
mod place;
mod template;

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::time::Duration;

use rustix::process::Signal;
use shared::domain::secret::ExposeSecret;
use shared::vault::random;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use url::Url;

use super::error::EmbeddedError;
use super::settings::Purpose;
use super::surroundings::Surroundings;
use home::{Home, Own};
use keeper::Keeper;

/// Test databases on a shared server that are older than this, in seconds, belong to a run that was killed.
const STALE: i64 = 6 * 3600;

/// A Postgres to test against. Works from any number of runtimes at once.
pub struct ThrowawayCluster {
    admin: PgConnectOptions,
    keeper: Keeper,
    templates: tokio::sync::Mutex<HashSet<String>>,
    /// Names databases by the server's clock, so that stale ones are known on a shared server.
    epoch: i64,
    version: i32,
    home: Home,
}

/// A database of one test's own, dropped with this handle, connections or not.
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
        let surroundings = Surroundings::current();
        match &surroundings.test_database {
            Some(url) => Self::shared(url.expose_secret()).await,
            None => Self::start(&surroundings).await,
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

    /// An own cluster with the durability settings of the real one, for tests that [`ThrowawayCluster::crash`] it. It lies in
    /// memory too: what a crash of the server loses, as opposed to one of the machine, does not depend on the disk.
    ///
    /// # Errors
    /// As [`super::Embedded::start`].
    pub async fn durable(surroundings: &Surroundings) -> Result<Self, EmbeddedError> {
        Self::own(Purpose::Crash, surroundings).await
    }

    async fn own(purpose: Purpose, surroundings: &Surroundings) -> Result<Self, EmbeddedError> {
        let own = Own::start(purpose, surroundings).await?;
        Self::with(own.admin(), Home::Own(own)).await
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
                template::ensure(&self.admin, &template, self.home.owner(), || {
                    migrate(self.home.url(&template))
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
            hex::encode(random::bytes::<6>()?)
        );
        let strategy = if self.version >= 150_000 {
            self.home.strategy()
        } else {
            ""
        };
        let owner = self.home.owner();
        self.keeper
            .run(format!(
                "CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}{strategy}"
            ))
            .await?;
        let (url, keeper, shared) = (
            self.home.url(&name),
            self.keeper.clone(),
            self.home.is_shared(),
        );
        Ok(TestDatabase {
            url,
            name,
            keeper,
            shared,
        })
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
        match &self.home {
            Home::Own(own) => own.end(Signal::QUIT).await,
            Home::Shared { .. } => Ok(()),
        }
    }

    /// Starts the server again, after ending it in order where it still runs. URLs stay what they were. Nothing happens on a
    /// shared server.
    ///
    /// # Errors
    /// As [`super::Embedded::start`].
    pub async fn restart(&self) -> Result<(), EmbeddedError> {
        match &self.home {
            Home::Own(own) => own.restart().await,
            Home::Shared { .. } => Ok(()),
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

/// Connection options and URLs may hold a password.
impl fmt::Debug for ThrowawayCluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ThrowawayCluster")
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TestDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TestDatabase")
            .field("name", &self.name)
            .finish_non_exhaustive()
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
