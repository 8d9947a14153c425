//! A token is pasted: checked at the provider, sealed, stored with its first sync job.

use chrono::{DateTime, Utc};

use super::input::{Checked, NewConnection};
use super::judge;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::{Account, Connection};
use crate::domain::health::HealthCode;
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::quota::RateLimit;
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, sync};
use crate::providers::{ErrorClass, Identity, ProviderError};
use crate::queue::{Enqueued, enqueue};
use crate::store::credentials::NewCredential;
use crate::store::{TenantTx, connections, counters, credentials};
use crate::vault::{Column, Place};

/// Makes a connection.
///
/// The credential is checked before it is stored. Refused by the provider: nothing is stored.
/// Provider out of reach or limited: stored with status `error`, and validated again by a job.
///
/// # Errors
/// [`Error::Invalid`] with every field that cannot be taken, `invalid_token` where the provider
/// refused it.
pub async fn create(
    context: &Context,
    permit: &Permit,
    new: &NewConnection,
) -> Result<Connection, Error> {
    let checked = new.check(context, permit.organization())?;
    let answer = checked.provider.identity(&checked.access).await;
    let now = context.clock.now();
    let mut connection = unproven(permit, new, &checked, now);
    match &answer {
        Ok(identity) => judge::accept(&mut connection, identity, now),
        Err(error) if error.is_transient() => {
            let page = checked.provider.token_page(&checked.access.instance);
            judge::refuse(&mut connection, error, &page, now);
            connection.status = ConnectionStatus::Error;
        }
        Err(error) => return Err(refused(&checked, error)),
    }
    let place = Place::credential(
        connection.organization_id,
        connection.id,
        Column::AccessToken,
    );
    let credential = NewCredential {
        access_token: context.vault.seal(&place, &checked.token)?,
        refresh_token: None,
        expires_at: connection.token_expires_at,
        refresh_expires_at: None,
    };
    let mut tx = context.db.tenant(permit.organization()).await?;
    let job = store(
        context,
        permit,
        &mut tx,
        &connection,
        &credential,
        answer.as_ref().ok(),
    )
    .await?;
    tx.commit().await?;
    context.doorbell.ring([job.lane]);
    Ok(connection)
}

/// The connection before the provider has said anything.
fn unproven(
    permit: &Permit,
    new: &NewConnection,
    checked: &Checked,
    now: DateTime<Utc>,
) -> Connection {
    Connection {
        id: ConnectionId::new(now),
        organization_id: permit.organization(),
        allow_org_usage: new.allow_org_usage,
        name: checked.name.clone(),
        description: new.description.clone(),
        provider: new.provider,
        base_url: checked.access.instance.base_url(),
        azure_organization: checked.access.azure_organization.clone(),
        auth_method: new.auth_method,
        status: ConnectionStatus::Active,
        health_code: HealthCode::Ok,
        health_since: now,
        health_action_url: None,
        is_active: true,
        auto_rotate: new.auto_rotate,
        username: checked.access.username.clone(),
        account: Account::default(),
        scopes: None,
        missing_scopes: Vec::new(),
        token_expires_at: None,
        refresh_token_expires_at: None,
        last_refreshed_at: None,
        validated_at: None,
        validation_error: None,
        last_used_at: None,
        last_synced_at: None,
        repository_count: 0,
        rate_limit: RateLimit::default(),
        github_app_id: None,
        github_app_installation_id: None,
        created_by: permit.user(),
        created_by_name: permit.actor().name.clone(),
        created_at: now,
        updated_at: now,
    }
}

async fn store(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    connection: &Connection,
    credential: &NewCredential,
    accepted: Option<&Identity>,
) -> Result<Enqueued, Error> {
    let organization = connection.organization_id;
    connections::insert(&mut **tx, connection).await?;
    credentials::put(
        &mut **tx,
        organization,
        connection.id,
        credential,
        connection.created_at,
    )
    .await?;
    counters::move_connections(&mut **tx, organization, 1, 1).await?;
    if connection.allow_org_usage {
        counters::move_shared(&mut **tx, 1, 1).await?;
    }
    let change = Change::new(
        Event::GitConnectionCreated,
        "connection",
        connection.id,
        Some(&connection.name),
    )
    .with("creator_id", permit.actor().id.map(|id| id.to_string()))
    .with("provider", connection.provider.as_str())
    .with("auth_method", connection.auth_method.as_str());
    audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    let job = if accepted.is_some() {
        sync::job(context, permit, connection, SyncTrigger::Created, false)
    } else {
        super::validate::job(context, permit, connection)
    };
    let enqueued = enqueue(&mut *tx, &[job]).await?;
    enqueued
        .into_iter()
        .next()
        .ok_or_else(|| Error::Internal("no job was enqueued".to_owned()))
}

/// What a person who pasted a token is told when the provider refused it for good.
pub(super) fn refused(checked: &Checked, error: &ProviderError) -> Error {
    let name = checked.provider.kind().display_name();
    tracing::info!(provider = checked.provider.kind().as_str(), class = ?error.class,
        status = error.status, detail = %error.detail, "a pasted token was not accepted");
    if let Some(told) = checked.provider.explain_refusal(&checked.access, error) {
        return Error::field(told.field, told.code, told.message);
    }
    let (field, code, message) = match error.class {
        ErrorClass::SsoBlocked => (
            "api_token",
            "sso_blocked",
            "The organization at the provider demands single sign-on for this token. Authorize the token for it, then try again.".to_owned(),
        ),
        ErrorClass::Suspended => (
            "api_token",
            "suspended",
            format!("The account of this token is suspended at {name}."),
        ),
        ErrorClass::ScopeMissing | ErrorClass::Forbidden => (
            "api_token",
            "scope_missing",
            format!("{name} knows this token, but it may not read its own account. Make one with the scopes that the documentation names."),
        ),
        ErrorClass::Blocked => (
            "base_url",
            "blocked_address",
            "This address, or where it redirects to, may not be reached. Check the URL, or ask the operator to allow it (MOORING_OUTBOUND_ALLOW).".to_owned(),
        ),
        ErrorClass::NotFound if checked.access.azure_organization.is_some() => (
            "azure_organization",
            "organization_not_found",
            format!("{name} knows no organization of this name. Write it as in the address of the organization's pages."),
        ),
        ErrorClass::NotFound | ErrorClass::Unexpected => (
            "base_url",
            "not_this_provider",
            format!("What answers at this address is not {name}. Check the base URL."),
        ),
        _ => (
            "api_token",
            "invalid_token",
            format!("{name} refused this token. Check that it was copied whole and has not expired, or make a new one."),
        ),
    };
    Error::field(field, code, message)
}
