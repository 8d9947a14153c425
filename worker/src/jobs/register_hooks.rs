//! Brings a connection's hooks at the provider in line with what is wanted: installs, puts right,
//! takes away. One repository after the other, each written down by itself, so that one that refuses
//! stands in nobody's way.

use serde_json::json;
use shared::authz::Permission;
use shared::domain::meter::CallClass;
use shared::domain::secret::Secret;
use shared::flows::connections::find_own;
use shared::flows::{Context, Error, webhooks};
use shared::providers::{ErrorClass, HookPlace, HookSpec, ProviderError, PutHook};
use shared::queue::catalogue::RegisterHooks;
use shared::session::{self, Session, ask};

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

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

async fn bring_in_line(job: &JobContext<Context>, wish: &RegisterHooks) -> Result<Verdict, Error> {
    let context = job.app();
    let permit = permit(job, Permission::ConnectionsUse);
    let id = wish.connection_id;
    let registration = webhooks::registration(context, &permit, id).await?;
    if registration.wanted.is_empty() && registration.surplus.is_empty() {
        return Ok(Verdict::Done(json!({ "installed": 0 })));
    }
    let connection = find_own(context, &permit, id).await?;
    let kind = connection.provider;
    let mut session = session::open(context, connection, CallClass::Webhooks).await?;
    let hooks = context.providers.hooks(kind);
    let mut sum = Sum::default();
    if let Some((url, secret)) = &registration.hook {
        for place in &registration.wanted {
            if job.reason().is_some() {
                return Ok(Verdict::Snooze(job.now()));
            }
            let put = put(context, &mut session, place, (url, secret)).await?;
            match &put {
                Ok(_) => sum.installed += 1,
                Err(error) if error.is_transient() => sum.open += 1,
                Err(_) => sum.refused += 1,
            }
            let limited = put.as_ref().err().and_then(|error| error.retry_at);
            webhooks::note(context, &permit, id, (place, url), &put).await?;
            if let Some(at) = limited {
                return Ok(Verdict::Snooze(at));
            }
            // Hosts ban addresses for failed authentications: one is enough.
            if put.is_err_and(|error| error.class == ErrorClass::Unauthorized) {
                return Ok(Verdict::fail(
                    "reauth_required",
                    "The provider no longer accepts the connection's credential. Connect again.",
                ));
            }
        }
    }
    for one in &registration.surplus {
        let place = HookPlace {
            repository_id: one.provider_repository_id.clone(),
            full_name: one.full_name.clone(),
        };
        let removed = ask!(
            context,
            session,
            hooks.remove(&session.access, &place, &one.url)
        );
        match removed {
            Err(error) if error.is_transient() => sum.open += 1,
            // Gone with its repository, or out of reach for good: nobody can take it away from here.
            _ => {
                webhooks::forget(context, &permit, id, &one.provider_repository_id).await?;
                sum.removed += 1;
            }
        }
    }
    if sum.open > 0 {
        return Ok(Verdict::retry(
            "provider_unavailable",
            format!(
                "{} hooks could not be reached. They are tried again.",
                sum.open
            ),
        ));
    }
    Ok(Verdict::Done(json!({
        "installed": sum.installed, "removed": sum.removed, "refused": sum.refused,
    })))
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
