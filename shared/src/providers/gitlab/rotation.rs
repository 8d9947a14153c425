//! Rotating a GitLab token by itself.
//!
//! Source: "Personal access tokens API": `POST /personal_access_tokens/self/rotate` (GitLab 16.10,
//! scope `api` or `self_rotate`) revokes the token at once and answers its successor; without
//! `expires_at` that lives a week; 401 expired or revoked, 403 not allowed, 405 not a personal access
//! token (project and group tokens rotate below their own project's or group's id, which nobody has
//! told us). `DELETE /personal_access_tokens/self` ends a token with itself (204). A revoked token that is presented here again revokes its whole family.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use gitlab::api::personal_access_tokens::{
    PersonalAccessTokenSelf, RevokePersonalAccessTokenSelf, RotatePersonalAccessTokenSelf,
};
use serde::Deserialize;

use super::super::transport::{failure, object};
use super::super::{
    Access, ErrorClass, ProviderError, RotateError, RotateErrorClass, Successor, TokenLife,
    TokenRotation,
};
use super::Gitlab;
use super::client::unbuildable;
use super::identity::end_of;
use crate::domain::secret::Secret;

#[derive(Deserialize)]
struct Life {
    created_at: Option<DateTime<Utc>>,
    expires_at: Option<NaiveDate>,
    active: Option<bool>,
    revoked: Option<bool>,
}

#[derive(Deserialize)]
struct Rotated {
    token: String,
    expires_at: Option<NaiveDate>,
}

#[async_trait]
impl TokenRotation for Gitlab {
    async fn life(&self, access: &Access) -> Result<TokenLife, ProviderError> {
        let endpoint = PersonalAccessTokenSelf::builder()
            .build()
            .map_err(unbuildable)?;
        let answer = self.client.ask(access, &endpoint, &[]).await?;
        let life: Life = object(&answer)?;
        if life.revoked == Some(true) || life.active == Some(false) {
            let detail = "the token says of itself that it is not active";
            return Err(failure(ErrorClass::Unauthorized, detail));
        }
        Ok(TokenLife {
            created_at: life.created_at,
            expires_at: life.expires_at.map(end_of),
        })
    }

    async fn rotate(
        &self,
        access: &Access,
        expires_on: NaiveDate,
    ) -> Result<Successor, RotateError> {
        let endpoint = RotatePersonalAccessTokenSelf::builder()
            .expires_at(expires_on)
            .build()
            .map_err(|error| unsupported(unbuildable(error)))?;
        let answer = self.client.ask(access, &endpoint, &[]).await;
        let answer = answer.map_err(|error| RotateError {
            class: class_of(&error),
            error,
        })?;
        // A success whose body cannot be read has made a successor all the same.
        let rotated: Rotated = object(&answer).map_err(|error| RotateError {
            class: RotateErrorClass::Unknown,
            error,
        })?;
        Ok(Successor {
            token: Secret::from(rotated.token),
            expires_at: rotated.expires_at.map(end_of),
        })
    }

    async fn revoke(&self, access: &Access) -> Result<(), ProviderError> {
        let endpoint = RevokePersonalAccessTokenSelf::builder()
            .build()
            .map_err(unbuildable)?;
        self.client.ask(access, &endpoint, &[]).await.map(drop)
    }
}

/// Only an answer of the API itself says that nothing was done; the rest is decided by asking the
/// token, later, whether it lives.
fn class_of(error: &ProviderError) -> RotateErrorClass {
    match error.status {
        Some(401) => RotateErrorClass::Dead,
        Some(429) => RotateErrorClass::Later,
        Some(400 | 403 | 404 | 405 | 422) if error.class == ErrorClass::RateLimited => {
            RotateErrorClass::Later
        }
        Some(400 | 403 | 404 | 405 | 422) => RotateErrorClass::Unsupported,
        _ => RotateErrorClass::Unknown,
    }
}

fn unsupported(error: ProviderError) -> RotateError {
    RotateError {
        class: RotateErrorClass::Unsupported,
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_the_api_says_that_nothing_was_done() {
        let of = |status| {
            let error = failure(ErrorClass::Unexpected, "");
            class_of(&ProviderError { status, ..error })
        };
        assert_eq!(of(Some(405)), RotateErrorClass::Unsupported);
        assert_eq!(of(Some(401)), RotateErrorClass::Dead);
        assert_eq!(of(Some(429)), RotateErrorClass::Later);
        for status in [None, Some(200), Some(408), Some(500), Some(502), Some(504)] {
            assert_eq!(of(status), RotateErrorClass::Unknown, "{status:?}");
        }
    }
}
