//! What somebody who was away may have missed, from the rows alone.

use super::{MARGIN, Mark, News};
use crate::domain::activity::Event;
use crate::domain::ids::{ActivityId, OrganizationId};
use crate::flows::{Context, Error};
use crate::store::{activity, jobs_changes};

/// Most changes of status that are told at once.
const MOST_STATUSES: i64 = 500;

/// What may have changed since a mark: as far as it can be said, and whether that is all.
pub(super) async fn since(
    context: &Context,
    organization: OrganizationId,
    mark: Mark,
) -> Result<News, Error> {
    let then = mark.time().checked_sub_signed(MARGIN).unwrap_or_default();
    let mut tx = context.db.tenant(organization).await?;
    let changed = jobs_changes::since(&mut tx, organization, then).await?;
    let entries = activity::of_event(
        &mut *tx,
        Event::GitConnectionStatusChanged.as_str(),
        ActivityId::floor(then),
        MOST_STATUSES,
    )
    .await?;
    let all_entries = i64::try_from(entries.len()).is_ok_and(|n| n < MOST_STATUSES);
    Ok(News {
        jobs: changed.jobs,
        statuses: entries.into_iter().map(Into::into).collect(),
        truncated: !changed.complete || !all_entries,
    })
}
