//! Why a flow refused: decided here, rendered by the API (problem+json) and by workers (verdicts).

use chrono::{DateTime, Utc};

use crate::authz::Permission;
use crate::store::StoreError;
use crate::vault::VaultError;

/// A fault in one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct FieldError {
    /// The field, as a path: `name`, `permissions[2]`.
    pub field: String,
    /// A stable code.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl FieldError {
    /// A fault in a field.
    #[must_use]
    pub fn new(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

/// What depends on a thing that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Dependant {
    /// `connected_repository`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its id.
    pub id: uuid::Uuid,
    /// Its name.
    pub name: String,
}

/// Why a flow refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or another tenant's: 404.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A permission is missing inside one's own tenant: 403.
    #[error("this needs the permission {0}")]
    PermissionDenied(Permission),
    /// Forbidden for a reason of its own: 403 with this code.
    #[error("{message}")]
    Forbidden {
        /// A stable code.
        code: &'static str,
        /// What to do.
        message: String,
    },
    /// Fields that cannot be taken: 422.
    #[error("{} field(s) cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    /// Against the state of things: 409 with this code.
    #[error("{message}")]
    Conflict {
        /// A stable code.
        code: &'static str,
        /// What to do.
        message: String,
    },
    /// Others depend on it: 409 `connection_in_use`, with the first of them.
    #[error("{message}")]
    InUse {
        /// How many, and what to do.
        message: String,
        /// The first of them, at most 20; none that lie in other organizations.
        dependants: Vec<Dependant>,
    },
    /// The provider's window is closed: 503 `provider_rate_limited`.
    #[error("the provider's rate limit is used up")]
    ProviderRateLimited {
        /// When it opens.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The provider refused the credential or cannot be had: 422 or 502 with this code.
    #[error("{message}")]
    Provider {
        /// A stable code.
        code: &'static str,
        /// What to do.
        message: String,
        /// Whether the caller can mend it (422) or nobody here can (502).
        callers_fault: bool,
    },
    /// The caller's own limit: 429.
    #[error("{message}")]
    TooMany {
        /// A stable code.
        code: &'static str,
        /// What to do.
        message: String,
        /// When to try again.
        retry_at: DateTime<Utc>,
    },
    /// The database does not answer: 503.
    #[error("the database does not answer")]
    Unavailable(#[source] StoreError),
    /// A fault of ours: 500. The detail is for operators.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// One field that cannot be taken.
    #[must_use]
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        Self::Internal(error.to_string())
    }
}
