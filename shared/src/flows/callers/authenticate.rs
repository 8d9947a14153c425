//! A bearer credential becomes a caller: an API token by its SHA-256, anything else as a user
//! token.
//!
//! Nothing is cached: a deleted token, a removed member and a lowered role count from the next
//! call on, in every process. That costs one look-up by primary key or unique index per call, and
//! none for a user token that claims its organizations.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::authz::jwt::Verifier;
use crate::authz::{Caller, PermissionSet, TokenCaller, Unauthenticated};
use crate::flows::{Context, Error};
use crate::store::lookups;

/// What every API token begins with.
pub const TOKEN_PREFIX: &str = "mrg_";

/// `last_used_at` of a token is written at most this often.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// Why there is no caller.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The credential is refused.
    #[error(transparent)]
    Refused(#[from] Unauthenticated),
    /// It could not be looked up.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<crate::store::StoreError> for Unknown {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// The holder of a bearer credential.
///
/// # Errors
/// [`Unknown`].
pub async fn authenticate(
    context: &Context,
    verifier: &Verifier,
    credential: &str,
) -> Result<Caller, Unknown> {
    if credential.starts_with(TOKEN_PREFIX) {
        return token(context, credential).await.map(Caller::ApiToken);
    }
    let mut user = verifier.verify(credential).await?;
    // A portal administrator holds the same everywhere, whatever the memberships.
    if user.organizations.is_none() && !user.portal_admin {
        let stored = lookups::memberships(&context.db.system(), user.id).await?;
        user.organizations = Some(stored.into_iter().collect());
    }
    Ok(Caller::User(user))
}

async fn token(context: &Context, secret: &str) -> Result<TokenCaller, Unknown> {
    let db = context.db.system();
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let Some(found) = lookups::api_token(&db, &digest).await? else {
        return Err(Unauthenticated::Invalid("there is no such API token").into());
    };
    let now = context.clock.now();
    if found.expires_at.is_some_and(|end| end <= now) {
        return Err(Unauthenticated::Expired.into());
    }
    if found
        .last_used_at
        .is_none_or(|used| now - used >= TOUCH_INTERVAL)
        && let Err(error) = lookups::touch_api_token(&db, found.id, now).await
    {
        // Who used a token when is worth less than the call that uses it.
        tracing::warn!(%error, "the use of an API token was not noted");
    }
    Ok(TokenCaller {
        id: found.id,
        organization: found.organization_id,
        name: found.name,
        permissions: PermissionSet::from_words(&found.permissions),
    })
}
