//! Waking the workers.
//!
//! Every NOTIFY takes a lock of the whole cluster at its commit, so a process sends few: the first
//! ring goes out at once, and those of the next two milliseconds together with what is being sent.
//! It has a connection of its own, so that a ring never waits for a busy pool.
//!
//! Where Redis is configured a ring goes through it, and Postgres is spared the lock. A ring that
//! Redis did not take, or that no subscriber heard (PUBLISH tells how many did), goes out by NOTIFY
//! in the same breath. Workers listen on both wires and look by themselves every second, so the
//! cases are:
//! - *Redis gone, slow, or restarting*: NOTIFY carries on; a failed server is left alone for a
//!   second at a time, so that rings do not queue up behind its time-outs.
//! - *Redis flushed*: it held nothing.
//! - *A worker that lost Redis while another has it*: the other one heard the ring and takes the
//!   work; the lost one joins in with its next look.
//! - *A subscriber that vanished and that Redis still counts*: within a second by the look.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::mpsc;

use super::notify::NotifyBell;
use super::redis::{Redis, RedisBell};
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
        Self::over(None, options)
    }

    /// A bell over Redis where there is one, and over NOTIFY where Redis fails or nobody listens
    /// there. Otherwise as [`Doorbell::postgres`].
    #[must_use]
    pub fn over(redis: Option<Redis>, options: PgConnectOptions) -> Self {
        let (rings, waiting) = mpsc::channel(WAITING);
        let wires = (redis.map(RedisBell::new), NotifyBell::new(options));
        tokio::spawn(send_rings(wires, waiting));
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

async fn send_rings(
    (mut redis, mut notify): (Option<RedisBell>, NotifyBell),
    mut waiting: mpsc::Receiver<Vec<Lane>>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, WAITING).await > 0 {
        let lanes: HashSet<Lane> = batch.drain(..).flatten().collect();
        let payload = Lanes::encode(&Vec::from_iter(lanes));
        let heard = match &mut redis {
            Some(redis) => redis.ring(&payload).await,
            None => false,
        };
        if !heard {
            notify.ring(&payload).await;
        }
        tokio::time::sleep(COALESCE).await;
    }
}
