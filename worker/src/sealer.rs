//! Sealing activity within a second of its commit.
//!
//! Not a job: a job a second would be 86,400 rows a day that say nothing. It asks for the
//! organizations with unsealed entries (one step of an index per organization) and seals some hundred
//! chains in one transaction, under the locks of their heads, so any number of workers may do this at
//! once; those that come second pass by.

use std::time::Duration;

use shared::domain::ids::OrganizationId;
use shared::flows::{Context, audit};
use shared::store::sweeps;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const EVERY: Duration = Duration::from_millis(500);
const ORGANIZATIONS: i32 = 200;

/// Seals until it is told to stop.
pub async fn run(context: Context, stop: CancellationToken) {
    // Where the last round ended: organizations that cannot be sealed (a key is missing) must not
    // keep those behind them waiting.
    let mut after = OrganizationId(Uuid::nil());
    while !stop.is_cancelled() {
        let last = seal_some(&context, after).await;
        let wait = if last.is_some() {
            Duration::ZERO
        } else {
            EVERY
        };
        after = last.unwrap_or(OrganizationId(Uuid::nil()));
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Seals the next organizations; the last of them where there may be more behind it.
async fn seal_some(context: &Context, after: OrganizationId) -> Option<OrganizationId> {
    let system = context.db.system();
    let due = match sweeps::organizations_to_seal(&system, after, ORGANIZATIONS).await {
        Ok(due) => due,
        Err(error) => {
            tracing::debug!(%error, "activity waits to be sealed");
            return None;
        }
    };
    loop {
        match audit::seal_together(context, &due).await {
            Ok((_, true)) => {}
            Ok((_, false)) => break,
            Err(error) => {
                tracing::debug!(%error, "activity waits to be sealed");
                return None;
            }
        }
    }
    let full = i32::try_from(due.len()).is_ok_and(|found| found == ORGANIZATIONS);
    due.last().copied().filter(|_| full)
}
