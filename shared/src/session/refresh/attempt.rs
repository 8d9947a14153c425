//! One presentation of a refresh token.

use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{Renewal, endpoint, settle};
use crate::domain::actor::Actor;
use crate::domain::connection::Connection;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::providers::{self, GrantError, GrantErrorClass, OAuthApp, Provider};
use crate::store::credentials::StoredCredential;
use crate::store::refreshes;
use crate::vault::{Column, Place};

/// A renewal that was taken.
pub(super) struct Attempt {
    pub(super) context: Context,
    pub(super) connection: Connection,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) app: OAuthApp,
    pub(super) grant: StoredCredential,
    pub(super) id: Uuid,
    pub(super) fence: i64,
    /// The how many-th presentation of this refresh token it is.
    pub(super) presentation: i16,
    pub(super) actor: Actor,
    /// A moment before it was taken, by the monotonic clock.
    pub(super) taken: Instant,
}

/// What the provider answered.
struct Answered {
    result: Result<providers::Grant, GrantError>,
    /// Ours was the patience that ended, or the connection broke: the host may still be at it.
    may_still_commit: bool,
}

impl Attempt {
    /// Asks the provider and writes its answer down.
    pub(super) async fn run(self) -> Result<Renewal, Error> {
        let place = Place::credential(
            self.connection.organization_id,
            self.connection.id,
            Column::RefreshToken,
        );
        let sealed = self.grant.refresh_token.as_deref().unwrap_or_default();
        let presented = match self.context.vault.open(&place, sealed) {
            Ok(presented) => presented,
            Err(error) => {
                let why = not_sent("the stored refresh token does not open");
                settle::settle(&self, Err(why), false).await?;
                return Err(error.into());
            }
        };
        if !self.still_holds().await {
            let why = not_sent("the lease ended before anything was sent");
            return settle::settle(&self, Err(why), false).await;
        }
        let answered = self.ask(&presented).await;
        self.tell_endpoint(&answered.result).await;
        let grant = answered.result.map(|mut grant| {
            // The old one goes on to be good where no new one came.
            grant.refresh_token.get_or_insert(presented);
            grant
        });
        settle::settle(&self, grant, answered.may_still_commit).await
    }

    /// The last look before the first byte: a process that was stopped meanwhile finds out here.
    async fn still_holds(&self) -> bool {
        let lease = self.context.refresh.lease;
        if self.taken.elapsed() < lease / 2 {
            return true;
        }
        let asked = Instant::now();
        self.hold_on().await && asked.elapsed() < lease / 2
    }

    /// What others have to know of the endpoint before they ask.
    async fn tell_endpoint(&self, result: &Result<providers::Grant, GrantError>) {
        let (limits, endpoint) = (&self.context.limits, endpoint(&self.app));
        match result {
            Ok(_) => limits.endpoint_answered(endpoint).await,
            Err(error) => match error.class {
                GrantErrorClass::Later => limits.close_endpoint(endpoint, error.retry_at).await,
                GrantErrorClass::Operator => limits.refuse_client(endpoint).await,
                _ => {}
            },
        }
    }

    async fn ask(&self, presented: &Secret) -> Answered {
        let deadline = self.context.refresh.deadline;
        let asked = timeout(
            deadline,
            self.provider.oauth().refresh(&self.app, presented),
        );
        tokio::pin!(asked);
        let result = loop {
            tokio::select! {
                answer = &mut asked => break answer,
                () = sleep(self.context.refresh.lease / 3) => { self.hold_on().await; }
            }
        };
        let (result, may_still_commit) = match result {
            Ok(Err(error)) => {
                let silent = error.class == GrantErrorClass::Unknown && error.status.is_none();
                (Err(error), silent)
            }
            Ok(granted) => (granted, false),
            Err(_) => (Err(timed_out()), true),
        };
        Answered {
            result,
            may_still_commit,
        }
    }

    /// Renews the lease; where the database is away it ends, and nobody takes over before this call
    /// would have timed out.
    async fn hold_on(&self) -> bool {
        let held = async {
            let mut tx = self
                .context
                .db
                .tenant(self.connection.organization_id)
                .await?;
            let lease = self.context.refresh.lease;
            let held = refreshes::hold_on(&mut *tx, self.connection.id, self.fence, lease).await?;
            tx.commit().await?;
            Ok::<_, Error>(held)
        };
        match timeout(self.context.refresh.lease / 3, held).await {
            Ok(Ok(held)) => held,
            Ok(Err(error)) => {
                tracing::warn!(connection = %self.connection.id, %error, "a renewal's lease could not be renewed");
                false
            }
            Err(_) => false,
        }
    }
}

fn not_sent(why: &str) -> GrantError {
    GrantError {
        class: GrantErrorClass::NotSent,
        status: None,
        code: None,
        detail: why.to_owned(),
        retry_at: None,
    }
}

fn timed_out() -> GrantError {
    GrantError {
        class: GrantErrorClass::Unknown,
        detail: "the provider did not answer in time".to_owned(),
        ..not_sent("")
    }
}
