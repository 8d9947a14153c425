//! A token is pasted: checked at the provider, sealed, stored with its first sync job.

use chrono::{DateTime, Utc};

use super::grant;
use super::input::{Checked, NewConnection};
use super::installation;
use super::keep;
use super::present::present;
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::flows::{Context, Error};
use crate::providers::{ErrorClass, ProviderError};
use crate::queue::enqueue;
use crate::session::explain;

/// Of the first secret of a connection.
const FIRST_GENERATION: i64 = 1;

/// Makes a connection.
///
/// The credential is checked before it is stored. An installation of a GitHub App that this
/// organization has connected already is not connected twice: the connection that is there takes the
/// key and heals, with its name and description as they are.
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
    let mut checked = new.check(context, permit.organization())?;
    checked.trust(context, permit.organization()).await?;
    let answer = present(context, permit.organization(), &checked).await?;
    if let Err(error) = &answer
        && !error.is_transient()
    {
        return Err(refused(&checked, error));
    }
    let instance = &checked.access.instance;
    let (pasted, secret) = (new.grant.as_ref(), &mut checked.secret);
    grant::find_registration(context, permit.organization(), instance, pasted, secret).await?;
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let before = installation::existing(&mut tx, &checked, &answer).await?;
    if let (Some(_), Err(error)) = (&before, &answer) {
        // What works is not replaced by what nobody could ask about.
        return Err(explain(new.provider, error));
    }
    let fresh = || unproven(permit, new, &checked, now);
    let mut connection = before.clone().unwrap_or_else(fresh);
    connection.github_app_installation_id = checked.installation.map(|(_, id)| id);
    let credential = keep::judge_and_seal(
        context,
        &mut connection,
        (&*checked.provider, &checked.access.instance),
        &checked.secret,
        &answer,
        now,
    )?;
    let stored = (before.as_ref(), &connection);
    let changed = ["github_app_private_key"];
    let job = keep::keep(context, permit, &mut tx, stored, &credential, &changed).await?;
    let enqueued = enqueue(&mut tx, &[job]).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    if before.is_none() && answer.is_ok() {
        context.limits.proven(connection.id, FIRST_GENERATION);
    }
    Ok(connection)
}

/// The connection before the provider has said anything.
fn unproven(
    permit: &Permit,
    new: &NewConnection,
    checked: &Checked,
    now: DateTime<Utc>,
) -> Connection {
    let at = (new.provider, checked.access.instance.base_url());
    Connection {
        allow_org_usage: new.allow_org_usage,
        description: new.description.clone(),
        azure_organization: checked.access.azure_organization.clone(),
        auto_rotate: new.auto_rotate,
        username: checked.access.username.clone(),
        github_app_id: checked.installation.map(|(app, _)| app),
        github_app_installation_id: checked.installation.map(|(_, id)| id),
        ..keep::unproven(permit, at, new.auth_method, checked.name.clone(), now)
    }
}

/// What a person who pasted a token is told when the provider refused it for good.
pub(super) fn refused(checked: &Checked, error: &ProviderError) -> Error {
    if let Some(ids) = checked.installation {
        return installation::refused(ids, error);
    }
    let name = checked.provider.kind().display_name();
    tracing::info!(provider = checked.provider.kind().as_str(), class = ?error.class,
        status = error.status, detail = %error.detail, "a pasted token was not accepted");
    if let Some(told) = checked.provider.explain_refusal(&checked.access, error) {
        return Error::field(told.field, told.code, told.message);
    }
    let (field, code, message) = match error.class {
        ErrorClass::SsoBlocked => (
            checked.token_field(),
            "sso_blocked",
            "The organization at the provider demands single sign-on for this token. Authorize the token for it, then try again.".to_owned(),
        ),
        ErrorClass::Suspended => (
            checked.token_field(),
            "suspended",
            format!("The account of this token is suspended at {name}."),
        ),
        ErrorClass::ScopeMissing | ErrorClass::Forbidden => (
            checked.token_field(),
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
            checked.token_field(),
            "invalid_token",
            format!("{name} refused this token. Check that it was copied whole and has not expired, or make a new one."),
        ),
    };
    Error::field(field, code, message)
}
