//! The claimer: turns free slots into claimed jobs.
//!
//! One statement takes from many lanes at once, `FOR UPDATE SKIP LOCKED`, so that claimers of other
//! processes are passed by and never waited for. Lanes of connections are claimed under advisory
//! locks of these connections, taken by a statement before: only then does the claim's snapshot
//! contain every claim that was made under the same lock, and the count of what runs is exact over
//! all processes. A connection whose lock is taken is tried again some milliseconds later.
//!
//! Races, by name:
//! - *Lost answer*: the claim was committed and we do not know what it took. The rows stand under
//!   our lease and nobody would run them; so after any error the claimer gives back what stands
//!   under its lease and is not in the ledger, again and again for as long as a statement of the
//!   lost connection might still be running on the server.
//! - *Lease lost meanwhile*: what was claimed under an older lease is not started ([`Core::poll_start`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use shared::queue::Lane;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::claimed::Claimed;
use super::core::{Core, Signal};
use super::lanes::{Cursor, LaneBook};
use super::link::{Link, within};
use super::pace::Pace;
use super::plan::{MOST_LANES, Quota, Room, plan};
use super::running::Running;

/// Our class of advisory locks: "job".
pub(crate) const LOCK_CLASS: i32 = 0x006a_6f62;
/// Until a connection that another process claims from is tried again.
const LOCKED: Duration = Duration::from_millis(5);
/// A moved clock is noticed within this.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// What was fetched ahead and found no slot within this is given back: the jobs before it turned out
/// to be slow, and another worker may be free.
const STALE: Duration = Duration::from_millis(250);
const RECONCILE_EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn run(core: Arc<Core>) {
    let mut link = core.link("claim");
    let mut book = LaneBook::default();
    let mut pace = Pace::default();
    let mut doubt = Doubt::default();
    while !core.stopping.is_cancelled() {
        read_signals(&core, &mut book, &mut doubt);
        core.give_back(STALE);
        let Some(lease) = core.tenure.current() else {
            wait(&core, LONGEST_WAIT).await;
            continue;
        };
        if doubt.is_due() {
            match within(core.deadline(), reconcile(&mut link, &core, lease)).await {
                Ok(()) => doubt.done(),
                Err(error) => link.failed(&error).await,
            }
            continue;
        }
        let (time, now) = (core.clock.now(), Instant::now());
        let slots = core.ledger.slots();
        let ahead = pace.ahead(slots.short_runs, slots.short_busy, core.concurrency, now);
        let due = book.due_lanes(time, now, &slots.by_organization, MOST_LANES);
        let room = Room {
            concurrency: core.concurrency,
            ahead,
            contended: book.contended(now),
        };
        let quotas = plan(&due.lanes, due.organizations, &slots, room);
        if quotas.is_empty() {
            let next = due
                .next
                .and_then(|at| (at - time).to_std().ok())
                .unwrap_or(LONGEST_WAIT);
            let paused = book
                .paused_until()
                .map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now));
            let longest = next
                .min(paused.max(Duration::from_millis(1)))
                .min(LONGEST_WAIT);
            if due.lanes.is_empty() {
                wait(&core, longest).await;
            } else {
                wait_for_slots(&core, slots.taken.saturating_sub(1), longest).await;
            }
            continue;
        }
        // Where jobs end by the thousand, a claim for each one that ended would be all statements
        // and no jobs.
        if room.free(&slots) < ahead / 4 {
            wait_for_slots(
                &core,
                core.concurrency + ahead - ahead / 4,
                Duration::from_millis(5),
            )
            .await;
            continue;
        }
        let asked = within(core.deadline(), claim(&mut link, &core, lease, &quotas)).await;
        match asked {
            Ok(taken) => {
                link.good();
                note_claim(&core, &mut book, &quotas, taken);
            }
            Err(error) => {
                doubt.begin(core.tenure.length() + core.deadline());
                link.failed(&error).await;
            }
        }
    }
    link.close().await;
}

