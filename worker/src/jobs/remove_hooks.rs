//! Takes the hooks of a connection that was deleted away at the provider.

use std::time::Duration;

use serde_json::json;
use shared::authz::Permission;
use shared::flows::{Context, webhooks};
use shared::queue::catalogue::RemoveHooks;

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for RemoveHooks {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let (context, id) = (job.app(), self.connection_id);
        let permit = permit(&job, Permission::ConnectionsUse);
        let verdict = match webhooks::remove(context, &permit, id).await {
            Ok(Ok(removed)) => return Verdict::Done(json!({ "removed": removed })),
            Ok(Err(error)) => match error.retry_at {
                Some(at) => Verdict::Snooze(at),
                None => Verdict::retry_after(
                    "provider_unavailable",
                    "The provider did not answer. Its hooks are taken away later.",
                    Duration::from_secs(60),
                ),
            },
            Err(error) => verdict_of(error),
        };
        let is_over = matches!(verdict, Verdict::Fail(_))
            || (job.is_last_attempt() && !matches!(verdict, Verdict::Snooze(_)));
        if is_over && let Err(error) = webhooks::forget_removal(context, &permit, id).await {
            tracing::warn!(%error, "a credential that is needed no more is forgotten within a day");
        }
        verdict
    }
}
