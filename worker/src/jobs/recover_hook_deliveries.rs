//! Asks how a connection's hooks stand, and fetches what they have sent in vain.

use std::time::Duration;

use serde_json::json;
use shared::authz::Permission;
use shared::flows::{Context, webhooks};
use shared::providers::ErrorClass;
use shared::queue::catalogue::RecoverHookDeliveries;

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for RecoverHookDeliveries {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let permit = permit(&job, Permission::ConnectionsUse);
        let stopped = || job.reason().is_some();
        let looked = webhooks::look(job.app(), &permit, self.connection_id, stopped).await;
        let error = match looked {
            Ok(Ok(look)) if !look.whole => return Verdict::Snooze(job.now()),
            Ok(Ok(look)) => {
                return Verdict::Done(json!({
                    "checked": look.checked, "listed": look.listed,
                    "recovered": look.recovered, "gaps": look.gaps,
                }));
            }
            Ok(Err(error)) => error,
            Err(error) => return verdict_of(error),
        };
        tracing::info!(detail = %error.detail, "what hooks have sent was not told");
        match error.retry_at {
            Some(at) => Verdict::Snooze(at),
            None if error.class == ErrorClass::Unauthorized => Verdict::fail(
                "reauth_required",
                "The provider no longer accepts the connection's credential. Connect again.",
            ),
            None => Verdict::retry_after(
                "provider_unavailable",
                "The provider did not tell what its hooks have sent. It is asked again.",
                Duration::from_secs(60),
            ),
        }
    }
}
