//! The one who looks, and those who follow.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::broadcast;

use super::look::Known;
use super::{MARGIN, Mark, News, Render, missed};
use crate::domain::activity::Event;
use crate::domain::ids::{ActivityId, JobId, OrganizationId};
use crate::flows::{Context, Error};
use crate::store::{jobs_changes, sweeps};

const EVERY: Duration = Duration::from_millis(500);
/// A look may take a sixth of the time at most.
const REST: u32 = 5;
const AT_MOST: Duration = Duration::from_secs(10);
/// Organizations per statement.
const TOGETHER: usize = 200;
/// Changes of status that one look sees of an organization.
const MOST_ENTRIES: i64 = 200;
/// What a follower may lag behind before it is let go.
const BEHIND: usize = 32;

/// What happens in the organizations that somebody follows in this process. Cheap to clone.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    context: Context,
    render: Render,
    followed: Mutex<Followed>,
    /// Looks go one by one, so that nothing is told in the wrong order.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Followed {
    /// Whether somebody looks.
    looking: bool,
    organizations: HashMap<OrganizationId, Organization>,
}

struct Organization {
    followers: broadcast::Sender<Bytes>,
    mark: Arc<AtomicI64>,
    /// How it stood at the last look; `None` before the first.
    known: Option<Known>,
}

/// A follower's end of the feed.
#[derive(Debug)]
pub struct Subscription {
    /// What it is told first: where it stands, and what it missed.
    pub first: Bytes,
    news: broadcast::Receiver<Bytes>,
    mark: Arc<AtomicI64>,
}

/// The follower was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more has happened than the follower could take")]
pub struct Lost;

impl Subscription {
    /// What happened next. Nothing is lost where the future is dropped.
    ///
    /// # Errors
    /// [`Lost`]: begin again from the last mark that arrived.
    pub async fn next(&mut self) -> Result<Bytes, Lost> {
        self.news.recv().await.map_err(|_| Lost)
    }

    /// The mark up to which everything was taken; `None` while something waits.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        // The mark moves after the news before it was handed over.
        let mark = Mark(self.mark.load(Ordering::Acquire));
        self.news.is_empty().then_some(mark)
    }
}

