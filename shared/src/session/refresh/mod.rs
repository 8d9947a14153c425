//! Renewing a token: the one path for the sweep, for whoever needs a token that has ended, and for
//! a person who asks.
//!
//! # Needs
//! At half of the providers a refresh token works once, and using it kills the access token too. A
//! token that is presented twice, or whose answer is lost on the way into the database, is a
//! customer who must connect again. Processes die, databases go away for a while, providers take
//! half a minute, people connect again while a renewal is under way.
//!
//! # Properties
//! 1. For one connection at most one presentation is under way, across all processes.
//! 2. A refresh token is presented again only where the outcome of the presentation before is
//!    unknown and can no longer arrive, and then once; where the provider lets a refresh token be
//!    used many times, as often as it takes, at growing distances.
//! 3. A new pair that was received is stored, whatever happened meanwhile, unless somebody has
//!    connected again: then theirs stays and ours is given back.
//! 4. Only the provider's own word makes a grant `expired` or `revoked`, or its date.
//! 5. Whoever needs the token gets the result of the renewal that is under way.
//!
//! # Design
//! The row is the lock. [`Ledger::take`] gives it to one asker, for a lease, and writes the attempt
//! down, in one statement that serves every asker of the process at that moment.
//! [`Attempt::run`](attempt::Attempt) asks the provider with no transaction open, in a task of its own
//! that outlives whoever wanted the token; `settle` writes the answer down. `version` moves with every change of the secret, `fence` with every taker.
//!
//! # Races, by name
//! - *Slow provider*: the holder renews its lease while it waits, whatever the job around it does.
//! - *Slow holder*: a process that was stopped between taking and sending looks at a monotonic clock
//!   before the first byte, and asks for its lease once more.
//! - *Dead holder*: its attempt stands `in_flight`. Nobody takes over before the call itself would
//!   have timed out: the host may be working on it, and a second presentation beside the first is
//!   what kills the grant. Then the attempt is `unknown`, and one more is made.
//! - *Own time-out*: as unknown; the lease stays for the quarantine.
//! - *Late success*: the answer of a holder that was taken over is stored where its version still
//!   stands, even over the verdict `expired` of the one that took over.
//! - *Reconnect meanwhile*: the version has moved, the answer belongs to the old grant: discarded,
//!   and given back at the provider where it knows how.
//! - *Database away*: the pair is kept in memory and stored when it is back; no takeover begins
//!   until the database has been up for one lease.
//! - *Token lent out*: where a renewal kills the access token it waits for the leases on it, but not
//!   into the token's last minute.
//! - *Endpoint wants a pause*: the first that hears it stops all others, in every process
//!   ([`crate::limits`]); they come back spread over some time. So does one refusal of the client's own
//!   secret, which thousands of connections may hang on.

mod attempt;
mod due;
mod judge;
mod ledger;
mod settle;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

pub use due::due;
pub use ledger::Ledger;

use crate::domain::actor::Actor;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::ids::{ActivityId, ConnectionId, OrganizationId};
use crate::domain::refresh::RefreshReason;
use crate::flows::{Context, Error};
use crate::limits::Endpoint;
use crate::providers::OAuthApp;
use crate::session::app;
use crate::store::credentials::{self, StoredCredential};
use crate::store::sweeps::renewals::{Verdict, Wanted};
use crate::vault::random::fraction;
use attempt::Attempt;

/// Before a token's end it is renewed although it is lent out: no lease reaches into this.
pub const LAST_MINUTE: TimeDelta = TimeDelta::seconds(60);
/// Between two looks whether another's renewal has ended.
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_millis(400);

/// How a wish for a fresh token ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A newer pair than the one that was found wanting is stored, by us or by somebody else.
    Fresh,
    /// Nothing is decided: the present pair stays. Not before this time again.
    Later(DateTime<Utc>),
    /// The provider does not renew it any more, or its date has passed: a person must act. The
    /// connection's health says so.
    Refused(HealthCode),
    /// The registration is at fault, not the grant: the operator must act.
    Operator,
    /// There is nothing to renew with.
    NotRenewable,
}

/// Which token is found wanting. Where another stands by the time the row is read, there is nothing
/// to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanting {
    /// That of this version of the credential.
    Version(i64),
    /// Whichever stands, where its time has come.
    Due,
}

impl Wanting {
    fn is(self, grant: &StoredCredential, now: DateTime<Utc>) -> bool {
        match self {
            Self::Version(version) => grant.version == version,
            Self::Due => grant.next_refresh_at.is_some_and(|at| at <= now),
        }
    }
}

/// Who wants it, why, and how long they wait for another's renewal.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What is found wanting.
    pub wanting: Wanting,
    /// Why.
    pub reason: RefreshReason,
    /// In whose name it is recorded.
    pub actor: Actor,
    /// How long to wait where somebody else is at it.
    pub patience: Duration,
}

