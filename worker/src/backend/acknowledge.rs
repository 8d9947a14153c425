//! The acknowledger: writes outcomes down, in batches, until the database has them.
//!
//! Fenced by claim and lease: what was taken over meanwhile, queued and claimed again (even by this
//! very process), or deleted with its organization, is not touched. So a batch may be sent again
//! after a lost connection, whatever became of its first sending. Rows are updated in order of
//! their primary key, as enqueueing locks them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::domain::job::{JobError, JobStatus, Progress};
use sqlx::PgConnection;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

use super::claimed::{Ended, Note, Outcome};
use super::core::{Core, Signal};
use super::link::{Link, LinkError, within};
use super::running::Running;

/// There was no gain beyond.
const BATCH: usize = 200;
/// Where some jobs ended together, others are about to: what waits a moment for company makes fewer
/// statements. One alone waits for nobody, and many need none.
const SOME: usize = 3;
const MANY: usize = 32;
const COMPANY: Duration = Duration::from_millis(3);

pub(crate) async fn run(core: Arc<Core>, mut notes: UnboundedReceiver<Note>) {
    let mut link = core.link("acknowledge");
    let mut batch = Vec::with_capacity(BATCH);
    let mut closing = false;
    while !closing && notes.recv_many(&mut batch, BATCH).await > 0 {
        if (SOME..MANY).contains(&batch.len()) {
            tokio::time::sleep(COMPANY).await;
            while batch.len() < BATCH
                && let Ok(next) = notes.try_recv()
            {
                batch.push(next);
            }
        }
        let mut ended = Vec::with_capacity(batch.len());
        let mut progress = Vec::new();
        for note in batch.drain(..) {
            match note {
                Note::Ended(note) => ended.push(note),
                Note::Progress(running, far) => progress.push((running, far)),
                Note::Close => closing = true,
            }
        }
        if !progress.is_empty() {
            // Lost progress is overtaken by the next.
            let told = within(core.deadline(), async {
                write_progress(link.get().await?, &progress).await
            });
            if let Err(error) = told.await {
                link.failed(&error).await;
            }
        }
        write(&core, &mut link, ended).await;
    }
    link.close().await;
}

async fn write(core: &Core, link: &mut Link, mut ended: Vec<Ended>) {
    ended.sort_by_key(|ended| (ended.running.organization, ended.running.id));
    let (quiet, telling): (Vec<Ended>, Vec<Ended>) = ended
        .into_iter()
        .partition(|ended| ended.outcome == Outcome::Succeeded(None) && ended.progress.is_none());
    if !quiet.is_empty() {
        insist(core, link, &quiet, Statement::Done).await;
    }
    if !telling.is_empty() {
        insist(core, link, &telling, Statement::Any).await;
    }
}

#[derive(Clone, Copy)]
enum Statement {
    Done,
    Any,
}

/// Sends a batch until the database has it. What the server refuses as such is sent one by one, and
/// what it then still refuses ends as failed.
async fn insist(core: &Core, link: &mut Link, ended: &[Ended], statement: Statement) {
    match send(core, link, &ended.iter().collect::<Vec<_>>(), statement).await {
        Ok(requeued) => return settle(core, ended, &requeued),
        Err(error) => {
            tracing::error!(%error, jobs = ended.len(), "outcomes were refused; sending them one by one")
        }
    }
    for one in ended {
        let requeued = match send(core, link, &[one], statement).await {
            Ok(requeued) => requeued,
            Err(error) => {
                tracing::error!(%error, job = %one.running.id, "an outcome was refused");
                let error = JobError {
                    code: "outcome_refused".to_owned(),
                    message: "The job's outcome could not be stored; the worker's log says why."
                        .to_owned(),
                };
                let failed = Ended {
                    running: Arc::clone(&one.running),
                    lane: one.lane,
                    limited: one.limited,
                    outcome: Outcome::Failed(error),
                    progress: None,
                };
                match send(core, link, &[&failed], Statement::Any).await {
                    Ok(requeued) => requeued,
                    Err(_) => {
                        core.signal(Signal::Doubt);
                        Vec::new()
                    }
                }
            }
        };
        settle(core, std::slice::from_ref(one), &requeued);
    }
}

