//! Asking with an opened credential, and what a refusal of it means first.

use std::time::Duration;

use super::open::{Session, open};
use super::refresh::{self, Renewal, Wanting, Wish};
use crate::authz::{Permission, Permit};
use crate::domain::actor::Actor;
use crate::domain::auth_method::AuthMethod;
use crate::domain::refresh::RefreshReason;
use crate::flows::{Context, Error, connections};
use crate::providers::{ErrorClass, ProviderError};
use crate::store::credentials;

/// How long whoever waits for an answer waits for a renewal in between.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);

/// Asks a provider: `ask!(context, session, session.provider.identity(&session.access))`.
///
/// Where the access token is refused, that may be because a renewal has replaced it since it was
/// opened, or because it ended early: the question is put once more with the newer token, or, where
/// the connection can renew its token and nobody has, after a renewal. Only what is refused then is
/// a refusal, and is written down as the connection's (`unrecorded:` leaves that to the caller), so
/// that nobody presents it again. The session afterwards is of the token that was used last. (A macro, since a closure
/// that borrows its argument over an await is not known to be `Send`.)
#[macro_export]
macro_rules! ask {
    ($context:expr, $session:ident, $question:expr) => {{
        let answer = $crate::ask!(unrecorded: $context, $session, $question);
        $crate::session::note_refusal(&answer, $context, &$session).await?;
        answer
    }};
    (unrecorded: $context:expr, $session:ident, $question:expr) => {{
        let answer = $question.await;
        if $crate::session::renewed_after(&answer, $context, &mut $session).await? {
            $question.await
        } else {
            answer
        }
    }};
}

/// Opens a newer token where an answer refuses the session's: whether to ask again. See [`ask!`].
///
/// # Errors
/// As [`open`].
pub async fn renewed_after<T: Sync>(
    answer: &Result<T, ProviderError>,
    context: &Context,
    session: &mut Session,
) -> Result<bool, Error> {
    match answer {
        Err(error) if error.class == ErrorClass::Unauthorized => reopened(context, session).await,
        _ => Ok(false),
    }
}

/// Writes down that the credential was refused, whatever was asked with it. See [`ask!`].
///
/// # Errors
/// Where the database does not answer.
pub async fn note_refusal<T: Sync>(
    answer: &Result<T, ProviderError>,
    context: &Context,
    session: &Session,
) -> Result<(), Error> {
    let Err(error) = answer else { return Ok(()) };
    if error.class != ErrorClass::Unauthorized {
        return Ok(());
    }
    let (organization, actor) = (session.connection.organization_id, Actor::system());
    let permit = Permit::for_job(organization, actor, Permission::ConnectionsTest);
    connections::record_refusal(context, &permit, session, error.clone()).await
}

/// Opens a newer token than the session's, where there is one or one can be had.
async fn reopened(context: &Context, session: &mut Session) -> Result<bool, Error> {
    let connection = &session.connection;
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let current = credentials::get(&mut *tx, connection.id).await?;
    drop(tx);
    let Some(current) = current else {
        return Ok(false);
    };
    if current.version == session.version {
        if connection.auth_method != AuthMethod::Oauth {
            return Ok(false);
        }
        let wish = Wish {
            wanting: Wanting::Version(session.version),
            reason: RefreshReason::Refused,
            actor: Actor::system(),
            patience: PATIENCE,
        };
        if refresh::renew(context, connection, wish).await? != Renewal::Fresh {
            return Ok(false);
        }
    }
    *session = open(context, connection.clone(), session.asking).await?;
    Ok(true)
}
