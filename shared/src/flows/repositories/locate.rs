//! A repository by the name a caller gave: found among the synced ones, else asked of the provider,
//! since it may be newer than the last sync.

use crate::domain::connection::Connection;
use crate::domain::meter::CallClass;
use crate::flows::{Context, Error};
use crate::providers::ErrorClass;
use crate::session::{self, explain};
use crate::store::repositories;

/// What is known of the repository under that name.
pub(in crate::flows) struct Located {
    /// The provider's id.
    pub(in crate::flows) provider_repository_id: String,
    /// As the provider writes it now.
    pub(in crate::flows) full_name: String,
    /// `None` where the repository is empty.
    pub(in crate::flows) default_branch: Option<String>,
    /// Over HTTPS, without a user.
    pub(in crate::flows) clone_url: String,
}

/// Finds the repository that the caller named in `field`.
///
/// # Errors
/// [`Error::Invalid`] `not_found` at `field`; otherwise what the provider answered.
pub(in crate::flows) async fn locate(
    context: &Context,
    connection: &Connection,
    (field, full_name): (&str, &str),
) -> Result<Located, Error> {
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let stored = repositories::by_name(&mut *tx, connection.id, full_name).await?;
    drop(tx);
    if let Some(row) = stored {
        return Ok(Located {
            provider_repository_id: row.provider_repository_id,
            full_name: row.full_name,
            default_branch: row.default_branch,
            clone_url: row.clone_url,
        });
    }
    let mut session = session::open(context, connection.clone(), CallClass::Interactive).await?;
    let answer = session::ask!(
        context,
        session,
        session.provider.repository(&session.access, full_name)
    );
    match answer {
        Ok(remote) => Ok(Located {
            provider_repository_id: remote.provider_repository_id,
            full_name: remote.full_name,
            default_branch: remote.default_branch,
            clone_url: remote.clone_url,
        }),
        Err(error) if error.class == ErrorClass::NotFound => Err(Error::field(
            field,
            "not_found",
            "This connection does not see such a repository. Check the name, and that the credential may read it.",
        )),
        Err(error) => Err(explain(session.provider.kind(), &error)),
    }
}
