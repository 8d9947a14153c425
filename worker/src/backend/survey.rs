//! The surveyor: finds every lane by itself, for what no bell told of, what is due by time alone,
//! and what a cursor passed over.
//!
//! At most every second and at most a twentieth of the time; on a connection of its own, since its scan
//! may have to walk over entries that an old snapshot keeps, while claims go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use shared::queue::Lane;
use sqlx::PgConnection;

use super::core::{Core, Signal};
use super::lanes::Cursor;
use super::link::within;

const EVERY: Duration = Duration::from_secs(1);
/// Asked for by somebody: at most this often.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Every lane with its oldest queued job.
#[derive(Debug)]
pub(crate) struct Surveyed {
    /// How many rings there had been when it began.
    pub(crate) rings: u64,
    /// When it began.
    pub(crate) began: DateTime<Utc>,
    pub(crate) lanes: Vec<(Lane, Cursor)>,
}

pub(crate) async fn run(core: Arc<Core>) {
    let mut link = core.link("survey");
    let mut wait = Duration::ZERO;
    let mut at_least = Duration::ZERO;
    loop {
        tokio::select! {
            () = core.stopping.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
            () = core.look.notified() => tokio::select! {
                () = core.stopping.cancelled() => break,
                () = tokio::time::sleep(at_least) => {}
            },
        }
        let (rings, began, start) = (core.rings(), core.clock.now(), Instant::now());
        let answer = within(core.deadline() * 4, async {
            survey(link.get().await?).await
        })
        .await;
        match answer {
            Ok(lanes) => {
                link.good();
                core.signal(Signal::Survey(Surveyed {
                    rings,
                    began,
                    lanes,
                }));
            }
            Err(error) => link.failed(&error).await,
        }
        wait = EVERY.max(start.elapsed() * 20);
        at_least = AT_ONCE.max(start.elapsed() * 20);
    }
    link.close().await;
}

async fn survey(connection: &mut PgConnection) -> Result<Vec<(Lane, Cursor)>, sqlx::Error> {
    let rows = sqlx::query_file!("src/backend/sql/survey.sql")
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let lane = Lane {
                organization: row.organization_id.into(),
                connection: row.connection,
                priority: row.priority,
                long: row.long,
            };
            (
                lane,
                Cursor {
                    run_at: row.run_at,
                    id: row.id,
                },
            )
        })
        .collect())
}
