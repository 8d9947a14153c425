//! Every connection that a caller may use, wherever it belongs: for a picker.

use crate::authz::{CallContext, Caller, Need, Permission, require};
use crate::domain::ids::OrganizationId;
use crate::flows::{Context, Error};
use crate::store::{connections as store, lookups};

pub use crate::domain::connection::Usable;

/// Most organizations that are looked into, and most connections of each: a picker shows no more.
const MOST_ORGANIZATIONS: usize = 100;
const MOST_CONNECTIONS: i64 = 1000;

/// The connections that a caller may see and that people want used: those of their organizations,
/// newest first, then the platform's shared ones; for whoever runs the platform, all of the
/// platform's.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn connections(
    context: &Context,
    caller: &Caller,
    call: &CallContext,
) -> Result<Vec<Usable>, Error> {
    let need = Need::Permission(Permission::ConnectionsList);
    let may_see =
        |organization: &OrganizationId| require(caller, *organization, need, call).is_ok();
    let mut visible = organizations(context, caller).await?;
    visible.retain(may_see);
    let (runs_platform, sees_any) = (may_see(&OrganizationId::PLATFORM), !visible.is_empty());
    let mut found = Vec::new();
    for organization in visible
        .into_iter()
        .filter(|organization| !organization.is_platform())
        .take(MOST_ORGANIZATIONS)
    {
        let mut tx = context.db.tenant(organization).await?;
        found.extend(store::usable(&mut *tx, false, MOST_CONNECTIONS).await?);
    }
    // Who may see connections nowhere sees the shared ones neither.
    if runs_platform || sees_any {
        let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
        found.extend(store::usable(&mut *tx, !runs_platform, MOST_CONNECTIONS).await?);
    }
    Ok(found)
}

/// Those that a caller belongs to. Whoever runs the platform may look into every organization, but
/// belongs to those of the token or the table alone.
async fn organizations(context: &Context, caller: &Caller) -> Result<Vec<OrganizationId>, Error> {
    match caller {
        Caller::ApiToken(token) => Ok(vec![token.organization]),
        Caller::User(user) => match &user.organizations {
            Some(claimed) => Ok(claimed.keys().copied().collect()),
            None => {
                let stored = lookups::memberships(&context.db.system(), user.id).await?;
                Ok(stored.into_iter().map(|(id, _)| id).collect())
            }
        },
    }
}
