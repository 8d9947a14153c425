//! One attempt, and finding out what became of one.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::domain::secret::Secret;
use crate::providers::{
    Access, ProviderError, RotateErrorClass, Successor, TokenLife, TokenRotation,
};
use crate::session::Session;
use crate::store::rotations::{Kept, Rotated};
use crate::vault::{Column, Place};

/// Between two tries to reach a database that is away, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Tries to end a successor that nobody has, each after a while.
const GIVEN_BACK_AFTER: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(10),
];

/// A token that was taken.
pub(super) struct Attempt {
    pub(super) context: Context,
    pub(super) permit: Permit,
    pub(super) session: Session,
    pub(super) token: Rotatable,
    pub(super) id: Uuid,
    /// A moment before it was taken, by the monotonic clock.
    pub(super) taken: Instant,
}

/// What is to be written down.
pub(super) enum Answer {
    /// The successor.
    Rotated(Successor),
    /// None came.
    Ended(RotationOutcome, String),
}

impl Attempt {
    /// Asks the token how it is, lets it make its successor, and writes that down.
    pub(super) async fn run(self) -> Result<Outcome, Error> {
        let Some(rotation) = self.session.provider.rotation() else {
            return Ok(Outcome::NotDue);
        };
        let answer = match self.life(rotation).await {
            Ok(life) => self.ask(rotation, life).await,
            Err(error) if error.class == ErrorClass::Unauthorized => {
                Answer::Ended(RotationOutcome::Refused, error.detail)
            }
            // A token that may not even say how it is cannot be let make a successor.
            Err(error)
                if matches!(error.status, Some(403..=405))
                    && error.class != ErrorClass::RateLimited =>
            {
                Answer::Ended(RotationOutcome::Unsupported, error.detail)
            }
            Err(error) => Answer::Ended(RotationOutcome::NotSent, error.detail),
        };
        self.settle(answer).await
    }

    /// Asks the token how it is, after an attempt whose outcome is not known.
    pub(super) async fn resolve(self) -> Result<Outcome, Error> {
        let Some(rotation) = self.session.provider.rotation() else {
            return Ok(Outcome::NotDue);
        };
        let answer = match self.life(rotation).await {
            Ok(_) => Answer::Ended(
                RotationOutcome::NotRotated,
                "the token says that it lives".to_owned(),
            ),
            Err(error) if error.class == ErrorClass::Unauthorized => {
                Answer::Ended(RotationOutcome::Lost, error.detail)
            }
            // It stays open.
            Err(error) => Answer::Ended(RotationOutcome::Unknown, error.detail),
        };
        self.settle(answer).await
    }

    async fn life(&self, rotation: &dyn TokenRotation) -> Result<TokenLife, ProviderError> {
        let asked = rotation.life(&self.session.access);
        match timeout(self.context.refresh.deadline, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(ProviderError {
                class: ErrorClass::Unreachable,
                status: None,
                detail: "the provider did not answer in time".to_owned(),
                retry_at: None,
                action_url: None,
            }),
        }
    }

    async fn ask(&self, rotation: &dyn TokenRotation, life: TokenLife) -> Answer {
        let refresh = &self.context.refresh;
        // The call must end within the lease.
        if self.taken.elapsed() >= refresh.deadline + refresh.lease / 2 {
            let why = "too much time had passed before anything was sent";
            return Answer::Ended(RotationOutcome::NotSent, why.to_owned());
        }
        let Some(end) = life.expires_at.or(self.token.expires_at) else {
            let why = "the token does not end";
            return Answer::Ended(RotationOutcome::NotSent, why.to_owned());
        };
        let begun = life.created_at.unwrap_or(self.token.obtained_at);
        let until = super::due::successor_end(begun, end, self.context.clock.now());
        let asked = rotation.rotate(&self.session.access, until);
        match timeout(refresh.deadline, asked).await {
            Ok(Ok(successor)) => Answer::Rotated(successor),
            Ok(Err(failed)) => {
                let outcome = match failed.class {
                    RotateErrorClass::Unsupported => RotationOutcome::Unsupported,
                    RotateErrorClass::Later => RotationOutcome::Later,
                    RotateErrorClass::Dead => RotationOutcome::Refused,
                    RotateErrorClass::Unknown => RotationOutcome::Unknown,
                };
                Answer::Ended(outcome, failed.error.detail)
            }
            Err(_) => Answer::Ended(
                RotationOutcome::Unknown,
                "the provider did not answer in time".to_owned(),
            ),
        }
    }

