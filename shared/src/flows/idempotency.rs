//! First answers to changing calls, kept for a day under the caller's key.
//!
//! Races: *two calls with one key at once* → the insert decides; the second is told that the first
//! is under way. *A call that died* → its key is free again when the lock's time is over, for the
//! same request only. What a call changed and what is kept of its answer are two transactions: a
//! process that dies between them repeats the change when it is asked again.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Context, Error};
use crate::domain::ids::OrganizationId;
use crate::store::StoreError;
use crate::store::idempotency as store;

pub use crate::store::idempotency::{Answer, Standing};

/// Whose key it is.
#[derive(Clone, Debug)]
pub struct Key {
    /// The tenant of the call, or the platform.
    pub organization: OrganizationId,
    /// The caller.
    pub caller: Uuid,
    /// The caller's own text.
    pub text: String,
}

/// Takes a key for a request, or tells what stands under it. `longest` is how long the call may
/// take: so long nobody else may go first.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::NotFound`] where the organization is gone.
pub async fn take(
    context: &Context,
    key: &Key,
    request_sha256: &[u8; 32],
    longest: TimeDelta,
) -> Result<Standing, Error> {
    let now = context.clock.now();
    let mut tx = context.db.tenant(key.organization).await?;
    let until = now + longest;
    let standing = store::take(
        &mut tx,
        key.organization,
        key.caller,
        &key.text,
        request_sha256,
        now,
        until,
    )
    .await
    .map_err(|error| match error {
        StoreError::Missing { .. } => Error::NotFound("organization"),
        other => other.into(),
    })?;
    tx.commit().await?;
    Ok(standing)
}

/// Keeps the answer.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn keep(context: &Context, key: &Key, answer: &Answer) -> Result<(), Error> {
    let mut tx = context.db.tenant(key.organization).await?;
    store::answer(&mut *tx, key.caller, &key.text, answer).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives the key back: nothing was done, or the same call may yet succeed.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn release(context: &Context, key: &Key) -> Result<(), Error> {
    let mut tx = context.db.tenant(key.organization).await?;
    store::release(&mut *tx, key.caller, &key.text).await?;
    tx.commit().await?;
    Ok(())
}
