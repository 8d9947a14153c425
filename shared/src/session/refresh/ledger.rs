//! Reads what is to be renewed, takes renewals and stores new pairs, those of one moment together.
//!
//! Needs: a storm of renewals (a cold start, an outage of a provider) must not be a storm of
//! commits; one alone must not wait for company.
//! Design: a task for each of the three. Each sends what has gathered while its last statement was on
//! the way, and a moment longer where some have: at rest that is one, in a storm dozens. All may be repeated after a lost answer (taking and
//! storing know their attempts), and a batch that a single row spoils is sent again row by row.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::LOOK;
use crate::clock::Clock;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::flows::{Error, RefreshSettings};
use crate::store::connections::{self, Renewable};
use crate::store::sweeps::renewals::{self, Answer, Renewed, Stored, Waits, Wanted};
use crate::store::{Db, StoreError};

/// In one statement.
const MOST: usize = 128;
/// Where some came together others are about to come: what waits a moment for company makes fewer
/// statements. One alone waits for nobody, and many need none.
const SOME: usize = 3;
const MANY: usize = 24;
const COMPANY: Duration = Duration::from_millis(3);
/// Tries to take, where the database does not answer.
const TRIES: u32 = 3;

/// The handle. Cheap to clone; its tasks end with the last one.
#[derive(Clone)]
pub struct Ledger {
    read: mpsc::UnboundedSender<Asked<(OrganizationId, ConnectionId), Renewable>>,
    take: mpsc::UnboundedSender<Asked<Wanted, Answer>>,
    store: mpsc::UnboundedSender<Asked<Renewed, Stored>>,
}

struct Asked<Q, A> {
    question: Q,
    reply: oneshot::Sender<Result<Option<A>, StoreError>>,
}

impl Ledger {
    /// Starts its tasks in the present runtime.
    #[must_use]
    pub fn start(db: &Db, clock: &Clock, settings: &RefreshSettings) -> Self {
        let waits = Waits {
            lease: settings.lease,
            deadline: settings.deadline,
        };
        let holder = settings.holder.clone();
        let (read, reading) = mpsc::unbounded_channel();
        let reader = db.clone();
        tokio::spawn(work(
            reading,
            |wanted: &(OrganizationId, ConnectionId)| wanted.1,
            |found: &Renewable, wanted: &(OrganizationId, ConnectionId)| {
                (found.0.organization_id, found.0.id) == *wanted
            },
            move |batch: Vec<(OrganizationId, ConnectionId)>| {
                let db = reader.clone();
                async move { connections::renewable(&db, &batch).await }
            },
        ));
        let (take, taking) = mpsc::unbounded_channel();
        let (store, storing) = mpsc::unbounded_channel();
        let (taker, time) = (db.clone(), clock.clone());
        tokio::spawn(work(
            taking,
            |wanted: &Wanted| wanted.connection,
            |answer: &Answer, wanted: &Wanted| answer.attempt == wanted.attempt,
            move |batch: Vec<Wanted>| {
                let (db, holder, now) = (taker.batches(), holder.clone(), time.now());
                async move { renewals::take(&db, &batch, waits, &holder, now).await }
            },
        ));
        let (storer, time) = (db.clone(), clock.clone());
        tokio::spawn(work(
            storing,
            |renewed: &Renewed| renewed.connection,
            |stored: &Stored, renewed: &Renewed| stored.attempt == renewed.attempt,
            move |batch: Vec<Renewed>| {
                let (db, now) = (storer.batches(), time.now());
                async move { renewals::store(&db, &batch, now).await }
            },
        ));
        Self { read, take, store }
    }

    /// A connection and what it has to be renewed with; `None` where there is none of this id.
    pub(super) async fn read(
        &self,
        organization: OrganizationId,
        connection: ConnectionId,
    ) -> Result<Option<Renewable>, Error> {
        Ok(ask(&self.read, (organization, connection)).await?)
    }

    /// Takes a renewal; `None` where the connection is gone.
    pub(super) async fn take(&self, wanted: Wanted) -> Result<Option<Answer>, Error> {
        let mut tries = 0;
        loop {
            match ask(&self.take, wanted).await {
                Err(StoreError::Unavailable(_)) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(LOOK * tries).await;
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// Stores a new pair; `None` where the connection is gone.
    pub(super) async fn store(&self, renewed: Renewed) -> Result<Option<Stored>, Error> {
        Ok(ask(&self.store, renewed).await?)
    }
}

async fn ask<Q, A>(
    to: &mpsc::UnboundedSender<Asked<Q, A>>,
    question: Q,
) -> Result<Option<A>, StoreError> {
    let (reply, answer) = oneshot::channel();
    if to.send(Asked { question, reply }).is_err() {
        return Err(gone());
    }
    answer.await.unwrap_or_else(|_| Err(gone()))
}

fn gone() -> StoreError {
    StoreError::Unavailable(sqlx::Error::PoolClosed)
}

async fn work<Q, A, F>(
    mut asked: mpsc::UnboundedReceiver<Asked<Q, A>>,
    of: impl Fn(&Q) -> ConnectionId,
    answers: impl Fn(&A, &Q) -> bool,
    statement: impl Fn(Vec<Q>) -> F,
) where
    Q: Clone,
    F: Future<Output = Result<Vec<A>, StoreError>>,
{
    let mut waiting: Vec<Asked<Q, A>> = Vec::new();
    loop {
        if waiting.is_empty() {
            match asked.recv().await {
                Some(first) => waiting.push(first),
                None => return,
            }
        }
        gather(&mut asked, &mut waiting);
        if (SOME..MANY).contains(&waiting.len()) {
            tokio::time::sleep(COMPANY).await;
            gather(&mut asked, &mut waiting);
        }
        let batch = distinct(&mut waiting, &of);
        let questions: Vec<Q> = batch.iter().map(|one| one.question.clone()).collect();
        match statement(questions).await {
            Ok(mut rows) => {
                for one in batch {
                    let place = rows.iter().position(|row| answers(row, &one.question));
                    let row = place.map(|place| rows.swap_remove(place));
                    let _ = one.reply.send(Ok(row));
                }
            }
            Err(error) if batch.len() == 1 || matches!(error, StoreError::Unavailable(_)) => {
                tracing::debug!(%error, "a batch of renewals");
                let text = error.to_string();
                let mut first = Some(error);
                for one in batch {
                    let error = first.take().unwrap_or_else(|| {
                        StoreError::Unavailable(sqlx::Error::Protocol(text.clone()))
                    });
                    let _ = one.reply.send(Err(error));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a batch of renewals is sent again one by one");
                for one in batch {
                    let rows = statement(vec![one.question]).await;
                    let row = rows.map(|rows| rows.into_iter().next());
                    let _ = one.reply.send(row);
                }
            }
        }
    }
}

fn gather<T>(asked: &mut mpsc::UnboundedReceiver<T>, waiting: &mut Vec<T>) {
    while waiting.len() < MOST
        && let Ok(next) = asked.try_recv()
    {
        waiting.push(next);
    }
}

/// The longest batch in which each connection appears once; what is left waits.
fn distinct<Q, A>(
    waiting: &mut Vec<Asked<Q, A>>,
    of: impl Fn(&Q) -> ConnectionId,
) -> Vec<Asked<Q, A>> {
    let mut seen = HashSet::new();
    let (batch, rest) = std::mem::take(waiting)
        .into_iter()
        .partition(|one| seen.insert(of(&one.question)));
    *waiting = rest;
    batch
}