impl Feed {
    /// A feed that nobody follows yet; it looks only while somebody does.
    #[must_use]
    pub fn new(context: Context, render: Render) -> Self {
        Self(Arc::new(Inner {
            context,
            render,
            followed: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Follows an organization, from now on or from a mark on. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the database does not answer.
    pub async fn follow(
        &self,
        organization: OrganizationId,
        from: Begin,
    ) -> Result<Subscription, Error> {
        let inner = &self.0;
        let (news, mark, first) = inner.enter(organization);
        if first {
            inner.look(&[organization]).await?;
        }
        let stands = Mark(mark.load(Ordering::Acquire));
        let (missed, before) = match from {
            Begin::Now => (News::default(), stands),
            Begin::Mark(mark) => {
                let missed = missed::since(&inner.context, organization, mark).await?;
                (missed, mark)
            }
            Begin::Unknown => {
                let all = News {
                    truncated: true,
                    ..News::default()
                };
                (all, stands)
            }
        };
        Ok(Subscription {
            first: (inner.render)(&missed, before, stands),
            news,
            mark,
        })
    }
}

/// Where a follower begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At what happens next.
    Now,
    /// At what happened after this mark.
    Mark(Mark),
    /// After something that cannot be read: as if too much had happened.
    Unknown,
}

impl Inner {
    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a follower; whether nobody has looked at the organization yet.
    fn enter(
        self: &Arc<Self>,
        organization: OrganizationId,
    ) -> (broadcast::Receiver<Bytes>, Arc<AtomicI64>, bool) {
        let mut followed = self.followed();
        let entry = match followed.organizations.entry(organization) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => free.insert(Organization {
                followers: broadcast::channel(BEHIND).0,
                mark: Arc::default(),
                known: None,
            }),
        };
        let answer = (
            entry.followers.subscribe(),
            Arc::clone(&entry.mark),
            entry.known.is_none(),
        );
        if !std::mem::replace(&mut followed.looking, true) {
            tokio::spawn(Arc::clone(self).run());
        }
        answer
    }

    /// Looks until nobody follows any more.
    async fn run(self: Arc<Self>) {
        let mut wait = EVERY;
        loop {
            tokio::time::sleep(wait).await;
            let Some(organizations) = self.still_followed() else {
                return;
            };
            let began = Instant::now();
            for some in organizations.chunks(TOGETHER) {
                if let Err(error) = self.look(some).await {
                    tracing::debug!(%error, "the feed could not look; trying again");
                }
            }
            wait = (began.elapsed() * REST).clamp(EVERY, AT_MOST);
        }
    }

    fn still_followed(&self) -> Option<Vec<OrganizationId>> {
        let mut followed = self.followed();
        followed
            .organizations
            .retain(|_, one| one.followers.receiver_count() > 0);
        followed.looking = !followed.organizations.is_empty();
        followed
            .looking
            .then(|| followed.organizations.keys().copied().collect())
    }

    /// Looks at some organizations and tells what differs from the look before.
    async fn look(&self, organizations: &[OrganizationId]) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let context = &self.context;
        let began = context.clock.now();
        let since = began - MARGIN;
        let system = context.db.system();
        let limit = i64::try_from(jobs_changes::MOST).unwrap_or(i64::MAX);
        let jobs = sweeps::standings(&system, organizations, JobId::floor(since), limit).await?;
        let event = Event::GitConnectionStatusChanged.as_str();
        let floor = ActivityId::floor(since);
        let entries =
            sweeps::entries_of_event(&system, organizations, event, floor, MOST_ENTRIES).await?;
        let mut seen: HashMap<OrganizationId, Known> = organizations
            .iter()
            .map(|id| (*id, Known::default()))
            .collect();
        for (organization, job, standing) in jobs {
            if let Some(seen) = seen.get_mut(&organization) {
                seen.jobs.insert(job, standing);
            }
        }
        for (organization, entry) in entries {
            if let Some(seen) = seen.get_mut(&organization) {
                seen.entries.insert(entry);
            }
        }
        for (organization, seen) in seen {
            self.tell(organization, seen, Mark::at(began)).await?;
        }
        Ok(())
    }

    /// Tells one organization's followers what differs. What could not be read is told by the next
    /// look, since what is known stays as it was.
    async fn tell(
        &self,
        organization: OrganizationId,
        mut seen: Known,
        mark: Mark,
    ) -> Result<(), Error> {
        let (moved, before) = {
            let mut followed = self.followed();
            let Some(one) = followed.organizations.get_mut(&organization) else {
                return Ok(());
            };
            let moved = match &one.known {
                None => None,
                Some(known) => Some(known.differs(&seen)).filter(|moved| !moved.is_nothing()),
            };
            let Some(moved) = moved else {
                one.stands(seen, mark);
                return Ok(());
            };
            let known = one.known.as_ref();
            (
                moved,
                known.map(|known| known.jobs.clone()).unwrap_or_default(),
            )
        };
        let news = moved
            .read(&self.context, organization, &before, &mut seen)
            .await?;
        let mut followed = self.followed();
        if let Some(one) = followed.organizations.get_mut(&organization) {
            let last = Mark(one.mark.load(Ordering::Acquire));
            // Nobody may be there any more.
            let _ = one.followers.send((self.render)(&news, last, mark));
            one.stands(seen, mark);
        }
        Ok(())
    }
}

impl Organization {
    fn stands(&mut self, seen: Known, mark: Mark) {
        self.known = Some(seen);
        self.mark.fetch_max(mark.0, Ordering::AcqRel);
    }
}
