use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::domain::ids::{OrganizationId, WebhookSourceId};
use crate::domain::provider::ProviderKind;

const NAME: Named = Named::App(7);

/// A place to read from, which lets one reading through at a time.
#[derive(Clone)]
struct Shelf {
    sources: Sources,
    readings: Arc<AtomicUsize>,
    leave: Arc<Semaphore>,
}

/// What a reading tells.
#[derive(Clone, Copy)]
enum Tells {
    One,
    None,
    Away,
}

impl Shelf {
    fn new() -> Self {
        Self {
            sources: Sources::default(),
            readings: Arc::default(),
            leave: Arc::new(Semaphore::new(0)),
        }
    }

    async fn read(&self, tells: Tells) -> Result<Arc<[Source]>, Error> {
        self.readings.fetch_add(1, Ordering::SeqCst);
        self.leave.acquire().await.unwrap().forget();
        match tells {
            Tells::One => Ok(Arc::new([source()])),
            Tells::None => Ok(Arc::new([])),
            Tells::Away => Err(Error::Unavailable(StoreError::Unavailable(
                sqlx::Error::PoolTimedOut,
            ))),
        }
    }

    fn ask(&self, tells: Tells) -> tokio::task::JoinHandle<Result<Found, Error>> {
        let shelf = self.clone();
        tokio::spawn(async move {
            shelf
                .sources
                .get(NAME, async || shelf.read(tells).await)
                .await
        })
    }

    /// So many who have come and wait.
    async fn asked(
        &self,
        count: usize,
        tells: Tells,
    ) -> Vec<tokio::task::JoinHandle<Result<Found, Error>>> {
        let all = (0..count).map(|_| self.ask(tells)).collect();
        self.waiting_at_least(count).await;
        all
    }

    async fn waiting_at_least(&self, count: usize) {
        let seated = || {
            lock(&self.sources.0.turns)
                .get(&NAME)
                .map_or(0, Arc::strong_count)
        };
        // One is the table's.
        while seated() < count + 1 {
            tokio::task::yield_now().await;
        }
    }

    fn readings(&self) -> usize {
        self.readings.load(Ordering::SeqCst)
    }

    fn nobody_waits(&self) -> bool {
        lock(&self.sources.0.turns).is_empty()
    }
}

fn source() -> Source {
    Source {
        id: WebhookSourceId(Uuid::nil()),
        organization: OrganizationId::PLATFORM,
        connection: None,
        app: Some(7),
        provider: ProviderKind::Github,
        signs: false,
        secrets: Vec::new(),
    }
}

#[tokio::test]
async fn many_who_come_at_once_read_once() {
    let shelf = Shelf::new();
    let asked = shelf.asked(50, Tells::One).await;
    shelf.leave.add_permits(100);
    for one in asked {
        assert_eq!(one.await.unwrap().unwrap().sources.len(), 1);
    }
    // Nor is it read while it is remembered.
    assert_eq!(
        shelf.ask(Tells::One).await.unwrap().unwrap().sources.len(),
        1
    );
    assert_eq!(shelf.readings(), 1);
    assert!(shelf.nobody_waits());
}

/// What there was not when a reading began may be there when somebody comes: then it is read once more,
/// for all of them together.
#[tokio::test]
async fn what_was_not_found_is_looked_for_by_those_who_came_later() {
    let shelf = Shelf::new();
    let mut asked = shelf.asked(1, Tells::None).await;
    while shelf.readings() == 0 {
        tokio::task::yield_now().await;
    }
    asked.extend(shelf.asked(20, Tells::None).await);
    shelf.waiting_at_least(21).await;
    shelf.leave.add_permits(100);
    for one in asked {
        assert!(one.await.unwrap().unwrap().sources.is_empty());
    }
    assert_eq!(shelf.readings(), 2);
    // It is not remembered.
    let found = shelf.ask(Tells::One).await.unwrap().unwrap();
    assert_eq!(found.sources.len(), 1);
    assert!(shelf.nobody_waits());
}

#[tokio::test]
async fn an_outage_is_waited_for_together() {
    let shelf = Shelf::new();
    let asked = shelf.asked(50, Tells::Away).await;
    shelf.leave.add_permits(100);
    for one in asked {
        let told = one.await.unwrap();
        assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    }
    assert!(shelf.readings() <= 2, "{}", shelf.readings());
    assert!(shelf.nobody_waits());
}

#[tokio::test]
async fn who_gives_up_leaves_the_reading_to_the_next() {
    let shelf = Shelf::new();
    let mut asked = shelf.asked(2, Tells::One).await;
    while shelf.readings() == 0 {
        tokio::task::yield_now().await;
    }
    let first = asked.remove(0);
    first.abort();
    assert!(first.await.is_err());
    shelf.leave.add_permits(1);
    assert!(asked.remove(0).await.unwrap().is_ok());
    assert_eq!(shelf.readings(), 2);
    assert!(shelf.nobody_waits());
}

/// A secret that does not fit is looked for anew, whatever is remembered.
#[tokio::test]
async fn what_does_not_fit_is_read_again() {
    let shelf = Shelf::new();
    shelf.leave.add_permits(2);
    shelf.ask(Tells::One).await.unwrap().unwrap();
    let again = shelf
        .sources
        .get_again(NAME, async || shelf.read(Tells::None).await);
    assert!(again.await.unwrap().sources.is_empty());
    assert_eq!(shelf.readings(), 2);
}
