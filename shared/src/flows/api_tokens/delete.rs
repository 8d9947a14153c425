//! Deleting a token: it counts for nothing from the next call on.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::ApiTokenId;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::api_tokens;

/// Deletes a token.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete(context: &Context, permit: &Permit, id: ApiTokenId) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let name = api_tokens::delete(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("API token"))?;
    let change = Change::new(Event::ApiTokenDeleted, "api_token", id, Some(&name));
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(())
}
