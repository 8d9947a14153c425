//! A secret was checked at its provider: what the answer means, sealed and stored. The one way in
//! for pasted tokens, for tokens pasted in place of others, and for grants.

use chrono::{DateTime, Utc};

use super::judge;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::{Account, Connection};
use crate::domain::health::HealthCode;
use crate::domain::ids::{ConnectionId, ProviderConfigId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::quota::RateLimit;
use crate::domain::secret::{ExposeSecret, Secret};
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, sync, webhooks};
use crate::providers::{Grant, Identity, Provider, ProviderError};
use crate::queue::{NewJob, enqueue};
use crate::session::refresh::due;
use crate::store::credentials::NewCredential;
use crate::store::{TenantTx, connections, counters, credentials, repository_hooks};
use crate::vault::{Column, Place, random};

/// A secret as it came.
#[derive(Clone, Debug)]
pub(in crate::flows) struct NewSecret {
    /// The tokens. Of a pasted token, the access token alone; its end and its scopes are what the
    /// provider tells.
    pub(in crate::flows) grant: Grant,
    /// The registration that it was granted to, where known.
    pub(in crate::flows) through: Option<Through>,
    /// The row of the App that is installed, whose key is there and not here.
    pub(in crate::flows) app_config: Option<ProviderConfigId>,
}

/// The registration behind a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flows) struct Through {
    /// `None` is the platform's, from the settings.
    pub(in crate::flows) config: Option<ProviderConfigId>,
    /// The client.
    pub(in crate::flows) client_id: String,
    /// Exactly as it was sent.
    pub(in crate::flows) redirect_uri: String,
}

impl NewSecret {
    /// A token that somebody pasted.
    pub(in crate::flows) fn pasted(token: Secret) -> Self {
        Self {
            grant: Grant {
                access_token: token,
                refresh_token: None,
                expires_at: None,
                refresh_expires_at: None,
                scopes: None,
            },
            through: None,
            app_config: None,
        }
    }

    /// No secret: the key is the App's, of this row or of the settings.
    pub(in crate::flows) fn of_app(config: Option<ProviderConfigId>) -> Self {
        Self {
            app_config: config,
            ..Self::pasted(Secret::from(""))
        }
    }
}

