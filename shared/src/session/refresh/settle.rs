//! Writing the answer down: the pair before anything else can fail, then what it means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::attempt::Attempt;
use super::judge::{self, Facts, Judgement};
use super::{Renewal, due};
use crate::authz::{Permission, Permit};
use crate::domain::activity::Event;
use crate::domain::actor::Actor;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::refresh::RefreshOutcome;
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, sync};
use crate::limits::REFUSED_CLIENT;
use crate::providers::{self, GrantError};
use crate::queue::enqueue;
use crate::store::credentials::StoredCredential;
use crate::store::refreshes::{self, Failed};
use crate::store::sweeps::renewals::Renewed;
use crate::store::{TenantTx, connections};
use crate::vault::{Column, Place, random};

/// Between two tries to reach a database that is away, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A database that answers and refuses is asked so long to take a new pair: what it refuses for may be
/// mended by hand.
const INSISTENCE: Duration = Duration::from_secs(600);

/// Writes an attempt's answer down, for as long as it takes: the new pair exists nowhere else.
pub(super) async fn settle(
    attempt: &Attempt,
    answer: Result<providers::Grant, GrantError>,
    may_still_commit: bool,
) -> Result<Renewal, Error> {
    let mut wait = Duration::from_millis(50);
    let until = Instant::now() + INSISTENCE;
    loop {
        let written = match &answer {
            Ok(grant) => renewed(attempt, grant).await,
            Err(error) => failed(attempt, error, may_still_commit).await,
        };
        match written {
            Err(Error::Unavailable(why)) => {
                tracing::warn!(connection = %attempt.connection.id, %why,
                    "the answer to a renewal waits for the database");
            }
            Err(Error::Internal(why)) if answer.is_ok() && Instant::now() < until => {
                tracing::error!(connection = %attempt.connection.id, %why,
                    "a new pair could not be stored");
            }
            written => return written,
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn renewed(attempt: &Attempt, grant: &providers::Grant) -> Result<Renewal, Error> {
    let Attempt {
        context,
        connection,
        ..
    } = attempt;
    let now = context.clock.now();
    let seal = |column, secret| {
        let place = Place::credential(connection.organization_id, connection.id, column);
        context.vault.seal(&place, secret)
    };
    let Some(refresh_token) = &grant.refresh_token else {
        return Err(Error::Internal(
            "a renewal without a refresh token".to_owned(),
        ));
    };
    let permit = permit(connection, &attempt.actor);
    let change = Change::of_connection(Event::GitConnectionRefreshed, connection);
    let stored = context
        .renewals
        .store(Renewed {
            connection: connection.id,
            version: attempt.grant.version,
            attempt: attempt.id,
            access_token: seal(Column::AccessToken, &grant.access_token)?,
            refresh_token: seal(Column::RefreshToken, refresh_token)?,
            expires_at: grant.expires_at,
            refresh_expires_at: grant
                .refresh_expires_at
                .or(attempt.grant.refresh_expires_at),
            next_refresh_at: grant
                .expires_at
                .map(|at| due(at, now, context.refresh.buffer, random::fraction())),
            scopes: grant.scopes.clone(),
            entry: audit::entry(&context.vault, &permit, change, now),
        })
        .await?;
    match stored {
        Some(stored) if stored.stored => {
            if judge::heals(stored.health) || stored.status != ConnectionStatus::Active {
                heal(attempt, &permit).await?;
            }
        }
        _ => give_back(attempt, grant).await,
    }
    Ok(Renewal::Fresh)
}

/// What a success proves wrong of the connection's health, and a sync where it had stood still.
async fn heal(attempt: &Attempt, permit: &Permit) -> Result<(), Error> {
    let Attempt {
        context,
        connection,
        ..
    } = attempt;
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let Some(mut face) = connections::get_for_update(&mut *tx, connection.id).await? else {
        return Ok(());
    };
    let before = face.status;
    judge::accept(&mut face, context.clock.now());
    connections::record_renewal(&mut *tx, &face).await?;
    let mut jobs = Vec::new();
    if face.status != before {
        audit::record(
            &mut tx,
            &context.vault,
            &context.clock,
            permit,
            Change::of_status(&face, before),
        )
        .await?;
        if face.is_active {
            let trigger = SyncTrigger::Reconnected;
            jobs.push(sync::job(context, permit, &face, trigger, false));
        }
    }
    let enqueued = enqueue(&mut tx, &jobs).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}

/// A pair for a grant that was replaced meanwhile is nobody's: given back where the provider knows
/// how, so that it does not live on unseen.
async fn give_back(attempt: &Attempt, grant: &providers::Grant) {
    let connection = &attempt.connection.id;
    tracing::info!(%connection, "a renewal's answer belongs to a grant that was replaced");
    let oauth = attempt.provider.oauth();
    if let Err(error) = oauth.revoke(&attempt.app, &grant.access_token).await {
        tracing::info!(%connection, detail = %error.detail, "it could not be given back");
    }
}

async fn failed(
    attempt: &Attempt,
    error: &GrantError,
    may_still_commit: bool,
) -> Result<Renewal, Error> {
    let Attempt {
        context,
        connection,
        grant,
        ..
    } = attempt;
    let now = context.clock.now();
    let facts = Facts {
        now,
        expires_at: grant.expires_at,
        failures: grant.refresh_failures,
        presentation: attempt.presentation,
        single_use: attempt.provider.oauth().rotation().single_use,
    };
    let judgement = judge::judge(error, facts);
    tracing::info!(connection = %connection.id, class = ?error.class, status = error.status,
        code = error.code.as_deref(), detail = %error.detail, "a renewal brought no pair");
    let failed = Failed {
        connection: connection.id,
        version: grant.version,
        fence: attempt.fence,
        attempt: attempt.id,
        outcome: judgement.outcome,
        code: error.code.clone(),
        detail: error.detail.clone(),
        next_refresh_at: judgement.again,
        quarantine: may_still_commit.then_some(context.refresh.quarantine),
    };
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let face = connections::get_for_update(&mut *tx, connection.id).await?;
    let stands = refreshes::fail(&mut *tx, &failed).await?;
    if let (Some(face), true) = (face, stands) {
        let permit = permit(&face, &attempt.actor);
        write_down(
            context,
            &mut tx,
            &permit,
            face,
            &judgement,
            attempt.presentation,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(outcome(&judgement, stands))
}

fn outcome(judgement: &Judgement, stands: bool) -> Renewal {
    match (stands, judgement.again, judgement.health) {
        // Another has taken over: its outcome counts.
        (false, ..) => Renewal::Later(judgement.again.unwrap_or_default()),
        (true, _, Some(HealthCode::OperatorConfiguration)) => Renewal::Operator,
        (true, Some(at), _) => Renewal::Later(at),
        (true, None, code) => Renewal::Refused(code.unwrap_or(HealthCode::ReauthRequired)),
    }
}

/// The token is lent out: its renewal waits.
pub(super) async fn postpone(
    context: &Context,
    connection: &Connection,
    grant: &StoredCredential,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    let mut tx = context.db.tenant(connection.organization_id).await?;
    refreshes::postpone(&mut *tx, connection.id, grant.version, Some(until)).await?;
    tx.commit().await?;
    Ok(())
}

/// The registration that the grant belongs to is gone or another: nothing is sent.
pub(super) async fn operator(
    context: &Context,
    connection: &Connection,
    grant: &StoredCredential,
    why: &str,
) -> Result<(), Error> {
    tracing::warn!(connection = %connection.id, why, "a token cannot be renewed by configuration");
    let now = context.clock.now();
    let judgement = Judgement {
        outcome: RefreshOutcome::Operator,
        health: Some(HealthCode::OperatorConfiguration),
        status: None,
        again: None,
    };
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let Some(face) = connections::get_for_update(&mut *tx, connection.id).await? else {
        return Ok(());
    };
    refreshes::postpone(
        &mut *tx,
        connection.id,
        grant.version,
        Some(now + REFUSED_CLIENT),
    )
    .await?;
    let permit = permit(&face, &Actor::system());
    write_down(context, &mut tx, &permit, face, &judgement, 0).await?;
    tx.commit().await?;
    Ok(())
}

/// Presented twice without an answer: a third time could destroy what the second has made. The
/// access token works until its date; the date decides.
pub(super) async fn undecidable(
    context: &Context,
    connection: &Connection,
    grant: &StoredCredential,
) -> Result<Renewal, Error> {
    let now = context.clock.now();
    let past = grant.expires_at.is_none_or(|at| at <= now);
    let judgement = if past {
        Judgement {
            outcome: RefreshOutcome::Unknown,
            health: Some(HealthCode::ReauthRequired),
            status: Some(ConnectionStatus::Expired),
            again: None,
        }
    } else {
        Judgement {
            outcome: RefreshOutcome::Unknown,
            health: Some(HealthCode::Uncertain),
            status: None,
            again: grant.expires_at,
        }
    };
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let Some(face) = connections::get_for_update(&mut *tx, connection.id).await? else {
        return Ok(Renewal::NotRenewable);
    };
    let again = judgement.again;
    if refreshes::postpone(&mut *tx, connection.id, grant.version, again).await? {
        let permit = permit(&face, &Actor::system());
        write_down(context, &mut tx, &permit, face, &judgement, 2).await?;
    }
    tx.commit().await?;
    Ok(outcome(&judgement, true))
}

async fn write_down(
    context: &Context,
    tx: &mut TenantTx,
    permit: &Permit,
    mut face: Connection,
    judgement: &Judgement,
    presentation: i16,
) -> Result<(), Error> {
    let (status, code) = (face.status, face.health_code);
    judge::refuse(&mut face, judgement, presentation, context.clock.now());
    if (face.status, face.health_code) == (status, code) {
        return Ok(());
    }
    connections::record_renewal(&mut **tx, &face).await?;
    if face.status != status {
        audit::record(
            tx,
            &context.vault,
            &context.clock,
            permit,
            Change::of_status(&face, status),
        )
        .await?;
    }
    Ok(())
}

fn permit(connection: &Connection, actor: &Actor) -> Permit {
    let permission = Permission::ConnectionsUse;
    Permit::for_job(connection.organization_id, actor.clone(), permission)
}
