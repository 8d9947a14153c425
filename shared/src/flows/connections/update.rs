//! Changing a connection. A new token is checked like the first one and heals it in place.

use super::find_own;
use super::grant::{self, PastedGrant};
use super::input::{self, Checked};
use super::installation;
use super::keep::{self, NewSecret};
use super::present::present;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::secret::Secret;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, FieldError};
use crate::providers::{Identity, ProviderError};
use crate::queue::{NewJob, enqueue};
use crate::session::{access_for, trusting};
use crate::store::{TenantTx, connections, counters};

/// What may be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// 1–100 characters after trimming.
    pub name: Option<String>,
    /// `Some(None)` clears it.
    pub description: Option<Option<String>>,
    /// A new token: checked, then stored in place of the old one.
    pub api_token: Option<Secret>,
    /// A new grant in place of the old one, checked likewise (`oauth`).
    pub grant: Option<PastedGrant>,
    /// A new key of the App in place of the old one, checked likewise (`github_app`).
    pub github_app_private_key: Option<Secret>,
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
    let secrets = [&changes.api_token, &changes.github_app_private_key];
    let renews = changes.grant.is_some() || secrets.into_iter().any(Option::is_some);
    let renewed = if renews {
        Some(renew(context, &found, changes).await?)
    } else {
        None
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
    if changes.github_app_private_key.is_some() && found.auth_method != AuthMethod::GithubApp {
        faults.push(FieldError::new(
            "github_app_private_key",
            "unsupported_combination",
            "This connection is no installation of a GitHub App. Replace its token with api_token, or connect again.",
        ));
    }
    if let Some(grant) = &changes.grant
        && found.auth_method != AuthMethod::Oauth
    {
        for (field, _) in grant.fields().iter().filter(|(_, given)| *given) {
            faults.push(FieldError::new(
                field,
                "unsupported_combination",
                "This connection was not made by OAuth. Replace its token with api_token.",
            ));
        }
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

async fn renew(context: &Context, found: &Connection, changes: &Changes) -> Result<Renewed, Error> {
    if let Some(key) = &changes.github_app_private_key {
        return renew_key(context, found, key).await;
    }
    let provider = context.providers.of(found.provider);
    let mut faults = Vec::new();
    let username = changes.username.clone().or_else(|| found.username.clone());
    let secret = match &changes.grant {
        Some(pasted) => {
            let now = context.clock.now();
            grant::check(&*provider, pasted, now, &mut faults)
        }
        None => {
            let token = (changes.api_token.as_ref(), username.as_deref());
            let token = input::check_pasted(&*provider, "api_token", token, &mut faults);
            token.map(NewSecret::pasted)
        }
    };
    let Some(mut secret) = secret else {
        return Err(Error::Invalid(faults));
    };
    let instance = instance_of(context, found).await?;
    let access = access_for(
        &*provider,
        instance,
        found.auth_method,
        secret.grant.access_token.clone(),
        username,
        found.azure_organization.clone(),
    );
    let (organization, pasted) = (found.organization_id, changes.grant.as_ref());
    let instance = &access.instance;
    grant::find_registration(context, organization, instance, pasted, &mut secret).await?;
    let checked = Checked {
        name: found.name.clone(),
        provider,
        access,
        secret,
        method: found.auth_method,
        installation: None,
    };
    let answer = present(context, organization, &checked).await?;
    proven(checked, answer)
}

/// The same for the key of an App. What was minted by the old one is not asked.
async fn renew_key(context: &Context, found: &Connection, key: &Secret) -> Result<Renewed, Error> {
    let mut faults = Vec::new();
    let Some(secret) = installation::check_key(context, Some(key), &mut faults) else {
        return Err(Error::Invalid(faults));
    };
    let (Some(app), Some(id)) = (found.github_app_id, found.github_app_installation_id) else {
        return Err(Error::Internal(format!(
            "connection {} names no installation",
            found.id
        )));
    };
    let instance = instance_of(context, found).await?;
    let checked = installation::checked(context, found.name.clone(), secret, instance, (app, id))?;
    let answer = present(context, found.organization_id, &checked).await?;
    proven(checked, answer)
}

async fn instance_of(context: &Context, found: &Connection) -> Result<Instance, Error> {
    let instance = context
        .providers
        .instance(found.provider, Some(&found.base_url))
        .map_err(|error| Error::field("base_url", "instance_refused", error.to_string()))?;
    trusting(context, found.organization_id, instance).await
}

/// Refused for good, nothing is changed.
fn proven(checked: Checked, answer: Result<Identity, ProviderError>) -> Result<Renewed, Error> {
    match &answer {
        Err(error) if !error.is_transient() => Err(super::create::refused(&checked, error)),
        _ => Ok(Renewed { checked, answer }),
    }
}

/// Puts the new secret in place of the old one.
async fn heal(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    renewed: &Renewed,
    before: &Connection,
) -> Result<NewJob, Error> {
    let (checked, mut connection) = (&renewed.checked, before.clone());
    // As it was just changed, and checked with this token.
    if checked.installation.is_none() {
        connection.username.clone_from(&checked.access.username);
    }
    let credential = keep::judge_and_seal(
        context,
        &mut connection,
        (&*checked.provider, &checked.access.instance),
        &checked.secret,
        &renewed.answer,
        context.clock.now(),
    )?;
    keep::keep_healed(context, permit, tx, (before, &connection), &credential).await
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
        (
            "github_app_private_key",
            changes.github_app_private_key.is_some(),
        ),
        ("username", changes.username.is_some()),
        ("auto_rotate", changes.auto_rotate.is_some()),
        ("is_active", changes.is_active.is_some()),
        ("allow_org_usage", changes.allow_org_usage.is_some()),
    ];
    let granted = changes.grant.iter().flat_map(PastedGrant::fields);
    fields
        .into_iter()
        .chain(granted)
        .filter(|(_, changed)| *changed)
        .map(|(field, _)| field)
        .collect()
}
