//! Waking the workers.
//!
//! Every NOTIFY takes a lock of the whole cluster at its commit, so a process sends few: the first
//! ring goes out at once, and those of the next two milliseconds together with what is being sent.
//! It has a connection of its own, so that a ring never waits for a busy pool.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;

use crate::domain::lane::{Lane, Lanes};

/// The channel that workers listen on.
pub const CHANNEL: &str = "mooring_jobs";

const COALESCE: Duration = Duration::from_millis(2);
/// What waits while the database is away; beyond it, rings are dropped: workers look by themselves.
const WAITING: usize = 1024;

/// Wakes the workers. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct Doorbell {
    rings: mpsc::Sender<Vec<Lane>>,
}

impl Doorbell {
    /// A bell over NOTIFY, connected at the first ring. Must be called within a Tokio runtime; its
    /// task ends when the last clone is dropped.
    #[must_use]
    pub fn postgres(options: PgConnectOptions) -> Self {
        let (rings, waiting) = mpsc::channel(WAITING);
        tokio::spawn(send_rings(options, waiting));
        Self { rings }
    }

    /// A bell that nobody hears: workers find the work within a second.
    #[must_use]
    pub fn silent() -> Self {
        Self {
            rings: mpsc::channel(1).0,
        }
    }

    /// Rings for jobs that were just committed. Returns at once; a lost ring costs a second.
    pub fn ring(&self, lanes: impl IntoIterator<Item = Lane>) {
        let lanes: Vec<Lane> = lanes.into_iter().collect();
        if !lanes.is_empty() {
            // Full or closed: see above.
            let _ = self.rings.try_send(lanes);
        }
    }
}

async fn send_rings(options: PgConnectOptions, mut waiting: mpsc::Receiver<Vec<Lane>>) {
    let options = options.application_name("mooring doorbell");
    let mut connection: Option<PgConnection> = None;
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, WAITING).await > 0 {
        let lanes: HashSet<Lane> = batch.drain(..).flatten().collect();
        let payload = Lanes::encode(&Vec::from_iter(lanes));
        if let Err(error) = notify(&options, &mut connection, &payload).await {
            tracing::debug!(%error, "the doorbell did not ring; workers will look by themselves");
            connection = None;
        }
        tokio::time::sleep(COALESCE).await;
    }
}

async fn notify(
    options: &PgConnectOptions,
    connection: &mut Option<PgConnection>,
    payload: &str,
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect_with(options).await?),
    };
    sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, payload)
        .execute(connection)
        .await?;
    Ok(())
}
