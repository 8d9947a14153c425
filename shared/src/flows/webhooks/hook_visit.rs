//! One hook of a connection: asked how it stands, its list looked through, and what follows from both.
//! [`hook_lists`](super::hook_lists) says when.

use chrono::{DateTime, Utc};

use super::hook_lists::{HookLook, OVERLAP, Plan, note};
use super::missing::{self, Fetched, Listed, Origin};
use super::register;
use crate::ask;
use crate::authz::Permit;
use crate::domain::ids::WebhookSourceId;
use crate::flows::connections::relist;
use crate::flows::{Context, Error};
use crate::providers::{ErrorClass, HookPlace, HookStanding, ProviderError};
use crate::session::Session;
use crate::store::hook_looks::{HookLooked, HookSeen};

/// Pages of one list.
const PAGES: usize = 200;

/// A hook, and what is due at it.
pub(super) struct Visit<'a> {
    pub(super) context: &'a Context,
    pub(super) plan: &'a Plan,
    pub(super) hook: &'a HookSeen,
}

/// What became of asking for a list.
enum Listing {
    /// There was no reason to.
    NotAsked,
    /// It was looked through.
    Through(Through),
    /// There is none, or it is not for this credential.
    Kept(ByNobody),
}

/// No list is kept.
struct ByNobody;

/// What a list has shown.
struct Through {
    since: DateTime<Utc>,
    fetched: Fetched,
}

