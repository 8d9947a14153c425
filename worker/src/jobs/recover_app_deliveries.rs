//! Looks through what an App has sent, and fetches what never arrived.

use std::time::Duration;

use serde_json::json;
use shared::authz::{Permission, Permit};
use shared::domain::actor::Actor;
use shared::domain::ids::ConnectionId;
use shared::flows::connections::{find_own, relist};
use shared::flows::webhooks::{self, AppSource};
use shared::flows::{Context, Error};
use shared::queue::catalogue::RecoverAppDeliveries;
use shared::store::sweeps;
use uuid::Uuid;

use super::{enqueue_everywhere, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

/// Connections looked at in one statement.
const STRETCH: i64 = 500;

impl Handler<Context> for RecoverAppDeliveries {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match recover(&job, &self).await {
            Ok(verdict) => verdict,
            Err(error) => verdict_of(error),
        }
    }
}

async fn recover(job: &JobContext<Context>, wish: &RecoverAppDeliveries) -> Result<Verdict, Error> {
    let context = job.app();
    let source = webhooks::app_source(context, job.organization(), wish.config_id).await?;
    let Some(source) = source else {
        return Ok(Verdict::Done(
            json!({ "skipped": "the App is not configured any more" }),
        ));
    };
    let look = match webhooks::recover(context, &source).await? {
        Ok(look) => look,
        Err(error) => {
            let told = "GitHub did not tell what the App has sent. It is asked again.";
            tracing::info!(detail = %error.detail, "the list of an App's deliveries was not had");
            return Ok(match error.retry_at {
                Some(at) => Verdict::Snooze(at),
                None if error.is_transient() => {
                    Verdict::retry_after("provider_unavailable", told, Duration::from_secs(60))
                }
                None => Verdict::fail(
                    "app_refused",
                    "GitHub does not let the App see its deliveries. Check its private key.",
                ),
            });
        }
    };
    if look.gap {
        sync_all(context, &source).await?;
    }
    Ok(Verdict::Done(json!({
        "seen": look.seen, "recovered": look.recovered, "gap": look.gap,
    })))
}

/// What nobody remembers shows in a listing.
async fn sync_all(context: &Context, source: &AppSource) -> Result<(), Error> {
    let within = (!source.organization.is_platform()).then_some(source.organization);
    let mut after = ConnectionId(Uuid::nil());
    loop {
        let system = context.db.system();
        let found =
            sweeps::connections_of_app(&system, source.app_id(), within, after, STRETCH).await?;
        let Some((_, last)) = found.last() else {
            return Ok(());
        };
        after = *last;
        let mut jobs = Vec::with_capacity(found.len());
        for (organization, id) in found {
            let permit = Permit::for_job(organization, Actor::system(), Permission::ConnectionsUse);
            match find_own(context, &permit, id).await {
                Ok(connection) => jobs.push(relist(context, &permit, &connection)),
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        enqueue_everywhere(context, &jobs).await?;
    }
}
