//! Group commit: deliveries of one moment are one statement and one commit.
//!
//! Needs: a commit waits for the disk, and so does everybody who commits; a storm of deliveries must
//! not be a storm of commits, and one alone must not wait for company.
//! Design: what has gathered is taken, up to a number of rows and bytes, and sent at once; when it is
//! committed, so is what has gathered meanwhile. At rest that is a batch of one, in a storm dozens, and
//! nobody lingers. In a storm two batches at once would be of half the size each, and cost more together;
//! but a small one holds up nobody: waiting for its commit would only add to the next one's time. And where
//! a large one takes long (a lock, a connection that hangs), the next does not wait for it.
//! A batch that a single row spoils (or that a deadlock ended) is sent again row by row, so no delivery
//! can fail another. What the database could not take is told to whoever sent it, and since not every
//! provider sends again, it is owed ([`Owed`]) as soon as the database takes anything.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::owed::Owed;
use crate::clock::Clock;
use crate::domain::ids::{OrganizationId, WebhookDeliveryId, WebhookSourceId};
use crate::queue::catalogue::{HandleDelivery, SyncAfterRepeat};
use crate::queue::{Doorbell, NewJob, enqueue};
use crate::store::inbox::{self, NewDelivery, Repeat};
use crate::store::{Db, StoreError};

/// Batches on their way at once, of which one is large and has not taken [`LONG`] yet.
const AT_ONCE: usize = 3;
/// A batch of fewer is small.
const SMALL: usize = 4;
/// How long a large batch has to itself.
const LONG: Duration = Duration::from_millis(20);
/// Deliveries in one batch.
const ROWS: usize = 256;
/// Bytes of bodies in one batch, but for a single one that is larger.
const BYTES: usize = 8 * 1024 * 1024;
/// Tries of a batch where the database does not answer: a connection that died with it is found by its
/// first statement.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);
/// Rounds of insert-else-find: each further one needs a delivery to be forgotten between the two.
const ROUNDS: u32 = 3;

/// A delivery is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id; of a repeat that of the first one.
    pub id: WebhookDeliveryId,
    /// Whether it was there already.
    pub duplicate: bool,
}

/// A delivery could not be stored. The cause is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

struct Waiting {
    delivery: NewDelivery,
    reply: oneshot::Sender<Result<Kept, NotKept>>,
}

/// The handle. Cheap to clone; its tasks end with the last one.
#[derive(Clone)]
pub struct Inbox(mpsc::UnboundedSender<Waiting>);

impl Inbox {
    pub(super) fn start(db: &Db, clock: &Clock, doorbell: &Doorbell, owed: &Owed) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let turn = Arc::new(Semaphore::new(1));
        for _ in 0..AT_ONCE {
            let work = Work {
                owed: owed.clone(),
                db: db.clone(),
                clock: clock.clone(),
                doorbell: doorbell.clone(),
            };
            tokio::spawn(work.go_on(Arc::clone(&receiver), Arc::clone(&turn)));
        }
        Self(sender)
    }

    /// Keeps a delivery with its job; resolves after the commit.
    ///
    /// # Errors
    /// [`NotKept`] where the database did not take it.
    pub async fn put(&self, delivery: NewDelivery) -> Result<Kept, NotKept> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send(Waiting { delivery, reply })
            .map_err(|_| NotKept)?;
        answer.await.unwrap_or(Err(NotKept))
    }
}

struct Work {
    owed: Owed,
    db: Db,
    clock: Clock,
    doorbell: Doorbell,
}

impl Work {
    async fn go_on(
        self,
        waiting: Arc<Mutex<mpsc::UnboundedReceiver<Waiting>>>,
        turn: Arc<Semaphore>,
    ) {
        // Never closed.
        while let Ok(mine) = turn.acquire().await {
            let mut batch = Vec::new();
            {
                let mut waiting = waiting.lock().await;
                let Some(first) = waiting.recv().await else {
                    return;
                };
                let mut bytes = first.delivery.body.len();
                batch.push(first);
                while batch.len() < ROWS
                    && bytes < BYTES
                    && let Ok(next) = waiting.try_recv()
                {
                    bytes += next.delivery.body.len();
                    batch.push(next);
                }
            }
            let is_small = batch.len() < SMALL;
            let mut answered = pin!(self.answer(batch));
            if is_small || timeout(LONG, &mut answered).await.is_err() {
                drop(mine);
                answered.await;
            }
        }
    }

