//! Changing a connection. A new token is checked like the first one and heals it in place.

use super::find_own;
use super::input::{self, Checked};
use super::judge;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::{Account, Connection};
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::provider::ProviderKind;
use crate::domain::secret::Secret;
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, FieldError, sync};
use crate::providers::{Identity, ProviderError};
use crate::queue::{NewJob, enqueue};
use crate::session::access_for;
use crate::store::credentials::NewCredential;
use crate::store::{TenantTx, connections, counters, credentials};
use crate::vault::{Column, Place};

/// What may be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// 1–100 characters after trimming.
    pub name: Option<String>,
    /// `Some(None)` clears it.
    pub description: Option<Option<String>>,
    /// A new token: checked, then stored in place of the old one.
    pub api_token: Option<Secret>,
    /// What goes with the token (Bitbucket); empty takes it away.
    pub username: Option<String>,
    /// Whether a GitLab token rotates itself.
    pub auto_rotate: Option<bool>,
    /// Whether people want it used.
    pub is_active: Option<bool>,
    /// Whether every organization may use it (platform only).
    pub allow_org_usage: Option<bool>,
}

/// Changes a connection.
///
/// # Errors
/// [`Error::Invalid`] with every field that cannot be taken; [`Error::NotFound`].
pub async fn update(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    changes: &Changes,
) -> Result<Connection, Error> {
    let found = find_own(context, permit, id).await?;
    let patch = check(&found, changes)?;
    let renewed = match &changes.api_token {
        Some(token) => Some(renew(context, &found, changes, token).await?),
        None => None,
    };
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let before = connections::get_for_update(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    connections::patch(&mut *tx, id, &patch, now).await?;
    move_totals(&mut tx, &before, &patch).await?;
    let mut jobs = Vec::new();
    if let Some(renewed) = &renewed {
        jobs.push(heal(context, permit, &mut tx, renewed, &before).await?);
    }
    let changed = changed_fields(changes);
    let change = Change::new(
        Event::GitConnectionUpdated,
        "connection",
        id,
        Some(&before.name),
    )
    .with("updater_id", permit.actor().id.map(|id| id.to_string()))
    .with("changed_fields", changed);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = enqueue(&mut tx, &jobs).await?;
    let after = connections::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(after)
}

fn check(found: &Connection, changes: &Changes) -> Result<connections::Patch, Error> {
    let mut faults = Vec::new();
    let name = changes
        .name
        .as_deref()
        .map(|name| input::check_name(name, &mut faults));
    let description = changes.description.clone();
    input::check_description(description.as_ref().and_then(|d| d.as_deref()), &mut faults);
    if changes.allow_org_usage == Some(true) && !found.organization_id.is_platform() {
        faults.push(FieldError::new(
            "allow_org_usage",
            "platform_only",
            "Only a connection of the platform can be shared with every organization.",
        ));
    }
    if changes.auto_rotate == Some(true) && found.provider != ProviderKind::Gitlab {
        faults.push(FieldError::new(
            "auto_rotate",
            "unsupported_combination",
            "Only GitLab tokens can rotate themselves. Leave this out.",
        ));
    }
    if changes.api_token.is_some() && !found.auth_method.is_pasted() {
        faults.push(FieldError::new(
            "api_token",
            "unsupported_combination",
            "This connection was not made with a token. Connect again to renew it.",
        ));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    Ok(connections::Patch {
        name,
        description,
        is_active: changes.is_active,
        allow_org_usage: changes.allow_org_usage,
        auto_rotate: changes.auto_rotate,
        username: changes.username.clone(),
    })
}

/// A new token and what the provider said of it.
struct Renewed {
    checked: Checked,
    answer: Result<Identity, ProviderError>,
}

async fn renew(
    context: &Context,
    found: &Connection,
    changes: &Changes,
    token: &Secret,
) -> Result<Renewed, Error> {
    let internal = |error: String| Error::Internal(error);
    let provider = context
        .providers
        .of(found.provider)
        .map_err(|error| internal(error.to_string()))?;
    let mut faults = Vec::new();
    let username = changes.username.clone().or_else(|| found.username.clone());
    let pasted = input::check_pasted(&*provider, Some(token), username.as_deref(), &mut faults);
    let Some(token) = pasted else {
        return Err(Error::Invalid(faults));
    };
    let instance = context
        .providers
        .instance(found.provider, Some(&found.base_url))
        .map_err(|error| Error::field("base_url", "instance_refused", error.to_string()))?;
    let access = access_for(
        &*provider,
        instance,
        found.auth_method,
        token.clone(),
        username,
        found.azure_organization.clone(),
    );
    let answer = provider.identity(&access).await;
    let checked = Checked {
        name: found.name.clone(),
        provider,
        access,
        token,
    };
    match &answer {
        Err(error) if !error.is_transient() => Err(super::create::refused(&checked, error)),
        _ => Ok(Renewed { checked, answer }),
    }
}

/// Puts the new token in place of the old one: every status heals, repositories and settings stay.
async fn heal(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    renewed: &Renewed,
    before: &Connection,
) -> Result<NewJob, Error> {
    let now = context.clock.now();
    let mut connection = before.clone();
    connection.status = before.status.heals();
    // What the new token was proven with.
    connection.username = renewed.checked.access.username.clone();
    match &renewed.answer {
        Ok(identity) => judge::accept(&mut connection, identity, now),
        Err(error) => {
            let page = renewed
                .checked
                .provider
                .token_page(&renewed.checked.access.instance);
            // Not proven yet: as a new connection whose provider does not answer.
            connection.account = Account::default();
            judge::refuse(&mut connection, error, &page, now);
            connection.status = ConnectionStatus::Error;
        }
    }
    let place = Place::credential(
        connection.organization_id,
        connection.id,
        Column::AccessToken,
    );
    let credential = NewCredential {
        access_token: context.vault.seal(&place, &renewed.checked.token)?,
        refresh_token: None,
        expires_at: connection.token_expires_at,
        refresh_expires_at: None,
    };
    credentials::put(
        &mut **tx,
        connection.organization_id,
        connection.id,
        &credential,
        now,
    )
    .await?;
    connections::record_validation(&mut **tx, &connection).await?;
    if connection.status != before.status {
        let change = Change::new(
            Event::GitConnectionStatusChanged,
            "connection",
            connection.id,
            Some(&connection.name),
        )
        .with("from", before.status.as_str())
        .with("to", connection.status.as_str())
        .with("code", connection.health_code.as_str());
        audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    }
    Ok(match &renewed.answer {
        Ok(_) => sync::job(
            context,
            permit,
            &connection,
            SyncTrigger::Reconnected,
            false,
        ),
        Err(_) => super::validate::job(context, permit, &connection),
    })
}

/// Moves the counters of lists by what the patch changes.
async fn move_totals(
    tx: &mut TenantTx,
    before: &Connection,
    patch: &connections::Patch,
) -> Result<(), Error> {
    let (was_active, was_shared) = (before.is_active, before.allow_org_usage);
    let active = patch.is_active.unwrap_or(was_active);
    let shared = patch.allow_org_usage.unwrap_or(was_shared);
    if active != was_active {
        let by = i64::from(active) - i64::from(was_active);
        counters::move_connections(&mut **tx, before.organization_id, 0, by).await?;
    }
    let all = i64::from(shared) - i64::from(was_shared);
    let in_use = i64::from(shared && active) - i64::from(was_shared && was_active);
    if all != 0 || in_use != 0 {
        counters::move_shared(&mut **tx, all, in_use).await?;
    }
    Ok(())
}

fn changed_fields(changes: &Changes) -> Vec<&'static str> {
    let fields = [
        ("name", changes.name.is_some()),
        ("description", changes.description.is_some()),
        ("api_token", changes.api_token.is_some()),
        ("username", changes.username.is_some()),
        ("auto_rotate", changes.auto_rotate.is_some()),
        ("is_active", changes.is_active.is_some()),
        ("allow_org_usage", changes.allow_org_usage.is_some()),
    ];
    fields
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(field, _)| field)
        .collect()
}
