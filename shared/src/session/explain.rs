//! What a failed call to a provider means for whoever waits for the answer.

use crate::domain::health::HealthCode;
use crate::domain::provider::ProviderKind;
use crate::flows::Error;
use crate::providers::{ErrorClass, ProviderError};

/// The answer to a caller whose question the provider did not answer. The provider's own words go
/// to the log, not to the caller.
#[must_use]
pub fn explain(kind: ProviderKind, error: &ProviderError) -> Error {
    tracing::info!(provider = kind.as_str(), class = ?error.class, status = error.status,
        detail = %error.detail, "the provider did not answer as asked");
    let name = kind.display_name();
    let (code, message, callers_fault) = match error.class {
        ErrorClass::RateLimited => {
            return Error::ProviderRateLimited { retry_at: error.retry_at };
        }
        ErrorClass::NotFound => return Error::NotFound("repository"),
        ErrorClass::Unauthorized => return refused(kind),
        ErrorClass::Forbidden | ErrorClass::ScopeMissing => (
            "provider_forbidden",
            format!("{name} does not allow this credential to do that. Check its scopes."),
            true,
        ),
        ErrorClass::SsoBlocked => ("sso_blocked", HealthCode::SsoBlocked.action().to_owned(), true),
        ErrorClass::Suspended => ("suspended", HealthCode::Suspended.action().to_owned(), true),
        ErrorClass::Uninstalled => (
            "uninstalled",
            HealthCode::Uninstalled.action().to_owned(),
            true,
        ),
        ErrorClass::Operator => (
            "operator_configuration",
            HealthCode::OperatorConfiguration.action().to_owned(),
            false,
        ),
        ErrorClass::Blocked => (
            "blocked_address",
            "This instance is at an address that Mooring may not reach. Ask the operator to allow it (MOORING_OUTBOUND_ALLOW).".to_owned(),
            true,
        ),
        ErrorClass::Unavailable | ErrorClass::Unreachable => (
            "provider_unreachable",
            format!("{name} does not answer, or not as it should. Try again in a minute."),
            false,
        ),
        ErrorClass::Unexpected => (
            "provider_unexpected",
            format!("{name} answered in a way that is not understood. Check the base URL of this connection."),
            false,
        ),
    };
    Error::Provider {
        code,
        message,
        callers_fault,
    }
}

/// The credential is dead.
pub(super) fn refused(kind: ProviderKind) -> Error {
    let name = kind.display_name();
    Error::Provider {
        code: "credential_refused",
        message: format!(
            "{name} refused this connection's credential. Validate the connection and follow its next step."
        ),
        callers_fault: true,
    }
}
