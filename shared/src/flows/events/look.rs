//! One organization between two looks: what differs.

use std::collections::{HashMap, HashSet};

use super::News;
use crate::domain::activity::Event;
use crate::domain::ids::{ActivityId, JobId, OrganizationId};
use crate::domain::job::{Job, JobStatus};
use crate::flows::{Context, Error};
use crate::store::jobs_changes::{self, MOST};
use crate::store::sweeps::Standing;

/// Jobs that were seen open and are not among what a bounded look shows: at most so many are kept.
const MOST_KNOWN: usize = 4 * MOST;

/// How things stood at a look.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) jobs: HashMap<JobId, Standing>,
    pub(super) entries: HashSet<ActivityId>,
}

/// What is to be read because of a look.
#[derive(Debug, Default)]
pub(super) struct Moved {
    jobs: Vec<JobId>,
    /// Were open, and are out of sight.
    left: HashSet<JobId>,
    /// From the oldest on.
    entries: Option<ActivityId>,
    new_entries: HashSet<ActivityId>,
    truncated: bool,
}

fn is_open(status: i16) -> bool {
    [JobStatus::Queued.code(), JobStatus::Running.code()].contains(&status)
}

impl Known {
    /// What differs in a later look.
    pub(super) fn differs(&self, seen: &Known) -> Moved {
        let changed = seen
            .jobs
            .iter()
            .filter(|(id, standing)| self.jobs.get(id) != Some(standing))
            .map(|(id, _)| *id);
        let left: HashSet<JobId> = self
            .jobs
            .iter()
            .filter(|(id, standing)| is_open(standing.status) && !seen.jobs.contains_key(id))
            .map(|(id, _)| *id)
            .collect();
        let mut jobs: Vec<JobId> = changed.chain(left.iter().copied()).collect();
        jobs.sort_unstable();
        let truncated = jobs.len() > MOST;
        // The newest are what somebody looks at.
        jobs.drain(..jobs.len().saturating_sub(MOST));
        let new_entries: HashSet<ActivityId> =
            seen.entries.difference(&self.entries).copied().collect();
        Moved {
            jobs,
            left,
            entries: new_entries.iter().min().copied(),
            new_entries,
            truncated,
        }
    }
}

impl Moved {
    pub(super) fn is_nothing(&self) -> bool {
        self.jobs.is_empty() && self.new_entries.is_empty()
    }

    /// Reads what moved, as its tenant. Adds to what was seen the jobs that are open still.
    pub(super) async fn read(
        self,
        context: &Context,
        organization: OrganizationId,
        before: &HashMap<JobId, Standing>,
        seen: &mut Known,
    ) -> Result<News, Error> {
        let mut tx = context.db.tenant(organization).await?;
        let jobs = jobs_changes::get_many(&mut tx, organization, &self.jobs).await?;
        let mut told: Vec<Job> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let hidden = self.left.contains(&job.id) && is_open(job.status.code());
            match before.get(&job.id) {
                Some(standing) if hidden => {
                    if seen.jobs.len() < MOST_KNOWN {
                        seen.jobs.insert(job.id, *standing);
                    }
                }
                _ => told.push(job),
            }
        }
        let mut statuses = Vec::new();
        if let Some(oldest) = self.entries {
            let event = Event::GitConnectionStatusChanged.as_str();
            // Behind the one before the oldest: the bound leaves out the id itself.
            let behind = ActivityId(uuid::Uuid::from_u128(oldest.0.as_u128().saturating_sub(1)));
            let limit = i64::try_from(MOST).unwrap_or(i64::MAX);
            let entries = crate::store::activity::of_event(&mut *tx, event, behind, limit).await?;
            statuses = entries
                .into_iter()
                .filter(|entry| self.new_entries.contains(&entry.id))
                .map(Into::into)
                .collect();
        }
        Ok(News {
            jobs: told,
            statuses,
            truncated: self.truncated,
        })
    }
}
