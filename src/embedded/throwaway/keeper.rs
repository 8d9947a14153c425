//! One thread that makes and drops databases.
//!
//! Every test has a runtime of its own, and a pool works only on the runtime that opened it; a handle is dropped where nothing can
//! be awaited. So the administrator's connections live on one thread of their own, which takes orders from everywhere.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::embedded::error::EmbeddedError;

const CONNECTIONS: u32 = 8;
/// Hundreds of tests may begin at once.
const PATIENCE: Duration = Duration::from_secs(120);

enum Order {
    Run {
        sql: String,
        done: oneshot::Sender<Result<(), sqlx::Error>>,
    },
    Drop {
        database: String,
        done: std::sync::mpsc::Sender<()>,
    },
}

/// Takes orders until the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
}

impl Keeper {
    pub(super) fn start(admin: PgConnectOptions) -> Result<Self, EmbeddedError> {
        let failed = |source| EmbeddedError::Spawn {
            what: "a thread".to_owned(),
            source,
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let work = move || runtime.block_on(keep(admin, inbox));
        std::thread::Builder::new()
            .name("test-databases".to_owned())
            .spawn(work)
            .map_err(failed)?;
        Ok(Self { orders })
    }

    /// Runs a statement of ours as the administrator.
    pub(super) async fn run(&self, sql: String) -> Result<(), EmbeddedError> {
        let (done, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Run { sql, done });
        Ok(answer.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))?)
    }

    /// Orders a database to be dropped; the receiver hears when that has been tried.
    pub(super) fn drop_database(&self, database: String) -> std::sync::mpsc::Receiver<()> {
        let (done, answer) = std::sync::mpsc::channel();
        let _ = self.orders.send(Order::Drop { database, done });
        answer
    }
}

async fn keep(admin: PgConnectOptions, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(admin);
    let mut running = JoinSet::new();
    while let Some(order) = inbox.recv().await {
        while running.try_join_next().is_some() {}
        running.spawn(obey(pool.clone(), order));
    }
    running.join_all().await;
    pool.close().await;
}

async fn obey(pool: PgPool, order: Order) {
    match order {
        Order::Run { sql, done } => {
            let _ = done.send(pool.execute(AssertSqlSafe(sql)).await.map(drop));
        }
        Order::Drop { database, done } => {
            // Best effort: the whole cluster is thrown away, and a shared one is swept by the next run.
            let _ = pool
                .execute(AssertSqlSafe(format!(
                    "DROP DATABASE IF EXISTS {database} WITH (FORCE)"
                )))
                .await;
            let _ = done.send(());
        }
    }
}
