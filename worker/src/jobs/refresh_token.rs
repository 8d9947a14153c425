//! Renews the token of a connection whose time has come, through the same door as everybody.

use std::time::Duration;

use shared::authz::Permission;
use shared::flows::{Context, connections};
use shared::queue::catalogue::RefreshToken;
use shared::session::refresh::Renewal;

use super::{permit, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

/// Somebody else's renewal is not waited for: it is theirs to finish, and the next sweep looks.
const PATIENCE: Duration = Duration::ZERO;

impl Handler<Context> for RefreshToken {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let permit = permit(&job, Permission::ConnectionsUse);
        let renewed =
            connections::refresh_due(job.app(), &permit, self.connection_id, PATIENCE).await;
        match renewed {
            // When to try again is said by the row, and found by the sweep.
            Ok(renewal) => Verdict::Done(serde_json::json!({ "outcome": told(&renewal) })),
            Err(error) => verdict_of(error),
        }
    }
}

fn told(renewal: &Renewal) -> &'static str {
    match renewal {
        Renewal::Fresh => "refreshed",
        Renewal::Later(_) => "later",
        Renewal::Refused(_) => "refused",
        Renewal::Operator => "operator",
        Renewal::NotRenewable => "not_renewable",
    }
}
