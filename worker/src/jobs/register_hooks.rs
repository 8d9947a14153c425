//! Brings a connection's hooks at the provider in line with what is wanted: installs, puts right,
//! takes away. One repository after the other, each written down by itself, so that one that refuses
//! stands in nobody's way, and a run that ends early (a rate limit, a shutdown, its own time) is gone on
//! with by the next.

use std::time::{Duration, Instant};

use serde_json::json;
use shared::authz::{Permission, Permit};
use shared::domain::meter::CallClass;
use shared::domain::secret::Secret;
use shared::domain::webhook::RepositoryHook;
use shared::flows::connections::find_own;
use shared::flows::webhooks::{self, Registration};
use shared::flows::{Context, Error};
use shared::providers::{ErrorClass, HookPlace, HookSpec, ProviderError, PutHook};
use shared::queue::catalogue::RegisterHooks;
use shared::session::{self, Session, ask};

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

/// After so long another attempt goes on, well before this one would be cut.
const STRETCH: Duration = Duration::from_secs(1200);

impl Handler<Context> for RegisterHooks {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match bring_in_line(&job, &self).await {
            Ok(verdict) => verdict,
            Err(error) => verdict_of(error),
        }
    }
}

#[derive(Default)]
struct Sum {
    installed: usize,
    removed: usize,
    refused: usize,
    open: usize,
}

impl Sum {
    fn verdict(&self) -> Verdict {
        if self.open > 0 {
            return Verdict::retry(
                "provider_unavailable",
                format!(
                    "{} hooks could not be reached. They are tried again.",
                    self.open
                ),
            );
        }
        Verdict::Done(json!({
            "installed": self.installed, "removed": self.removed, "refused": self.refused,
        }))
    }
}

async fn bring_in_line(job: &JobContext<Context>, wish: &RegisterHooks) -> Result<Verdict, Error> {
    let context = job.app();
    let permit = permit(job, Permission::ConnectionsUse);
    let id = wish.connection_id;
    let mut registration = webhooks::registration(context, &permit, id).await?;
    let mut page = registration.page(context, &permit).await?;
    if page.is_empty() {
        return Ok(Verdict::Done(json!({ "installed": 0 })));
    }
    let connection = find_own(context, &permit, id).await?;
    let mut run = Run {
        job,
        permit: &permit,
        session: session::open(context, connection, CallClass::Webhooks).await?,
        begun: Instant::now(),
        sum: Sum::default(),
    };
    while !page.is_empty() {
        for place in &page.wanted {
            if let Some(end) = run.install(&registration, place).await? {
                return Ok(end);
            }
        }
        for hook in &page.surplus {
            if let Some(end) = run.take_away(hook).await? {
                return Ok(end);
            }
        }
        page = registration.page(context, &permit).await?;
    }
    Ok(run.sum.verdict())
}

struct Run<'a> {
    job: &'a JobContext<Context>,
    permit: &'a Permit,
    session: Session,
    begun: Instant,
    sum: Sum,
}

impl Run<'_> {
    /// Has a repository's hook put right; the verdict where the run ends here.
    async fn install(
        &mut self,
        registration: &Registration,
        place: &HookPlace,
    ) -> Result<Option<Verdict>, Error> {
        let (context, permit) = (self.job.app(), self.permit);
        let Some(wanted) = &registration.hook else {
            return Ok(None);
        };
        if let Some(end) = self.stopped() {
            return Ok(Some(end));
        }
        let spec = (wanted.url.as_str(), &wanted.secret);
        let put = put(context, &mut self.session, place, spec).await?;
        let id = self.session.connection.id;
        webhooks::note(context, permit, id, (place, wanted), &put).await?;
        Ok(match &put {
            Ok(_) => {
                self.sum.installed += 1;
                None
            }
            Err(error) => self.failed(error),
        })
    }

    /// Has a hook taken away; the verdict where the run ends here.
    async fn take_away(&mut self, hook: &RepositoryHook) -> Result<Option<Verdict>, Error> {
        let (context, permit) = (self.job.app(), self.permit);
        if let Some(end) = self.stopped() {
            return Ok(Some(end));
        }
        let place = HookPlace {
            repository_id: hook.provider_repository_id.clone(),
            full_name: hook.full_name.clone(),
        };
        let mut session = &mut self.session;
        let hooks = context.providers.hooks(session.connection.provider);
        let removed = ask!(
            context,
            session,
            hooks.remove(&session.access, &place, &hook.url)
        );
        let id = session.connection.id;
        let repository = hook.provider_repository_id.as_str();
        let is_gone = webhooks::forget(context, permit, id, repository, &removed).await?;
        Ok(match removed {
            Err(error) if !is_gone => self.failed(&error),
            _ => {
                self.sum.removed += 1;
                None
            }
        })
    }

    /// The verdict where the run is not to go on now.
    fn stopped(&self) -> Option<Verdict> {
        let later = Verdict::Snooze(self.job.now());
        if self.job.reason().is_some() {
            return Some(later);
        }
        if self.begun.elapsed() < STRETCH {
            return None;
        }
        let sum = &self.sum;
        // An attempt that came nowhere counts, so that not every one is followed by another.
        let is_further = sum.installed + sum.removed + sum.refused > 0;
        Some(if is_further { later } else { sum.verdict() })
    }

    /// Counts a failure; the verdict where it is one for everything else, too.
    fn failed(&mut self, error: &ProviderError) -> Option<Verdict> {
        if error.is_transient() {
            self.sum.open += 1;
        } else {
            self.sum.refused += 1;
        }
        if let Some(at) = error.retry_at {
            return Some(Verdict::Snooze(at));
        }
        // Hosts ban addresses for failed authentications: one is enough.
        (error.class == ErrorClass::Unauthorized).then(|| {
            Verdict::fail(
                "reauth_required",
                "The provider no longer accepts the connection's credential. Connect again.",
            )
        })
    }
}

async fn put(
    context: &Context,
    session: &mut Session,
    place: &HookPlace,
    (url, secret): (&str, &Secret),
) -> Result<Result<PutHook, ProviderError>, Error> {
    let hooks = context.providers.hooks(session.connection.provider);
    let spec = HookSpec { url, secret };
    let answer = hooks.put(&session.access, place, spec).await;
    if session::renewed_after(&answer, context, session).await? {
        return Ok(hooks.put(&session.access, place, spec).await);
    }
    Ok(answer)
}