/// Sends a batch until the database answers; the error is a refusal.
async fn send(
    core: &Core,
    link: &mut Link,
    ended: &[&Ended],
    statement: Statement,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, LinkError> {
    let now = core.clock.now();
    loop {
        let answer = within(core.deadline(), async {
            let connection = link.get().await?;
            match statement {
                Statement::Done => acknowledge_done(connection, ended, now).await,
                Statement::Any => acknowledge(connection, ended, now).await,
            }
        })
        .await;
        match answer {
            Ok(requeued) => {
                link.good();
                return Ok(requeued);
            }
            Err(error) if error.is_refusal() => {
                link.failed(&error).await;
                return Err(error);
            }
            Err(error) => link.failed(&error).await,
        }
    }
}

fn settle(core: &Core, ended: &[Ended], requeued: &[(Uuid, DateTime<Utc>)]) {
    core.ledger
        .settle(ended.iter().map(|ended| &*ended.running));
    for ended in ended {
        if let Some((_, at)) = requeued.iter().find(|(id, _)| *id == ended.running.id.0) {
            core.signal(Signal::Due(ended.lane, *at));
        }
        if ended.limited {
            core.signal(Signal::Unblocked(ended.lane));
        }
    }
}

struct Keys {
    organizations: Vec<Uuid>,
    ids: Vec<Uuid>,
    fences: Vec<i32>,
    leases: Vec<i64>,
}

fn keys<'a>(jobs: impl Iterator<Item = &'a Running>) -> Keys {
    let mut keys = Keys {
        organizations: vec![],
        ids: vec![],
        fences: vec![],
        leases: vec![],
    };
    for job in jobs {
        keys.organizations.push(job.organization.0);
        keys.ids.push(job.id.0);
        keys.fences.push(job.fence);
        keys.leases.push(job.lease);
    }
    keys
}

async fn acknowledge_done(
    connection: &mut PgConnection,
    ended: &[&Ended],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    let keys = keys(ended.iter().map(|ended| &*ended.running));
    let requeued = sqlx::query_file_scalar!(
        "src/backend/sql/acknowledge_done.sql",
        &keys.organizations,
        &keys.ids,
        &keys.fences,
        &keys.leases,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(requeued.into_iter().map(|id| (id, now)).collect())
}

async fn acknowledge(
    connection: &mut PgConnection,
    ended: &[&Ended],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    let keys = keys(ended.iter().map(|ended| &*ended.running));
    let size = ended.len();
    let (mut statuses, mut run_at, mut counted) =
        (vec![0_i16; size], vec![now; size], vec![true; size]);
    let mut codes: Vec<Option<String>> = vec![None; size];
    let mut messages: Vec<Option<String>> = vec![None; size];
    let mut results: Vec<Option<String>> = vec![None; size];
    for (place, ended) in ended.iter().enumerate() {
        let (status, error) = match &ended.outcome {
            Outcome::Succeeded(result) => {
                results[place].clone_from(result);
                (JobStatus::Succeeded, None)
            }
            Outcome::Requeued {
                run_at: at,
                counted: counts,
                error,
                told,
            } => {
                results[place].clone_from(told);
                run_at[place] = *at;
                counted[place] = *counts;
                (JobStatus::Queued, error.as_ref())
            }
            Outcome::Failed(error) => (JobStatus::Failed, Some(error)),
            Outcome::Cancelled => (JobStatus::Cancelled, None),
        };
        statuses[place] = status.code();
        codes[place] = error.map(|error| storable(&error.code));
        messages[place] = error.map(|error| storable(&error.message));
    }
    let far = Far::of(ended.iter().map(|ended| ended.progress.as_ref()));
    let requeued = sqlx::query_file!(
        "src/backend/sql/acknowledge.sql",
        &keys.organizations,
        &keys.ids,
        &keys.fences,
        &keys.leases,
        &statuses,
        &run_at,
        &counted,
        &codes as &[Option<String>],
        &messages as &[Option<String>],
        &results as &[Option<String>],
        &far.done as &[Option<i64>],
        &far.total as &[Option<i64>],
        &far.unit as &[Option<String>],
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(requeued
        .into_iter()
        .map(|row| (row.id, row.run_at))
        .collect())
}

async fn write_progress(
    connection: &mut PgConnection,
    progress: &[(Arc<Running>, Progress)],
) -> Result<(), sqlx::Error> {
    let keys = keys(progress.iter().map(|(running, _)| &**running));
    let far = Far::of(progress.iter().map(|(_, progress)| Some(progress)));
    sqlx::query_file!(
        "src/backend/sql/progress.sql",
        &keys.organizations,
        &keys.ids,
        &keys.fences,
        &keys.leases,
        &far.done as &[Option<i64>],
        &far.total as &[Option<i64>],
        &far.unit as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Progress by columns.
struct Far {
    done: Vec<Option<i64>>,
    total: Vec<Option<i64>>,
    unit: Vec<Option<String>>,
}

impl Far {
    fn of<'a>(progress: impl Iterator<Item = Option<&'a Progress>>) -> Self {
        let mut far = Self {
            done: vec![],
            total: vec![],
            unit: vec![],
        };
        for progress in progress {
            far.done.push(progress.map(|progress| progress.done));
            far.total.push(progress.and_then(|progress| progress.total));
            far.unit
                .push(progress.and_then(|progress| progress.unit.as_deref().map(storable)));
        }
        far
    }
}

/// Postgres keeps every character in text but one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// How long the last outcomes of a process that ends may take.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(10);
