//! Sealing activity within a second of its commit.
//!
//! Not a job: a job a second would be 86,400 rows a day that say nothing. It asks for the
//! organizations with unsealed entries (one step of an index per organization) and seals each under
//! the lock of its chain's head, so any number of workers may do this at once; those that come
//! second find nothing.

use std::time::Duration;

use shared::flows::{Context, audit};
use shared::store::sweeps;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(500);
const ORGANIZATIONS: i32 = 200;

/// Seals until it is told to stop.
pub async fn run(context: Context, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let more = seal_once(&context).await;
        let wait = if more { Duration::ZERO } else { EVERY };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One round; whether there may be more to do at once.
async fn seal_once(context: &Context) -> bool {
    let due = match sweeps::organizations_to_seal(&context.db.system(), ORGANIZATIONS).await {
        Ok(due) => due,
        Err(error) => {
            tracing::debug!(%error, "activity waits to be sealed");
            return false;
        }
    };
    for organization in &due {
        if let Err(error) =
            audit::seal(&context.db, &context.vault, &context.clock, *organization).await
        {
            tracing::warn!(%organization, %error, "activity was not sealed; it is tried again");
            return false;
        }
    }
    i32::try_from(due.len()).is_ok_and(|found| found == ORGANIZATIONS)
}