    async fn answer(&self, batch: Vec<Waiting>) {
        let (deliveries, replies): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|one| (one.delivery, one.reply))
            .unzip();
        match self.keep(&deliveries).await {
            Ok(kept) => {
                for (reply, kept) in replies.into_iter().zip(kept) {
                    let _ = reply.send(Ok(kept));
                }
                self.owed.pay().await;
            }
            Err(error) if deliveries.len() == 1 || is_away(&error) => {
                tracing::warn!(%error, deliveries = deliveries.len(), "deliveries could not be stored");
                self.owe(&deliveries);
                for reply in replies {
                    let _ = reply.send(Err(NotKept));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a batch of deliveries is sent again one by one");
                for (delivery, reply) in deliveries.into_iter().zip(replies) {
                    let kept = self.keep(std::slice::from_ref(&delivery)).await;
                    let kept = match kept {
                        Ok(kept) => kept.first().copied().ok_or(NotKept),
                        Err(error) => {
                            tracing::warn!(%error, "a delivery could not be stored");
                            self.owe(std::slice::from_ref(&delivery));
                            Err(NotKept)
                        }
                    };
                    let _ = reply.send(kept);
                }
            }
        }
    }

    fn owe(&self, refused: &[NewDelivery]) {
        for one in refused {
            if let Some(connection) = one.connection {
                self.owed.verified(one.organization, connection);
            }
        }
    }

    /// The batch, tried again where the database does not answer: what a lost answer kept is found.
    async fn keep(&self, batch: &[NewDelivery]) -> Result<Vec<Kept>, StoreError> {
        let mut tries = 1;
        loop {
            match self.keep_once(batch).await {
                Err(error) if is_away(&error) && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE * tries).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn keep_once(&self, batch: &[NewDelivery]) -> Result<Vec<Kept>, StoreError> {
        let job = NewJob::new(
            &HandleDelivery {
                delivery_id: WebhookDeliveryId::floor(self.clock.now()),
            },
            OrganizationId::PLATFORM,
            self.clock.now(),
        );
        let mut kept: Vec<Option<Kept>> = vec![None; batch.len()];
        let mut open: Vec<usize> = (0..batch.len()).collect();
        for _ in 0..ROUNDS {
            let rows: Vec<NewDelivery> = open.iter().map(|place| batch[*place].clone()).collect();
            let new = inbox::keep(&self.db.inbox(), &rows, job.row()).await?;
            let mut lanes = Vec::new();
            open.retain(|place| {
                let delivery = &batch[*place];
                let is_new = new.contains(&delivery.id);
                if is_new {
                    lanes.push(inbox::lane_of(delivery, job.row()));
                    kept[*place] = Some(Kept {
                        id: delivery.id,
                        duplicate: false,
                    });
                }
                !is_new
            });
            self.doorbell.ring(lanes);
            if open.is_empty() {
                break;
            }
            for repeat in self.repeats(batch, &open).await? {
                let place = open[repeat.place];
                kept[place] = Some(Kept {
                    id: repeat.id,
                    duplicate: repeat.id != batch[place].id,
                });
            }
            open.retain(|place| kept[*place].is_none());
            if open.is_empty() {
                break;
            }
        }
        kept.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| {
            StoreError::Unavailable(sqlx::Error::Protocol(
                "a delivery was neither stored nor found".to_owned(),
            ))
        })
    }

    /// Finds and counts what was there already. Bytes that came under another id may be a true repeat
    /// of an event (a branch made, deleted and made again) or somebody's replay: a sync tells, and
    /// gives a replay nothing.
    async fn repeats(
        &self,
        batch: &[NewDelivery],
        open: &[usize],
    ) -> Result<Vec<Repeat>, StoreError> {
        let now = self.clock.now();
        let rows: Vec<&NewDelivery> = open.iter().map(|place| &batch[*place]).collect();
        let mut tx = self.db.system().begin().await?;
        let repeats = inbox::count_repeats(&mut tx, &rows).await?;
        let mut sources: Vec<(OrganizationId, WebhookSourceId)> = repeats
            .iter()
            .filter(|repeat| !repeat.same_id)
            .map(|repeat| (repeat.organization, rows[repeat.place].source))
            .collect();
        sources.sort_unstable();
        sources.dedup();
        let mut enqueued = Vec::new();
        if !sources.is_empty() {
            let marked = inbox::mark_sync_wanted(&mut tx, &sources, now).await?;
            let jobs: Vec<NewJob> = repeats
                .iter()
                .filter(|repeat| !repeat.same_id)
                .filter(|repeat| marked.contains(&rows[repeat.place].source))
                .map(|repeat| {
                    let payload = SyncAfterRepeat {
                        delivery_id: repeat.id,
                    };
                    NewJob::new(&payload, repeat.organization, now)
                        .dedupe_key(rows[repeat.place].source.to_string())
                })
                .collect();
            enqueued = enqueue(&mut tx, &jobs).await?;
        }
        tx.commit().await.map_err(StoreError::from)?;
        self.doorbell.ring(enqueued.iter().map(|job| job.lane));
        Ok(repeats)
    }
}

/// Whether the same may go well later; a deadlock (40P01) is no such thing for a batch.
fn is_away(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(sqlx::Error::Database(database)) => {
            !database.code().is_some_and(|code| code.starts_with("40"))
        }
        StoreError::Unavailable(_) => true,
        _ => false,
    }
}