impl Visit<'_> {
    /// Does what is due, and writes it down. The inner error is one that may pass.
    pub(super) async fn make(
        &self,
        permit: &Permit,
        session: &mut Session,
        look: &mut HookLook,
    ) -> Result<Result<(), ProviderError>, Error> {
        let place = HookPlace {
            repository_id: self.hook.provider_repository_id.clone(),
            full_name: self.hook.full_name.clone(),
        };
        let mut standing = HookStanding::Well;
        if self.plan.is_to_check(self.hook) {
            match self.standing(session, &place).await? {
                Ok(told) => standing = told,
                Err(error) => return Ok(Err(error)),
            }
            look.checked += 1;
        }
        let listing = match self.list(session, &place, &mut standing).await? {
            Ok(listing) => listing,
            Err(error) => return Ok(Err(error)),
        };
        if let Listing::Through(found) = &listing {
            look.listed += 1;
            look.recovered += found.fetched.recovered;
        }
        let (looked, sync) = self.outcome(standing, &listing);
        look.gaps += usize::from(looked.gap.is_some());
        let mut jobs = Vec::new();
        if sync {
            jobs.push(relist(self.context, permit, &session.connection));
        }
        let id = session.connection.id;
        if is_off(standing) {
            jobs.push(register::job(self.context, permit, id));
        }
        let of = (self.hook.provider_repository_id.as_str(), &looked);
        note(self.context, permit, id, of, &jobs).await?;
        Ok(Ok(()))
    }

    /// How it stands. Where the credential may not see that, nothing speaks against the hook.
    async fn standing(
        &self,
        mut session: &mut Session,
        place: &HookPlace,
    ) -> Result<Result<HookStanding, ProviderError>, Error> {
        let hooks = self
            .context
            .providers
            .hook_deliveries(session.connection.provider);
        let told = ask!(
            self.context,
            session,
            hooks.standing(&session.access, place, &self.hook.hook_id)
        );
        Ok(match told {
            Err(error) if !may_pass(&error) => {
                tracing::info!(detail = %error.detail, "how a hook stands was not told");
                Ok(HookStanding::Well)
            }
            told => told,
        })
    }

    /// Looks its list through, where something speaks for a loss. A list that is not there tells apart
    /// whether the hook is.
    async fn list(
        &self,
        session: &mut Session,
        place: &HookPlace,
        standing: &mut HookStanding,
    ) -> Result<Result<Listing, ProviderError>, Error> {
        let wanted = self.plan.since(self.hook);
        let fails = matches!(standing, HookStanding::Failing | HookStanding::Silenced);
        if *standing == HookStanding::Gone || (wanted.is_none() && !fails) {
            return Ok(Ok(Listing::NotAsked));
        }
        let hooks = self
            .context
            .providers
            .hook_deliveries(session.connection.provider);
        let Some(memory) = hooks.memory() else {
            return Ok(Ok(Listing::Kept(ByNobody)));
        };
        let oldest = self.plan.begun - memory;
        // When a failure began nobody knows: after the last look, or as long ago as is remembered.
        let last = self.hook.listed_until.map_or(oldest, |at| at - OVERLAP);
        let since = wanted.into_iter().chain(fails.then_some(last)).min();
        let since = since.map_or(oldest, |since| since.max(oldest));
        let error = match self.through(session, place, since).await? {
            Ok(found) => return Ok(Ok(Listing::Through(found))),
            Err(error) if may_pass(&error) => return Ok(Err(error)),
            Err(error) => error,
        };
        tracing::info!(detail = %error.detail, "the list of a hook was not had");
        if error.class == ErrorClass::NotFound {
            match self.standing(session, place).await? {
                Ok(told) => *standing = told,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Listing::Kept(ByNobody)))
    }

    /// Looks through what it has sent since then, and keeps what never arrived.
    async fn through(
        &self,
        mut session: &mut Session,
        place: &HookPlace,
        since: DateTime<Utc>,
    ) -> Result<Result<Through, ProviderError>, Error> {
        let context = self.context;
        let hooks = context
            .providers
            .hook_deliveries(session.connection.provider);
        let origin = Origin {
            organization: session.connection.organization_id,
            source: WebhookSourceId(session.connection.id.0),
            connection: Some(session.connection.id),
            app_id: None,
            provider: session.connection.provider,
        };
        let mut fetched = Fetched::default();
        for part in self.hook.hook_id.split(' ') {
            let (mut listed, mut from) = (Listed::new(since, PAGES), None::<String>);
            loop {
                let page = ask!(
                    context,
                    session,
                    hooks.remembered(&session.access, place, part, from.as_deref())
                );
                from = match page {
                    Ok(page) => listed.take(page),
                    Err(error) => return Ok(Err(error)),
                };
                if from.is_none() {
                    break;
                }
            }
            fetched.untold(listed.untold_until(self.plan.begun));
            for mut one in missing::missing(context, origin.source, listed.deliveries).await? {
                let content = match one.content.take() {
                    Some(content) => Ok(content),
                    None => ask!(
                        context,
                        session,
                        hooks.recall(&session.access, place, part, &one.number)
                    ),
                };
                if let Err(error) = fetched.take(context, origin, &one, content).await? {
                    return Ok(Err(error));
                }
            }
        }
        Ok(Ok(Through { since, fetched }))
    }

    /// What is to be written down of it, and whether a sync stands in for something.
    fn outcome(&self, standing: HookStanding, listing: &Listing) -> (HookLooked, bool) {
        let Self { plan, hook, .. } = self;
        let (begun, wanted) = (plan.begun, plan.since(hook));
        let mut looked = HookLooked {
            standing_at: plan.is_to_check(hook).then_some(begun),
            // What was asked for in the same moment is done as well.
            listed_until: wanted.map(|_| plan.wanted.look_asked_at.unwrap_or(begun).max(begun)),
            is_off: is_off(standing),
            ..HookLooked::default()
        };
        // That nothing has come is no loss by itself.
        let lost = wanted.filter(|_| !plan.wanted.silent);
        let mut gaps = Vec::new();
        let mut sync = false;
        match listing {
            Listing::NotAsked => {}
            Listing::Through(found) => {
                looked.listed_until = looked.listed_until.or(Some(begun));
                looked.recovered = i32::try_from(found.fetched.recovered).unwrap_or(i32::MAX);
                let untold_until = found.fetched.untold_until;
                gaps.extend(untold_until.map(|until| (found.since, until)));
                let forgotten = lost.filter(|from| *from < found.since);
                gaps.extend(forgotten.map(|from| (from, found.since)));
            }
            Listing::Kept(ByNobody) => {
                sync = true;
                gaps.extend(lost.map(|from| (from, begun)));
            }
        }
        // It has sent nothing since some moment after it was last seen to be well. One that could not be
        // put right since has that on record.
        if is_off(standing) && hook.in_order {
            gaps.push((hook.standing_at.unwrap_or(hook.checked_at), begun));
        }
        let from = gaps.iter().map(|(from, _)| *from).min();
        let until = gaps.iter().map(|(_, until)| *until).max();
        looked.gap = from.zip(until);
        (looked, sync || looked.gap.is_some())
    }
}

/// It sends nothing until it is put right.
fn is_off(standing: HookStanding) -> bool {
    matches!(standing, HookStanding::Silenced | HookStanding::Gone)
}

/// Whether the same question may be answered later, or the credential is refused for everything.
fn may_pass(error: &ProviderError) -> bool {
    error.retry_at.is_some() || error.is_transient() || error.class == ErrorClass::Unauthorized
}
