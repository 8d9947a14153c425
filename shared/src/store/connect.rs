//! Connections to Postgres and the two doors to its rows.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres, Row, Transaction};

use super::error::StoreError;
use crate::domain::ids::OrganizationId;

/// The database, through both of its roles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    app: PgPool,
    system: PgPool,
    batches: PgPool,
    inbox: PgPool,
}

/// Connections for the statements that take and store for many tenants at once: one each.
const BATCHES: u32 = 2;

/// Connections of the inbox: few that are busy know its statement and have it at hand; as many as it has
/// batches on their way.
const INBOX: u32 = 3;

/// How many connections each door holds at most.
#[derive(Clone, Copy, Debug)]
pub struct PoolSizes {
    /// Requests and job handlers.
    pub app: u32,
    /// Look-ups before the tenant is known, and sweeps.
    pub system: u32,
}

/// The connections of one door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// Which: `app`, `system`, `inbox` or `batches`.
    pub name: &'static str,
    /// How many it may hold.
    pub most: u32,
    /// How many it holds.
    pub open: u32,
    /// How many of these nobody uses.
    pub idle: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { app: 20, system: 6 }
    }
}

/// A transaction of one tenant, as `mooring_app`. Dropping it rolls back.
#[derive(Debug)]
pub struct TenantTx {
    inner: Transaction<'static, Postgres>,
    organization: OrganizationId,
}

/// The door across tenants, as `mooring_system`.
#[derive(Clone, Debug)]
pub struct SystemExecutor(PgPool);

impl SystemExecutor {
    /// The pool itself.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0
    }

    /// A transaction across tenants. Dropping it rolls back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where no connection can be had in time.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        Ok(self.0.begin().await?)
    }
}

impl Db {
    /// Opens both doors. Connections are made on demand; the first is made here, so that a
    /// database that cannot be reached or a role that is missing is found now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the database does not answer.
    pub async fn connect(options: PgConnectOptions, sizes: PoolSizes) -> Result<Self, StoreError> {
        let options = options.application_name("mooring");
        // What a caller no longer waits for must not go on in the database.
        let as_app = "SET ROLE mooring_app; SET statement_timeout = '30s'; \
                      SET idle_in_transaction_session_timeout = '60s'";
        let app = pool(&options, as_app, sizes.app).await?;
        let as_system = "SET ROLE mooring_system; SET statement_timeout = '30s'";
        let system = pool(&options, as_system, sizes.system).await?;
        let inbox = pool(&options, as_system, INBOX).await?;
        // Few connections, so that each statement is planned a few times and not by the hundred; by
        // keys alone, whatever the planner believes of tables that come and go within seconds.
        let batches = pool(
            &options,
            "SET ROLE mooring_system; SET statement_timeout = '30s'; \
             SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
             SET enable_mergejoin = off",
            BATCHES,
        )
        .await?;
        Ok(Self {
            app,
            system,
            batches,
            inbox,
        })
    }

    /// A transaction in which only rows of `organization` exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where no connection can be had in time.
    pub async fn tenant(&self, organization: OrganizationId) -> Result<TenantTx, StoreError> {
        self.begin("BEGIN", organization).await
    }

    /// The same, whose commit does not wait for the disk: for steps that a later, waiting commit makes
    /// lasting, and that are done again where the database crashes before it. What is lost then is
    /// the last of them, whole, never one without those before it.
    ///
    /// # Errors
    /// As [`Db::tenant`].
    pub async fn tenant_step(&self, organization: OrganizationId) -> Result<TenantTx, StoreError> {
        // Its statements are few and find everything by keys: each is planned once per connection, and
        // not anew for every page of the first ones.
        let begin = "BEGIN; SET LOCAL synchronous_commit = off; \
                     SET LOCAL plan_cache_mode = force_generic_plan";
        self.begin(begin, organization).await
    }

    /// A transaction of one tenant for statements that take many rows of a connection at once: they are
    /// joined by hashing, since the planner expects arrays to be short and would look for each of ten
    /// thousand rows alone.
    ///
    /// # Errors
    /// As [`Db::tenant`].
    pub async fn tenant_in_bulk(
        &self,
        organization: OrganizationId,
    ) -> Result<TenantTx, StoreError> {
        let begin = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; \
                     SET LOCAL enable_nestloop = off";
        self.begin(begin, organization).await
    }

