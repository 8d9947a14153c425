//! Telling an organization that a credential ends, and that it has ended.
//!
//! Each step before an end is told once, whoever sweeps: it is noted beside the secret in the
//! transaction that tells it, and only where nobody has noted it and the end has not moved. A step
//! that is not worth a word (the connection is switched off, or dead already) is noted all the same,
//! so that no sweep reads it again. Steps that were slept through are one: the nearest is told.

use super::expiry;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ending::{ENDED, days_left, step};
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::{connections, warnings};

/// Tells what has to be told of the end of a connection's credential; says whether anything was.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn warn(context: &Context, permit: &Permit, id: ConnectionId) -> Result<bool, Error> {
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let Some(mut connection) = connections::get_for_update(&mut *tx, id).await? else {
        return Ok(false);
    };
    let Some(ending) = warnings::ending(&mut *tx, id).await? else {
        return Ok(false);
    };
    let Some(step) = step(ending.ends_at, now) else {
        return Ok(false);
    };
    // What is under way decides first; the next sweep looks again.
    if step == ENDED && ending.under_way {
        return Ok(false);
    }
    if !warnings::note(&mut *tx, id, ending.ends_at, step).await? {
        return Ok(false);
    }
    // A token that will have made its successor by then.
    let rotates = connection.auto_rotate && !ending.unrotatable && step > LAST;
    let told = is_worth_a_word(&connection) && !rotates;
    if told {
        let before = connection.status;
        let change = if step == ENDED {
            expiry::end(&mut connection, ending.ends_at, now);
            Change::of_status(&connection, before)
        } else {
            expiry::warn(&mut connection, now);
            let what = if ending.renewable {
                "refresh_token"
            } else {
                "token"
            };
            Change::of_connection(Event::GitConnectionExpiring, &connection)
                .with("days", days_left(ending.ends_at, now))
                .with("expires_at", ending.ends_at.to_rfc3339())
                .with("what", what)
        };
        connections::record_renewal(&mut *tx, &connection).await?;
        audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    }
    tx.commit().await?;
    Ok(told)
}

/// The last warning is told of a token that rotates itself, too: it should have done so.
const LAST: i16 = 1;

fn is_worth_a_word(connection: &Connection) -> bool {
    connection.is_active
        // An installation's tokens are made anew by themselves.
        && connection.auth_method != AuthMethod::GithubApp
        && matches!(
            connection.status,
            ConnectionStatus::Active | ConnectionStatus::Error
        )
}
