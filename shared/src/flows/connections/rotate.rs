//! Letting a token make its successor, by the one path there is.

use super::find_own;
use crate::authz::Permit;
use crate::domain::ids::ConnectionId;
use crate::flows::{Context, Error};
use crate::session::rotate::{self, Outcome};

/// Lets a connection's token make its successor where its time has come.
///
/// # Errors
/// As [`rotate::rotate`], and [`Error::NotFound`].
pub async fn rotate_due(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Outcome, Error> {
    let connection = find_own(context, permit, id).await?;
    rotate::rotate(context, permit, connection).await
}
