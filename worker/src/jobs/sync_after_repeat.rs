//! Bytes came again under another id: somebody's replay, or an event that happened twice alike. What a
//! sync and a validation show is true either way.

use serde_json::json;
use shared::authz::{Permission, Permit};
use shared::domain::actor::Actor;
use shared::flows::connections::{check, find_own, relist};
use shared::flows::{Context, Error, webhooks};
use shared::providers::Happening;
use shared::queue::catalogue::SyncAfterRepeat;

use super::{enqueue_everywhere, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for SyncAfterRepeat {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match ask(&job, &self).await {
            Ok(asked) => Verdict::Done(json!({ "connections": asked })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn ask(job: &JobContext<Context>, repeat: &SyncAfterRepeat) -> Result<usize, Error> {
    let context = job.app();
    let stored = webhooks::open(context, job.organization(), repeat.delivery_id).await?;
    let delivery = &stored.delivery;
    let webhooks = context.providers.webhooks(delivery.provider);
    let Ok(event) = webhooks.read(&stored.headers, &stored.body) else {
        return Ok(0);
    };
    if matches!(event.what, Happening::Ping | Happening::Nothing(_)) {
        return Ok(0);
    }
    let reached = webhooks::reach(context, delivery, &event).await?;
    let mut jobs = Vec::new();
    for (organization, id) in &reached {
        let permit = Permit::for_job(*organization, Actor::system(), Permission::ConnectionsUse);
        match find_own(context, &permit, *id).await {
            Ok(connection) if connection.is_active => {
                jobs.push(match event.what {
                    Happening::Installation(_) | Happening::AuthorizationRevoked { .. } => {
                        check(context, &permit, &connection)
                    }
                    _ => relist(context, &permit, &connection),
                });
            }
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    enqueue_everywhere(context, &jobs).await?;
    Ok(reached.len())
}
