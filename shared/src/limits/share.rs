//! Where processes tell each other of windows.

use chrono::{DateTime, Utc};

use super::redis::BudgetRedis;
use crate::store::Db;
use crate::store::sweeps::{Budget, SharedBudget, share_budgets};

/// The wire.
pub(super) enum Share {
    Postgres(Db),
    Redis(Box<BudgetRedis>),
}

impl Share {
    /// Tells what this process knows and answers what all know; `None` where nobody answered, which
    /// costs truth for a while and nothing else.
    pub(super) async fn exchange(
        &self,
        mine: &[Budget],
        holder: &str,
        now: DateTime<Utc>,
    ) -> Option<Vec<SharedBudget>> {
        match self {
            Self::Postgres(db) => match share_budgets(&db.system(), mine, holder, now).await {
                Ok(all) => Some(all),
                Err(error) => {
                    tracing::debug!(%error, "budgets could not be shared");
                    None
                }
            },
            Self::Redis(redis) => match redis.exchange(mine, holder, now).await {
                Ok(all) => Some(all),
                Err(error) => {
                    tracing::debug!(%error, "budgets could not be shared");
                    None
                }
            },
        }
    }
}
