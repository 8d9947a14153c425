//! Asks the provider whether a connection's credential works, and writes down what it said.

use shared::authz::Permission;
use shared::flows::{Context, connections};
use shared::queue::catalogue::ValidateConnection;

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for ValidateConnection {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let permit = permit(&job, Permission::ConnectionsTest);
        match connections::revalidate(job.app(), &permit, self.connection_id).await {
            Ok(Ok(connection)) => {
                Verdict::Done(serde_json::json!({ "status": connection.status.as_str() }))
            }
            Ok(Err(error)) => match error.retry_at.filter(|at| *at > job.now()) {
                Some(at) => Verdict::Snooze(at),
                None if error.is_transient() => Verdict::retry(
                    "provider_unreachable",
                    "The provider does not answer. It is asked again by itself.",
                ),
                // The verdict stands on the connection, with its next step.
                None => Verdict::Done(serde_json::json!({ "status": "refused" })),
            },
            Err(error) => verdict_of(error),
        }
    }
}
