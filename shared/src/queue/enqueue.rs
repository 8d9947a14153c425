//! Enqueueing in the caller's transaction.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::new_job::NewJob;
use crate::domain::ids::OrganizationId;
use crate::store::StoreError;
use crate::store::jobs_enqueue::{self, Enqueued, NewRow};

/// Enqueues jobs, in order of the request, in the caller's transaction (of the jobs' tenant, or as
/// `mooring_system`). Ring the bell with what is returned, after the commit.
///
/// A repeat of a queued job raises its priority where the new one's goes first, and brings it
/// forward unless it waits for a retry; a repeat of a running one marks it for another run where
/// the request wants that.
///
/// # Errors
/// [`StoreError::Unavailable`] where the database does not answer or chose this transaction to end
/// a deadlock: roll back and try again.
pub async fn enqueue(
    connection: &mut PgConnection,
    jobs: &[NewJob],
) -> Result<Vec<Enqueued>, StoreError> {
    type Key<'a> = (OrganizationId, &'a str, &'a str);
    // Within one request, too, a key names one job.
    let mut firsts: HashMap<Key<'_>, usize> = HashMap::new();
    let mut unique: Vec<NewRow> = Vec::with_capacity(jobs.len());
    let mut places = Vec::with_capacity(jobs.len());
    for NewJob(job) in jobs {
        let place = match &job.dedupe_key {
            None => unique.len(),
            Some(key) => *firsts
                .entry((job.organization, job.kind, key))
                .or_insert(unique.len()),
        };
        if place == unique.len() {
            unique.push(job.clone());
        } else {
            let first = &mut unique[place];
            first.priority = first.priority.min(job.priority);
            first.run_at = first.run_at.min(job.run_at);
            first.rerun_on_repeat |= job.rerun_on_repeat;
        }
        places.push(place);
    }
    let answers = jobs_enqueue::enqueue(connection, &unique).await?;
    let mut seen = vec![false; unique.len()];
    Ok(places
        .into_iter()
        .map(|place| {
            let repeat_within = std::mem::replace(&mut seen[place], true);
            let answer = answers[place];
            Enqueued {
                repeat: answer.repeat || repeat_within,
                ..answer
            }
        })
        .collect())
}
