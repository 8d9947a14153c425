//! Presenting what somebody has pasted, before it is stored.
//!
//! Whoever may paste tokens could have a host ban our address with wrong ones, for everybody: so wrong
//! ones are counted, for the host and for the organization.

use super::input::Checked;
use crate::domain::ids::OrganizationId;
use crate::flows::{Context, Error};
use crate::limits::Pasted;
use crate::providers::{ErrorClass, Identity, ProviderError};

/// Asks the provider who that is. Where the host is to be spared, the answer is that it could not be
/// asked ([`ProviderError::is_held_back`]).
///
/// # Errors
/// [`Error::TooMany`] `too_many_refused` where too many that this organization has pasted were refused.
pub(super) async fn present(
    context: &Context,
    organization: OrganizationId,
    checked: &Checked,
) -> Result<Result<Identity, ProviderError>, Error> {
    let attempt = context
        .limits
        .unproven(organization, &checked.access.instance)
        .await;
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(Pasted::HeldBack(until)) => return Ok(Err(ProviderError::held_back(until))),
        Err(Pasted::TooMany(retry_at)) => {
            return Err(Error::TooMany {
                code: "too_many_refused",
                message: "Too many credentials of this organization were refused within ten minutes. Check what is pasted, and try again later.".to_owned(),
                retry_at,
            });
        }
    };
    let answer = checked.provider.identity(&checked.access).await;
    attempt.ended(accepted(&answer)).await;
    Ok(answer)
}

/// Whether the host took the credential; `None` where it did not say.
fn accepted<T>(answer: &Result<T, ProviderError>) -> Option<bool> {
    match answer {
        Err(error) if error.class == ErrorClass::Unauthorized => Some(false),
        Err(error)
            if matches!(
                error.class,
                ErrorClass::RateLimited
                    | ErrorClass::Unavailable
                    | ErrorClass::Unreachable
                    | ErrorClass::Blocked
                    | ErrorClass::Unexpected
            ) =>
        {
            None
        }
        _ => Some(true),
    }
}
