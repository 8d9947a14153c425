//! A proven installation becomes a connection, or heals the one that is there.

use super::failed;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::oauth_state::OauthState;
use crate::domain::quota::RateLimit;
use crate::flows::audit::{self, Change};
use crate::flows::connections::keep::{self, NewSecret};
use crate::flows::oauth::complete::{fault_of_ours, same_account, unproven};
use crate::flows::oauth::landing::{Arrived, Refusal};
use crate::flows::{Context, Error};
use crate::providers::{Identity, Installation, ListQuery};
use crate::queue::enqueue;
use crate::session::installation::registered::RegisteredApp;
use crate::session::{KeySource, installed};
use crate::store::connections::{self, Installed};
use crate::store::{StoreError, TenantTx, organizations};

/// The first page of a listing.
pub(super) fn first() -> ListQuery {
    ListQuery {
        per_page: 100,
        page: Some(1),
        search: None,
    }
}

/// Why nothing was stored.
enum Unkept {
    Refused(Refusal),
    Failed(Error),
}

impl From<Error> for Unkept {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Unkept {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Makes or heals the connection; its sync is enqueued.
pub(super) async fn keep(
    context: &Context,
    permit: &Permit,
    state: &OauthState,
    app: &RegisteredApp,
    told: Installation,
) -> Result<Arrived, Refusal> {
    match store(context, permit, state, app, told).await {
        Ok(arrived) => Ok(arrived),
        Err(Unkept::Refused(refusal)) => Err(refusal),
        Err(Unkept::Failed(error)) => Err(fault_of_ours(&error)),
    }
}

async fn store(
    context: &Context,
    permit: &Permit,
    state: &OauthState,
    app: &RegisteredApp,
    told: Installation,
) -> Result<Arrived, Unkept> {
    let parts = (&*context.providers, &context.minted, &context.clock);
    let (provider, access) = installed(parts, app.app.clone(), KeySource::Configured, told.id);
    // A page that does not come is no reason to lose the installation: the sync will ask again.
    let page = provider.repositories(&access, &first(), None).await;
    let (repository_count, rate_limit) = match page {
        Ok(page) => (page.total, page.rate_limit),
        Err(error) => {
            tracing::info!(installation = told.id, class = ?error.class, detail = %error.detail,
                "the first page of a new installation did not come");
            (None, RateLimit::default())
        }
    };
    let base_url = state.base_url.clone();
    let which = Installed {
        base_url: &base_url,
        app: app.app.id,
        installation: told.id,
    };
    let identity = Identity {
        account: told.account,
        scopes: Some(told.permissions),
        missing_scopes: told.missing_permissions,
        token_expires_at: None,
        rate_limit,
    };
    let mut tx = context.db.tenant(state.organization_id).await?;
    connections::lock_installation(&mut *tx, which).await?;
    let before = before(&mut tx, state, which, &identity).await?;
    let fresh = || Connection {
        github_app_id: Some(app.app.id),
        ..unproven(context, permit, state, &identity, AuthMethod::GithubApp)
    };
    let mut connection = before.clone().unwrap_or_else(fresh);
    connection.github_app_installation_id = Some(told.id);
    let account = identity.account.login.clone();
    let credential = keep::judge_and_seal(
        context,
        &mut connection,
        (&*provider, &access.instance),
        &NewSecret::of_app(app.config),
        &Ok(identity),
        context.clock.now(),
    )?;
    let stored = (before.as_ref(), &connection);
    let changed = ["github_app_installation_id"];
    let job = keep::keep(context, permit, &mut tx, stored, &credential, &changed).await?;
    let change = Change::of_connection(Event::GitProviderConnected, &connection)
        .with("provider", connection.provider.as_str())
        .with("provider_username", account.clone());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = enqueue(&mut tx, &[job]).await?;
    let organization = organizations::get(&mut *tx, state.organization_id).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(Arrived {
        connection: connection.id,
        account: account.unwrap_or_default(),
        name: connection.name,
        provider: state.provider,
        organization: state.organization_id,
        organization_name: organization
            .filter(|one| !one.id.is_platform())
            .map(|one| one.name),
        repository_count,
    })
}

/// The connection to heal, locked: the one that was named, else the installation's or the account's.
async fn before(
    tx: &mut TenantTx,
    state: &OauthState,
    which: Installed<'_>,
    identity: &Identity,
) -> Result<Option<Connection>, Unkept> {
    let account = identity.account.id.as_deref();
    let own = connections::of_installation(&mut **tx, which, account).await?;
    let Some(id) = state.connection_id else {
        return Ok(own);
    };
    let named = connections::get_for_update(&mut **tx, id).await?;
    let fits = |found: &Connection| {
        found.auth_method == AuthMethod::GithubApp && found.github_app_id == Some(which.app)
    };
    let Some(named) = named.filter(fits) else {
        return Err(Unkept::Refused(failed(
            "The connection that was to be healed is not there any more, or is another App's. Begin again to make a new one.",
        )));
    };
    same_account(&named, identity).map_err(Unkept::Refused)?;
    let taken = own.is_some_and(|own| {
        own.id != named.id && own.github_app_installation_id == Some(which.installation)
    });
    if taken {
        return Err(Unkept::Refused(failed(
            "This installation is connected already, by another connection of this organization. Delete one of the two, or use the other.",
        )));
    }
    Ok(Some(named))
}