/// What a claim brought.
struct Taken {
    jobs: Vec<Claimed>,
    /// Connections that another process is claiming from.
    locked: Vec<Uuid>,
}

fn note_claim(core: &Core, book: &mut LaneBook, quotas: &[Quota], mut taken: Taken) {
    let mut got: HashMap<Lane, (i64, Cursor)> = HashMap::new();
    for job in &taken.jobs {
        let cursor = Cursor {
            run_at: job.run_at,
            id: job.id.0,
        };
        let entry = got.entry(job.lane).or_insert((0, cursor));
        entry.0 += 1;
        if (cursor.run_at, cursor.id) > (entry.1.run_at, entry.1.id) {
            entry.1 = cursor;
        }
    }
    for quota in quotas {
        let lane = &quota.from.lane;
        if lane.has_connection() && taken.locked.contains(&lane.connection) {
            book.pause(lane, Instant::now() + LOCKED);
            continue;
        }
        let got = got.get(lane);
        // The limit of a connection may have kept back older jobs than those it let through.
        let cursor = got.map(|got| got.1).filter(|_| !lane.has_connection());
        book.claimed(lane, quota.jobs as i64, got.map_or(0, |got| got.0), cursor);
    }
    if !taken.jobs.is_empty() {
        taken
            .jobs
            .sort_by_key(|job| (job.lane.priority, job.run_at, job.id));
        core.offer(taken.jobs);
    }
}

fn read_signals(core: &Core, book: &mut LaneBook, doubt: &mut Doubt) {
    let (time, now) = (core.clock.now(), Instant::now());
    // Read before the letters are taken: a ring that is counted after this is in a later letter.
    let rings = core.rings();
    for signal in core.take_signals() {
        match signal {
            Signal::Ring(lanes) => {
                for lane in lanes {
                    book.ring(lane, rings, time, now);
                }
            }
            Signal::Due(lane, at) => book.due(lane, at, rings, now),
            Signal::Unblocked(lane) => book.unblock(lane, rings),
            Signal::Doubt => doubt.begin(Duration::ZERO),
            Signal::Survey(surveyed) => book.survey(surveyed, now),
        }
    }
}

async fn wait(core: &Core, longest: Duration) {
    tokio::select! {
        () = core.stopping.cancelled() => {}
        () = core.signalled() => {}
        () = tokio::time::sleep(longest) => {}
    }
}

async fn wait_for_slots(core: &Core, taken: usize, longest: Duration) {
    tokio::select! {
        () = core.ledger.until_taken(taken) => {}
        () = wait(core, longest) => {}
    }
    core.ledger.stop_waiting();
}

/// Whether rows may stand under our lease that we do not know of.
#[derive(Default)]
struct Doubt {
    until: Option<Instant>,
    next: Option<Instant>,
}

impl Doubt {
    fn begin(&mut self, length: Duration) {
        self.until = Some(Instant::now() + length);
        self.next = Some(Instant::now());
    }

    fn is_due(&self) -> bool {
        self.next.is_some_and(|at| at <= Instant::now())
    }

    fn done(&mut self) {
        let next = Instant::now() + RECONCILE_EVERY;
        self.next = self
            .until
            .is_some_and(|until| next <= until + RECONCILE_EVERY)
            .then_some(next);
    }
}

async fn reconcile(link: &mut Link, core: &Core, lease: i64) -> Result<(), sqlx::Error> {
    let held = core.ledger.held_ids();
    let given_back = sqlx::query_file!("src/backend/sql/reconcile.sql", lease, &held)
        .execute(link.get().await?)
        .await?
        .rows_affected();
    if given_back > 0 {
        tracing::info!(
            jobs = given_back,
            "gave back jobs whose claim had no answer"
        );
        core.look.notify_one();
    }
    Ok(())
}