    /// A transaction of one tenant for reading only, all of it as of one moment: for what compares rows
    /// that others change meanwhile.
    ///
    /// # Errors
    /// As [`Db::tenant`].
    pub async fn tenant_snapshot(
        &self,
        organization: OrganizationId,
    ) -> Result<TenantTx, StoreError> {
        self.begin(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            organization,
        )
        .await
    }

    async fn begin(
        &self,
        begin: &str,
        organization: OrganizationId,
    ) -> Result<TenantTx, StoreError> {
        let begin = format!(
            "{begin}; SELECT set_config('mooring.organization', '{}', true)",
            organization.0
        );
        // An id has only hexadecimal digits and hyphens.
        let inner = self.app.begin_with(AssertSqlSafe(begin)).await?;
        Ok(TenantTx {
            inner,
            organization,
        })
    }

    /// Connections as `mooring_app` without a tenant, which see no rows: for statements that set
    /// their tenant themselves.
    pub(super) fn app(&self) -> &PgPool {
        &self.app
    }

    /// The door across tenants: for `sweeps/`, `lookups.rs`, `inbox.rs` and the job engine.
    #[must_use]
    pub fn system(&self) -> SystemExecutor {
        SystemExecutor(self.system.clone())
    }

    /// The same door for the inbox alone.
    #[must_use]
    pub fn inbox(&self) -> SystemExecutor {
        SystemExecutor(self.inbox.clone())
    }

    /// The same door with plans pinned: for `sweeps/renewals`, whose two statements each process sends
    /// one at a time.
    #[must_use]
    pub fn batches(&self) -> SystemExecutor {
        SystemExecutor(self.batches.clone())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// As [`Db::tenant`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.app.execute("SELECT 1").await?;
        Ok(())
    }

    /// How busy the doors are.
    #[must_use]
    pub fn pools(&self) -> [PoolFigures; 4] {
        let pools = [
            ("app", &self.app),
            ("system", &self.system),
            ("inbox", &self.inbox),
            ("batches", &self.batches),
        ];
        pools.map(|(name, pool)| PoolFigures {
            name,
            most: pool.options().get_max_connections(),
            open: pool.size(),
            idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
        })
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        self.app.close().await;
        self.system.close().await;
        self.batches.close().await;
        self.inbox.close().await;
    }
}

impl TenantTx {
    /// The tenant.
    #[must_use]
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Goes on as another tenant within the same transaction: for what spans the platform and an
    /// organization (the archive of a chain).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn switch(&mut self, organization: OrganizationId) -> Result<(), StoreError> {
        sqlx::query("SELECT set_config('mooring.organization', $1, true)")
            .bind(organization.0.to_string())
            .execute(&mut *self.inner)
            .await?;
        self.organization = organization;
        Ok(())
    }

    /// Makes the changes lasting.
    ///
    /// # Errors
    /// Where the database does not answer: then whether it was committed is not known.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

async fn pool(
    options: &PgConnectOptions,
    set_role: &'static str,
    size: u32,
) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(300))
        // A connection that died with the database is found by its first statement failing; a
        // ping before each use would cost every request a round trip.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(set_role).await.map(drop) })
        })
        .connect_with(options.clone())
        .await?;
    Ok(pool)
}

/// Whether a pooler in transaction mode stands in between, proven rather than guessed: while a
/// second connection holds a transaction on the server process that the first one used, the first
/// one is given another.
///
/// # Errors
/// Where the database does not answer.
pub(super) async fn behind_transaction_pooler(
    options: &PgConnectOptions,
) -> Result<bool, sqlx::Error> {
    use sqlx::Connection;
    let mut first = PgConnection::connect_with(options).await?;
    let mut second = PgConnection::connect_with(options).await?;
    let before = process_id(&mut first).await?;
    second.execute("BEGIN").await?;
    let held = process_id(&mut second).await?;
    let after = process_id(&mut first).await?;
    second.execute("ROLLBACK").await?;
    Ok(before != after || held == before)
}

/// By the simple protocol: prepared statements are what such a pooler breaks first.
async fn process_id(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let row = sqlx::raw_sql("SELECT pg_backend_pid()::text AS pid")
        .fetch_one(connection)
        .await?;
    row.try_get("pid")
}
