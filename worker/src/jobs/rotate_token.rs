//! Lets a token make its successor before it ends, or finds out what became of an attempt.

use shared::authz::Permission;
use shared::flows::{Context, connections};
use shared::queue::catalogue::RotateToken;
use shared::session::rotate::Outcome;

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for RotateToken {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let permit = permit(&job, Permission::ConnectionsUse);
        match connections::rotate_due(job.app(), &permit, self.connection_id).await {
            Ok(Outcome::Later(at)) => Verdict::Snooze(at.max(job.now())),
            Ok(outcome) => Verdict::Done(serde_json::json!({ "outcome": told(outcome) })),
            Err(error) => verdict_of(error),
        }
    }
}

fn told(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotDue => "not_due",
        Outcome::Rotated => "rotated",
        Outcome::Later(_) => "later",
        Outcome::Ended => "ended",
    }
}