/// Renews the token of a connection where its time has come, as of one reading of both: what the
/// sweep's jobs do by the thousand. `None` where the organization has no connection of this id, or one
/// without a credential.
///
/// # Errors
/// As [`renew`].
pub async fn renew_due(
    context: &Context,
    organization: OrganizationId,
    id: ConnectionId,
    wish: Wish,
) -> Result<Option<Renewal>, Error> {
    match context.renewals.read(organization, id).await? {
        Some((connection, grant)) => {
            let renewal = renew_read(context, &connection, Some(grant), wish).await?;
            Ok(Some(renewal))
        }
        None => Ok(None),
    }
}

/// Renews the token of a connection, or waits for whoever is at it.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer; [`Error::Internal`] where a secret
/// does not open. What the provider answers is no error.
pub async fn renew(
    context: &Context,
    connection: &Connection,
    wish: Wish,
) -> Result<Renewal, Error> {
    renew_read(context, connection, None, wish).await
}

async fn renew_read(
    context: &Context,
    connection: &Connection,
    mut seen: Option<StoredCredential>,
    wish: Wish,
) -> Result<Renewal, Error> {
    let until = Instant::now() + wish.patience;
    let mut look = LOOK;
    loop {
        let grant = match seen.take() {
            Some(grant) => Some(grant),
            None => read(context, connection).await?,
        };
        let Some(grant) = grant else {
            return Ok(Renewal::NotRenewable);
        };
        if !wish.wanting.is(&grant, context.clock.now()) {
            return Ok(Renewal::Fresh);
        }
        if grant.refresh_token.is_none() {
            return Ok(Renewal::NotRenewable);
        }
        let provider = context.providers.of(connection.provider);
        let app = match app::for_grant(context, connection, &grant).await? {
            Ok(app) => app,
            Err(why) => {
                settle::operator(context, connection, &grant, &why).await?;
                return Ok(Renewal::Operator);
            }
        };
        if let Some(renewal) = closed(context, connection, &grant, &app, wish.reason).await? {
            return Ok(renewal);
        }
        let rotation = provider.oauth().rotation();
        let now = context.clock.now();
        let wanted = Wanted {
            connection: connection.id,
            version: grant.version,
            attempt: ActivityId::new(now).0,
            reason: wish.reason,
            single_use: rotation.single_use,
            kills_access_token: rotation.kills_access_token,
        };
        let asked = Instant::now();
        let Some(answer) = context.renewals.take(wanted).await? else {
            return Ok(Renewal::NotRenewable);
        };
        match answer.verdict {
            Verdict::Taken => {
                let attempt = Attempt {
                    context: context.clone(),
                    connection: connection.clone(),
                    provider: provider.clone(),
                    app,
                    grant,
                    id: wanted.attempt,
                    fence: answer.fence,
                    presentation: answer.presentation,
                    actor: wish.actor,
                    taken: asked,
                };
                // In a task of its own: whoever wanted the token may go away, the answer must not.
                let task = context.under_way.spawn(attempt.run());
                return task
                    .await
                    .map_err(|error| Error::Internal(format!("a renewal ended: {error}")))?;
            }
            Verdict::Moved => return Ok(Renewal::Fresh),
            Verdict::Refused => return Ok(Renewal::Refused(HealthCode::ReauthRequired)),
            Verdict::NotRenewable => return Ok(Renewal::NotRenewable),
            Verdict::InUse => {
                let last_minute = grant.expires_at.map(|at| at - LAST_MINUTE);
                let until = answer
                    .until
                    .into_iter()
                    .chain(last_minute)
                    .min()
                    .unwrap_or(now);
                settle::postpone(context, connection, &grant, until).await?;
                return Ok(Renewal::Later(until));
            }
            Verdict::Undecidable => return settle::undecidable(context, connection, &grant).await,
            Verdict::Held | Verdict::Quarantined => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(Renewal::Later(now + answer.wait));
                }
                tokio::time::sleep(look.min(left)).await;
                look = (look * 2).min(LONGEST_LOOK);
            }
        }
    }
}

/// Whether the token endpoint is to be left alone for now.
async fn closed(
    context: &Context,
    connection: &Connection,
    grant: &StoredCredential,
    app: &OAuthApp,
    reason: RefreshReason,
) -> Result<Option<Renewal>, Error> {
    let endpoint = endpoint(app);
    // A person who asks may have mended the registration.
    if reason != RefreshReason::Manual && context.limits.client_refused(endpoint).await.is_some() {
        let why = "the provider refused this registration's client a moment ago";
        settle::operator(context, connection, grant, why).await?;
        return Ok(Some(Renewal::Operator));
    }
    match context.limits.endpoint_closed(endpoint, fraction()).await {
        None => Ok(None),
        Some(until) => {
            settle::postpone(context, connection, grant, until).await?;
            Ok(Some(Renewal::Later(until)))
        }
    }
}

fn endpoint(app: &OAuthApp) -> Endpoint<'_> {
    Endpoint {
        instance: &app.instance,
        client_id: &app.client_id,
    }
}

async fn read(
    context: &Context,
    connection: &Connection,
) -> Result<Option<StoredCredential>, Error> {
    let mut tx = context.db.tenant(connection.organization_id).await?;
    Ok(credentials::get(&mut *tx, connection.id).await?)
}
