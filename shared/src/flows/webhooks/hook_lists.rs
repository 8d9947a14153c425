//! What the hooks of a connection have sent in vain: found in the provider's lists, fetched, kept as if it
//! had come.
//!
//! An App has one list, which is looked through every hour. Hooks of repositories have one each, and
//! looking through all of them by the clock would spend what the account's owner needs the quota for. So a
//! list is asked for only where something speaks for a loss, and nothing is asked where nothing does:
//! - *we were away* ([`presence`](super::presence)) or *answered with a failure* ([`owed`](super::owed)):
//!   the source is marked, from then on, and all its lists are looked through;
//! - *the provider has a mark of failures on a hook*: its list alone is. Marks are read where hooks are
//!   registered, and once a day: one question per hook, in the sweeps' class. A mark tells of the last
//!   delivery, so it is not found where a later one went well, but GitLab, Azure DevOps and GitHub show
//!   what lasts, and what lasts is what nobody else would find;
//! - *nothing has come for a week*: known here, without a question, and asked after with the day's marks.
//!
//! One job per connection goes from hook to hook and writes each down when it is done, so that one that was
//! held back by a rate limit goes on where it was. The mark of the source goes when all are done, and only
//! if no newer one was made meanwhile. Where a provider keeps no list (Bitbucket; GitLab before 17.3), no
//! longer remembers, or has switched the hook off and so sent nothing, that time is a gap: noted on the
//! connection, with a sync in its place. A hook that is off or gone is put right by the job that registers,
//! which follows every whole look: it asks nothing where nothing is left to do, and finds what was refused.

use chrono::{DateTime, TimeDelta, Utc};

use super::hook_visit::Visit;
use super::register;
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OrganizationId, WebhookSourceId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::meter::CallClass;
use crate::domain::page::PageRequest;
use crate::flows::connections::find_own;
use crate::flows::{Context, Error};
use crate::providers::ProviderError;
use crate::queue::catalogue::{RecoverHookDeliveries, SweepHookDeliveries};
use crate::queue::{Job, NewJob, enqueue};
use crate::session;
use crate::store::hook_looks::{self, HookLooked, HookSeen, Wanted};
use crate::store::webhook_deliveries::{self, DeliveryFilter};

/// What was under way when the time begins is looked at, too.
pub(super) const OVERLAP: TimeDelta = TimeDelta::minutes(15);
/// So long nothing comes before it is asked why.
const SILENCE: TimeDelta = TimeDelta::days(7);
/// Hooks of one connection.
const MOST: i64 = 2_000;

/// The job that looks at a connection's hooks.
#[must_use]
pub fn job(organization: OrganizationId, connection: ConnectionId, now: DateTime<Utc>) -> NewJob {
    let payload = RecoverHookDeliveries {
        connection_id: connection,
    };
    NewJob::new(&payload, organization, now)
        .connection(connection)
        .dedupe_key(connection.to_string())
}

/// The job that enqueues those that are due.
#[must_use]
pub fn sweep_job(now: DateTime<Utc>) -> NewJob {
    NewJob::new(&SweepHookDeliveries {}, OrganizationId::PLATFORM, now)
        .dedupe_key(SweepHookDeliveries::KIND)
}

/// What came of looking at a connection's hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookLook {
    /// Hooks that were asked for how they stand.
    pub checked: usize,
    /// Lists that were looked through.
    pub listed: usize,
    /// Deliveries that had never arrived and are kept now.
    pub recovered: usize,
    /// Hooks with a stretch of time that no list tells of.
    pub gaps: usize,
    /// Whether all of it was done.
    pub whole: bool,
}

/// What is to be done.
pub(super) struct Plan {
    pub(super) wanted: Wanted,
    hooks: Vec<HookSeen>,
    pub(super) begun: DateTime<Utc>,
}

impl Plan {
    pub(super) fn is_to_check(&self, hook: &HookSeen) -> bool {
        self.wanted.check_asked_at > hook.standing_at
    }

    /// Since when a look at all lists is wanted that this hook has not had.
    pub(super) fn since(&self, hook: &HookSeen) -> Option<DateTime<Utc>> {
        let since = self.wanted.look_since?;
        let is_done = hook.listed_until >= self.wanted.look_asked_at;
        (!is_done).then(|| since - OVERLAP)
    }

