//! The list of tokens, without secrets.

use crate::authz::Permit;
use crate::domain::ids::ApiTokenId;
use crate::domain::organization::ApiToken;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::flows::{Context, Error};
use crate::store::api_tokens;

/// A page of tokens, newest first.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    request: &PageRequest<ApiTokenId>,
) -> Result<Page<ApiToken>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let rows = api_tokens::list(&mut *tx, request).await?;
    let counted = api_tokens::count(&mut *tx).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}
