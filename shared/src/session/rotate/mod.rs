//! Letting a token make its successor before it ends.
//!
//! # Needs
//! A rotation kills the token at once, and presenting the killed token to a second rotation makes the
//! host revoke the successor too (reuse detection). Answers are lost, processes die.
//!
//! # Properties
//! 1. A token is presented to a rotation again only after it has said itself, later, that it lives:
//!    then no rotation of it has happened.
//! 2. A successor that was received is stored, unless somebody has pasted another token meanwhile.
//! 3. Where a token is found dead after an answer was lost, the connection tells just that.
//!
//! # Design
//! The attempt is committed as `in_flight` before anything is sent; while one is open
//! (`in_flight` of a dead process, `unknown` of a lost answer) no other of that version can be
//! written, by a unique index. The credential's lease keeps everybody else away for longer than the
//! calls can take, and nobody is lent the token meanwhile. An open attempt is closed by one harmless
//! question: the token lives (`not_rotated`; a new attempt may be made, some time later) or is dead
//! (`lost`). The answer is stored where the version stands, as for a renewal.
//!
//! # Races, by name
//! - *Late commit*: the host may still be at work when our patience ends. The question comes only
//!   after a quarantine, and after a token has said that it lives some minutes pass before the next
//!   attempt.
//! - *Slow holder*: between taking and sending a monotonic clock is looked at; where the process was
//!   stopped for long, nothing is sent.
//! - *Pasted meanwhile*: the version has moved; the successor is not stored, and ended with itself.
//! - *Token lent out*: it waits for open leases, but not into the last minute.

mod attempt;
mod due;
mod face;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, timeout};

pub use due::due;

use crate::authz::Permit;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::ActivityId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::meter::CallClass;
use crate::domain::rotation::RotationOutcome;
use crate::flows::{Context, Error};
use crate::providers::ErrorClass;
use crate::session;
use crate::store::rotations::{self, Ended, Rotatable, Take};
use attempt::Attempt;

/// After a token has said that it lives although an answer was lost: the host may yet be at work.
const AGAIN: TimeDelta = TimeDelta::minutes(10);
/// Where the token is lent out, or another is at it.
const LATER: TimeDelta = TimeDelta::minutes(1);

/// How a wish for a successor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its time has not come, or it is not asked for.
    NotDue,
    /// The successor is stored.
    Rotated,
    /// Not before this time again.
    Later(DateTime<Utc>),
    /// A person must act; the connection says how.
    Ended,
}

/// Lets a connection's token make its successor where its time has come, or finds out what became of
/// an attempt before.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer; [`Error::Internal`] where a secret does
/// not open. What the provider answers is no error.
pub async fn rotate(
    context: &Context,
    permit: &Permit,
    connection: Connection,
) -> Result<Outcome, Error> {
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let read = rotations::read(&mut *tx, connection.id).await?;
    drop(tx);
    let Some(token) = read else {
        return Ok(Outcome::NotDue);
    };
    let now = context.clock.now();
    if token.open.is_none() && !is_due(&connection, &token, now) {
        return Ok(Outcome::NotDue);
    }
    if let Some(at) = token.rotate_after.filter(|at| *at > now) {
        return Ok(Outcome::Later(at));
    }
    let session = session::open_refused(context, connection, CallClass::Sweep).await?;
    // Another token was pasted since it was looked at: that one has its own time.
    if session.version != token.version || session.provider.rotation().is_none() {
        return Ok(Outcome::NotDue);
    }
    let take = Take {
        connection: session.connection.id,
        version: token.version,
        lease: lease(context),
        holder: &context.refresh.holder,
    };
    let id = token.open.unwrap_or_else(|| ActivityId::new(now).0);
    let taken = Instant::now();
    let mut tx = context
        .db
        .tenant(session.connection.organization_id)
        .await?;
    let ours = match token.open {
        Some(_) => rotations::look(&mut *tx, take).await?,
        None => rotations::begin(&mut *tx, take, id, now).await?,
    };
    tx.commit().await?;
    if !ours {
        return Ok(Outcome::Later(now + LATER));
    }
    let repeated = token.open.is_some();
    let attempt = Attempt {
        context: context.clone(),
        permit: permit.clone(),
        session,
        token,
        id,
        taken,
    };
    // In a task of its own: whoever wanted it may go away, the answer must not.
    let task = context.under_way.spawn(async move {
        if repeated {
            attempt.resolve().await
        } else {
            attempt.run().await
        }
    });
    task.await
        .map_err(|error| Error::Internal(format!("a rotation ended: {error}")))?
}

fn is_due(connection: &Connection, token: &Rotatable, now: DateTime<Utc>) -> bool {
    let wanted = connection.auto_rotate
        && connection.is_active
        && connection.auth_method != AuthMethod::Oauth
        && connection.status == ConnectionStatus::Active
        && !token.unrotatable;
    let due = |end| due(token.obtained_at, end) <= now && now < end;
    wanted && token.expires_at.is_some_and(due)
}

/// Longer than a question and a rotation can take, with what a stopped process may sleep between.
fn lease(context: &Context) -> Duration {
    let refresh = &context.refresh;
    refresh.deadline * 2 + refresh.lease + refresh.quarantine
}