    fn is_silent(&self, newest: Option<DateTime<Utc>>) -> bool {
        let before = |at: DateTime<Utc>| at <= self.begun - SILENCE;
        self.wanted.look_since.is_none()
            && self.hooks.iter().any(|hook| self.is_to_check(hook))
            && newest.is_none_or(before)
            && self.wanted.checked_until.is_none_or(before)
            && before(self.wanted.created_at)
    }

    fn is_due(&self, hook: &HookSeen) -> bool {
        self.is_to_check(hook) || self.since(hook).is_some()
    }

    fn is_nothing(&self) -> bool {
        !self.hooks.iter().any(|hook| self.is_due(hook))
    }
}

/// Looks at the hooks of a connection as far as is due, until it is done or `stopped` says so. The inner
/// error is the provider's, and what was done until then stands.
///
/// # Errors
/// As [`session::open`]; where the database does not answer.
pub async fn look(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    stopped: impl Fn() -> bool,
) -> Result<Result<HookLook, ProviderError>, Error> {
    let mut look = HookLook::default();
    let Some(plan) = plan(context, permit, id).await? else {
        return Ok(Ok(HookLook {
            whole: true,
            ..look
        }));
    };
    let connection = find_own(context, permit, id).await?;
    let works = connection.is_active && connection.status != ConnectionStatus::Disconnected;
    if !works {
        give_up(context, permit, &connection, &plan).await?;
        look.whole = true;
        return Ok(Ok(look));
    }
    if !plan.is_nothing() {
        let mut session = match session::open(context, connection.clone(), CallClass::Sweep).await {
            Ok(session) => session,
            // A credential that is dead, or none.
            Err(
                Error::Provider {
                    callers_fault: true,
                    ..
                }
                | Error::Conflict { .. },
            ) => {
                give_up(context, permit, &connection, &plan).await?;
                look.whole = true;
                return Ok(Ok(look));
            }
            Err(error) => return Err(error),
        };
        for hook in plan.hooks.iter().filter(|hook| plan.is_due(hook)) {
            if stopped() {
                return Ok(Ok(look));
            }
            let visit = Visit {
                context,
                plan: &plan,
                hook,
            };
            match visit.make(permit, &mut session, &mut look).await? {
                Ok(()) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    let registers = register::job(context, permit, id);
    finish(context, permit, id, (&plan, &[registers])).await?;
    look.whole = true;
    Ok(Ok(look))
}

/// A connection that does not work: what its hooks have missed is a gap, and whoever connects it again
/// has everything listed.
async fn give_up(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    plan: &Plan,
) -> Result<(), Error> {
    if let Some(since) = plan.wanted.look_since {
        let looked = HookLooked {
            gap: Some((since, plan.begun)),
            ..HookLooked::default()
        };
        note(context, permit, connection.id, ("", &looked), &[]).await?;
    }
    finish(context, permit, connection.id, (plan, &[])).await
}

async fn finish(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    (plan, jobs): (&Plan, &[NewJob]),
) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let asked_at = plan.wanted.look_asked_at;
    hook_looks::finish(&mut *tx, WebhookSourceId(id.0), asked_at, plan.begun).await?;
    let enqueued = enqueue(&mut tx, jobs).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}

async fn plan(context: &Context, permit: &Permit, id: ConnectionId) -> Result<Option<Plan>, Error> {
    let begun = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let Some(wanted) = hook_looks::wanted(&mut *tx, id).await? else {
        return Ok(None);
    };
    let hooks = hook_looks::hooks(&mut *tx, id, MOST).await?;
    let mut plan = Plan {
        wanted,
        hooks,
        begun,
    };
    let filter = DeliveryFilter {
        connection: Some(id),
        ..DeliveryFilter::default()
    };
    let newest = webhook_deliveries::list(&mut *tx, &filter, &PageRequest::first(1)).await?;
    if plan.is_silent(newest.first().map(|one| one.received_at)) {
        hook_looks::mark_silent(&mut *tx, id, begun - SILENCE, begun).await?;
        plan.wanted = hook_looks::wanted(&mut *tx, id).await?.unwrap_or(wanted);
        tx.commit().await?;
    }
    Ok(Some(plan))
}

/// Writes down what came of a hook, with the jobs that follow from it.
pub(super) async fn note(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    (repository, looked): (&str, &HookLooked),
    jobs: &[NewJob],
) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    hook_looks::note_hook(&mut tx, connection, repository, looked).await?;
    let enqueued = enqueue(&mut tx, jobs).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}
