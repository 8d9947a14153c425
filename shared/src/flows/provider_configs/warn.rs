//! Telling an organization that the client secret of its registration ends, and that it has ended.
//!
//! The date is what somebody noted beside the secret. Each step before it is told once, whoever
//! sweeps: it is noted beside the date in the transaction that tells it. What the end means for
//! connections is the provider's to say: until a renewal is refused, theirs is as it was.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ending::{ENDED, days_left, step};
use crate::domain::ids::ProviderConfigId;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::{provider_configs, warnings};

/// Tells what has to be told of the end of a registration's client secret; says whether anything was.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn warn(context: &Context, permit: &Permit, id: ProviderConfigId) -> Result<bool, Error> {
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let Some(stored) = provider_configs::get(&mut *tx, id).await? else {
        return Ok(false);
    };
    let config = stored.config;
    let Some(ends_at) = config.client_secret_expires_at else {
        return Ok(false);
    };
    let Some(step) = step(ends_at, now) else {
        return Ok(false);
    };
    if !warnings::note_secret(&mut *tx, id, ends_at, step).await? {
        return Ok(false);
    }
    let event = if step == ENDED {
        Event::GitProviderConfigExpired
    } else {
        Event::GitProviderConfigExpiring
    };
    let mut change = Change::new(event, "provider_config", id, Some(&config.base_url))
        .with("provider", config.provider.as_str())
        .with("what", "client_secret")
        .with("expires_at", ends_at.to_rfc3339());
    if step != ENDED {
        change = change.with("days", days_left(ends_at, now));
    }
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(true)
}