/// A new connection of the permit's organization, before its provider has said anything.
pub(in crate::flows) fn unproven(
    permit: &Permit,
    (provider, base_url): (ProviderKind, String),
    auth_method: AuthMethod,
    name: String,
    now: DateTime<Utc>,
) -> Connection {
    Connection {
        id: ConnectionId::new(now),
        organization_id: permit.organization(),
        allow_org_usage: false,
        name,
        description: None,
        provider,
        base_url,
        azure_organization: None,
        auth_method,
        status: ConnectionStatus::Active,
        health_code: HealthCode::Ok,
        health_since: now,
        health_action_url: None,
        is_active: true,
        auto_rotate: false,
        username: None,
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

/// Takes over what the provider said of a secret, a refusal for now included, and seals it for the
/// connection's place. Every status heals: this is another secret than the one it was about.
pub(in crate::flows) fn judge_and_seal(
    context: &Context,
    connection: &mut Connection,
    (provider, instance): (&dyn Provider, &Instance),
    secret: &NewSecret,
    answer: &Result<Identity, ProviderError>,
    now: DateTime<Utc>,
) -> Result<NewCredential, Error> {
    let grant = &secret.grant;
    connection.status = connection.status.heals();
    // What was wrong was wrong with the former one.
    connection.set_health(HealthCode::Ok, now);
    connection.token_expires_at = grant.expires_at;
    connection.refresh_token_expires_at = grant.refresh_expires_at;
    connection.scopes.clone_from(&grant.scopes);
    match answer {
        Ok(identity) => judge::accept(connection, identity, grant.refresh_token.is_some(), now),
        Err(error) => {
            let page = provider.token_page(instance);
            // Not proven yet, whatever the one before was.
            connection.account = Account::default();
            judge::refuse(connection, error, &page, now);
            connection.status = ConnectionStatus::Error;
        }
    }
    let seal = |secret: &Secret, column| {
        let place = Place::credential(connection.organization_id, connection.id, column);
        context.vault.seal(&place, secret)
    };
    let refresh = grant.refresh_token.as_ref();
    let renews_at = refresh
        .and(connection.token_expires_at)
        .map(|end| due(end, now, context.refresh.buffer, random::fraction()));
    Ok(NewCredential {
        access_token: (!grant.access_token.expose_secret().is_empty())
            .then(|| seal(&grant.access_token, Column::AccessToken))
            .transpose()?,
        refresh_token: refresh
            .map(|token| seal(token, Column::RefreshToken))
            .transpose()?,
        expires_at: connection.token_expires_at,
        refresh_expires_at: grant.refresh_expires_at,
        next_refresh_at: renews_at,
        provider_config: match &secret.through {
            Some(through) => through.config,
            None => secret.app_config,
        },
        client_id: secret.through.as_ref().map(|t| t.client_id.clone()),
        redirect_uri: secret.through.as_ref().map(|t| t.redirect_uri.clone()),
        proven_at: answer.is_ok().then_some(now),
    })
}

/// Stores a connection with its credential: a new one, or in place of what was there `before`, which
/// must be locked in this transaction, with a word on what was `changed`. The job that comes next.
pub(in crate::flows) async fn keep(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    (before, connection): (Option<&Connection>, &Connection),
    credential: &NewCredential,
    changed: &[&str],
) -> Result<NewJob, Error> {
    let Some(before) = before else {
        return keep_new(context, permit, tx, connection, credential).await;
    };
    let pair = (before, connection);
    let job = keep_healed(context, permit, tx, pair, credential).await?;
    let change = Change::of_connection(Event::GitConnectionUpdated, connection)
        .with("updater_id", permit.actor().id.map(|id| id.to_string()))
        .with("changed_fields", changed.to_vec());
    audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    Ok(job)
}

/// Stores a new connection with its credential; the job that comes next.
async fn keep_new(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    connection: &Connection,
    credential: &NewCredential,
) -> Result<NewJob, Error> {
    let organization = connection.organization_id;
    connections::insert(&mut **tx, connection).await?;
    let now = connection.created_at;
    credentials::put(&mut **tx, organization, connection.id, credential, now).await?;
    counters::move_connections(&mut **tx, organization, 1, 1).await?;
    if connection.allow_org_usage {
        counters::move_shared(&mut **tx, 1, 1).await?;
    }
    let change = Change::of_connection(Event::GitConnectionCreated, connection)
        .with("creator_id", permit.actor().id.map(|id| id.to_string()))
        .with("provider", connection.provider.as_str())
        .with("auth_method", connection.auth_method.as_str());
    audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    Ok(next_job(context, permit, connection, SyncTrigger::Created))
}

/// Puts a secret in place of the one before: repositories and settings stay, and hooks that the former one
/// could not manage are tried again; the job that comes next. `before` must be locked in this transaction.
pub(in crate::flows) async fn keep_healed(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    (before, connection): (&Connection, &Connection),
    credential: &NewCredential,
) -> Result<NewJob, Error> {
    let organization = connection.organization_id;
    let now = context.clock.now();
    credentials::put(&mut **tx, organization, connection.id, credential, now).await?;
    connections::record_validation(&mut **tx, connection).await?;
    if let Some(installation) = connection.github_app_installation_id
        && before.github_app_installation_id != Some(installation)
    {
        connections::bind(&mut **tx, connection.id, installation).await?;
    }
    connections::note_refresh_end(
        &mut **tx,
        connection.id,
        connection.refresh_token_expires_at,
    )
    .await?;
    if connection.status != before.status {
        let change = Change::of_status(connection, before.status);
        audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    }
    let hooks = webhooks::job_where_registered(context, permit, tx, connection.id).await?;
    if let Some(job) = hooks {
        repository_hooks::forget_refusals(&mut **tx, connection.id).await?;
        // Workers find it by themselves, where the bell for the job that comes next does not wake them.
        enqueue(tx, &[job]).await?;
    }
    Ok(next_job(
        context,
        permit,
        connection,
        SyncTrigger::Reconnected,
    ))
}

/// A sync of what works, another look at what does not yet.
fn next_job(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    trigger: SyncTrigger,
) -> NewJob {
    if connection.status == ConnectionStatus::Active {
        sync::job(context, permit, connection, trigger, false)
    } else {
        super::validate::job(context, permit, connection)
    }
}