    /// Writes an answer down, for as long as it takes: a successor exists nowhere else.
    async fn settle(&self, answer: Answer) -> Result<Outcome, Error> {
        let mut wait = Duration::from_millis(50);
        loop {
            let written = match &answer {
                Answer::Rotated(successor) => self.store(successor).await,
                Answer::Ended(outcome, detail) => self.end(*outcome, detail).await,
            };
            match written {
                Err(Error::Unavailable(why)) => {
                    tracing::warn!(connection = %self.session.connection.id, %why,
                        "the answer to a rotation waits for the database");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                written => return written,
            }
        }
    }

    fn seal(&self, token: &Secret) -> Result<Vec<u8>, Error> {
        let connection = &self.session.connection;
        let place = Place::credential(
            connection.organization_id,
            connection.id,
            Column::AccessToken,
        );
        Ok(self.context.vault.seal(&place, token)?)
    }

    async fn store(&self, successor: &Successor) -> Result<Outcome, Error> {
        let now = self.context.clock.now();
        let rotated = Rotated {
            connection: self.session.connection.id,
            version: self.token.version,
            attempt: self.id,
            access_token: self.seal(&successor.token)?,
            expires_at: successor.expires_at,
        };
        let organization = self.session.connection.organization_id;
        let mut tx = self.context.db.tenant(organization).await?;
        let connection = face::lock(&mut tx, rotated.connection).await?;
        let kept = rotations::store(&mut *tx, &rotated, now).await?;
        if let (Some(connection), Kept::Now) = (connection, kept) {
            let end = successor.expires_at;
            face::rotated(&self.context, &mut tx, &self.permit, connection, end).await?;
        }
        tx.commit().await?;
        if kept == Kept::Replaced {
            self.give_back(successor).await;
        }
        Ok(Outcome::Rotated)
    }

    /// A successor of a token that was replaced meanwhile is nobody's: it is ended with itself, so
    /// that it does not live on unseen.
    async fn give_back(&self, successor: &Successor) {
        let connection = &self.session.connection.id;
        tracing::info!(%connection, "a successor belongs to a token that was replaced");
        let Some(rotation) = self.session.provider.rotation() else {
            return;
        };
        let access = Access {
            token: successor.token.clone(),
            ..self.session.access.clone()
        };
        for wait in GIVEN_BACK_AFTER {
            tokio::time::sleep(wait).await;
            match rotation.revoke(&access).await {
                Ok(()) => return,
                Err(error) if error.class == ErrorClass::Unauthorized => return,
                Err(error) => {
                    tracing::warn!(%connection, detail = %error.detail, "it could not be ended");
                }
            }
        }
    }

    async fn end(&self, outcome: RotationOutcome, detail: &str) -> Result<Outcome, Error> {
        let now = self.context.clock.now();
        tracing::info!(connection = %self.session.connection.id, %outcome, detail,
            "a rotation brought no successor");
        let again = match outcome {
            RotationOutcome::Later | RotationOutcome::NotRotated | RotationOutcome::NotSent => {
                Some(now + AGAIN)
            }
            RotationOutcome::Unknown => Some(now + LATER),
            _ => None,
        };
        let ended = Ended {
            connection: self.session.connection.id,
            version: self.token.version,
            attempt: self.id,
            outcome,
            detail: Some(detail.to_owned()),
            again,
            quarantine: (outcome == RotationOutcome::Unknown)
                .then_some(self.context.refresh.quarantine),
        };
        let organization = self.session.connection.organization_id;
        let mut tx = self.context.db.tenant(organization).await?;
        let connection = face::lock(&mut tx, ended.connection).await?;
        let stands = rotations::end(&mut *tx, &ended).await?;
        if let (Some(connection), true) = (connection, stands) {
            face::ended(&self.context, &mut tx, &self.permit, connection, outcome).await?;
        }
        tx.commit().await?;
        Ok(again.map_or(Outcome::Ended, Outcome::Later))
    }
}
