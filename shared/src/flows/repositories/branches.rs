//! The branches of a repository, live: a person picks one.

use crate::authz::Permit;
use crate::domain::ids::ConnectionId;
use crate::flows::connections::find;
use crate::flows::{Context, Error};
use crate::providers::{BranchPage, BranchQuery};
use crate::session::{self, explain};

/// A page of branches, as the provider tells now.
///
/// # Errors
/// [`Error::NotFound`] for the connection or the repository; what the provider's refusal means.
pub async fn branches(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    query: &BranchQuery,
) -> Result<BranchPage, Error> {
    let connection = find(context, permit, connection).await?;
    let (context, mut session) = context.listings.look_at(context, connection).await?;
    let answer = session::ask!(
        &context,
        session,
        session.provider.branches(&session.access, query)
    );
    answer.map_err(|error| explain(session.provider.kind(), &error))
}
