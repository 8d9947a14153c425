//! Tokens that make their own successor.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{Access, ProviderError};
use crate::domain::secret::Secret;

/// What a token says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLife {
    /// When it was made, where that is told.
    pub created_at: Option<DateTime<Utc>>,
    /// When it ends, where it does.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token's successor. The old one is dead.
#[derive(Debug)]
pub struct Successor {
    /// The new token, which exists nowhere else.
    pub token: Secret,
    /// When it ends, where that is told.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a failed rotation means for the old token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotateErrorClass {
    /// It lives; this kind of token, or this one, cannot make a successor.
    Unsupported,
    /// It lives; the host says to come later.
    Later,
    /// It was dead already.
    Dead,
    /// No answer that decides: it may be dead, and its successor lost with the answer.
    Unknown,
}

/// A rotation that brought no successor.
#[derive(Clone, Debug)]
pub struct RotateError {
    /// What it means for the old token.
    pub class: RotateErrorClass,
    /// For operators.
    pub error: ProviderError,
}

/// Tokens that make their own successor.
#[async_trait]
pub trait TokenRotation: Send + Sync {
    /// What a token says of itself: harmless. A dead token is [`super::ErrorClass::Unauthorized`].
    async fn life(&self, access: &Access) -> Result<TokenLife, ProviderError>;

    /// Makes a successor that ends when the date `expires_on` begins, with one request. Never to be
    /// called twice with the same token unless [`TokenRotation::life`] says in between that it lives.
    async fn rotate(
        &self,
        access: &Access,
        expires_on: NaiveDate,
    ) -> Result<Successor, RotateError>;

    /// Ends a token with itself.
    async fn revoke(&self, access: &Access) -> Result<(), ProviderError>;
}