async fn claim(
    link: &mut Link,
    core: &Core,
    lease: i64,
    quotas: &[Quota],
) -> Result<Taken, sqlx::Error> {
    let connection = link.get().await?;
    let (limited, free): (Vec<&Quota>, Vec<&Quota>) = quotas
        .iter()
        .partition(|quota| quota.from.lane.has_connection());
    let mut taken = Taken {
        jobs: Vec::new(),
        locked: Vec::new(),
    };
    if !free.is_empty() {
        taken.jobs = claim_free(connection, core, lease, &free).await?;
    }
    if !limited.is_empty() {
        let mut transaction = connection.begin().await?;
        let mut wanted: Vec<Uuid> = limited
            .iter()
            .map(|quota| quota.from.lane.connection)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let locked = sqlx::query_scalar!(
            r#"SELECT c AS "c!" FROM unnest($1::uuid[]) AS c WHERE pg_try_advisory_xact_lock($2, uuid_hash(c))"#,
            &wanted,
            LOCK_CLASS
        )
        .fetch_all(&mut *transaction)
        .await?;
        taken.locked = wanted
            .into_iter()
            .filter(|connection| !locked.contains(connection))
            .collect();
        let limited: Vec<&Quota> = limited
            .into_iter()
            .filter(|quota| locked.contains(&quota.from.lane.connection))
            .collect();
        if !limited.is_empty() {
            taken
                .jobs
                .extend(claim_limited(&mut transaction, core, lease, &limited).await?);
        }
        transaction.commit().await?;
    }
    Ok(taken)
}

/// A row of either claim.
struct Row {
    organization_id: Uuid,
    id: Uuid,
    connection_id: Option<Uuid>,
    repository_id: Option<Uuid>,
    kind: String,
    priority: i16,
    long: bool,
    limited: bool,
    attempt: i16,
    max_attempts: i16,
    fence: i32,
    run_at: chrono::DateTime<chrono::Utc>,
    payload: Json<Box<RawValue>>,
    requested_by: Option<Json<Box<RawValue>>>,
}

impl Row {
    fn into_claimed(self, lease: i64) -> Claimed {
        let (organization, id) = (self.organization_id.into(), self.id.into());
        Claimed {
            id,
            organization,
            connection: self.connection_id.map(Into::into),
            repository: self.repository_id.map(Into::into),
            kind: self.kind,
            lane: Lane {
                organization,
                connection: self.connection_id.unwrap_or_else(Uuid::nil),
                priority: self.priority,
                long: self.long,
            },
            limited: self.limited && self.connection_id.is_some(),
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            run_at: self.run_at,
            payload: self.payload.0,
            requested_by: self.requested_by.map(|by| by.0),
            running: Arc::new(Running::new(organization, id, self.fence, lease)),
        }
    }
}

macro_rules! claim_with {
    ($name:ident, $file:literal) => {
        async fn $name(
            connection: &mut PgConnection,
            core: &Core,
            lease: i64,
            quotas: &[&Quota],
        ) -> Result<Vec<Claimed>, sqlx::Error> {
            let column =
                |f: fn(&Quota) -> Uuid| quotas.iter().map(|quota| f(quota)).collect::<Vec<_>>();
            let organizations = column(|quota| quota.from.lane.organization.0);
            let connections = column(|quota| quota.from.lane.connection);
            let cursors = column(|quota| quota.from.cursor.id);
            let priorities: Vec<_> = quotas
                .iter()
                .map(|quota| quota.from.lane.priority)
                .collect();
            let long: Vec<_> = quotas.iter().map(|quota| quota.from.lane.long).collect();
            let times: Vec<_> = quotas
                .iter()
                .map(|quota| quota.from.cursor.run_at)
                .collect();
            let jobs: Vec<_> = quotas.iter().map(|quota| quota.jobs as i64).collect();
            let rows = sqlx::query_file_as!(
                Row,
                $file,
                &organizations,
                &connections,
                &priorities,
                &long,
                &times,
                &cursors,
                &jobs,
                core.clock.now(),
                lease
            )
            .fetch_all(connection)
            .await?;
            Ok(rows
                .into_iter()
                .map(|row| row.into_claimed(lease))
                .collect())
        }
    };
}

claim_with!(claim_free, "src/backend/sql/claim.sql");
claim_with!(claim_limited, "src/backend/sql/claim_limited.sql");
