//! Puts the parts of the house together, for one process.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared::clock::Clock;
use shared::config::{Config, ProviderApps};
use shared::domain::registration::PlatformApps;
use shared::domain::secret::{ExposeSecret, Secret};
use shared::flows::webhooks::Intake;
use shared::flows::{Context, RefreshSettings, Retention, TurnSettings};
use shared::limits::{BudgetRedis, Limits};
use shared::outbound::{self, Outbound};
use shared::providers::{ConfiguredInstances, Providers};
use shared::queue::{Doorbell, Redis};
use shared::session::MintedTokens;
use shared::session::refresh::Ledger;
use shared::store::{Db, PoolSizes};
use shared::vault::{Keyring, Vault};
use sqlx::postgres::PgConnectOptions;
use tokio_util::task::TaskTracker;

use crate::exit::Failure;

/// Longer than a gateway in front of a token endpoint waits for it.
const REFRESH_DEADLINE: Duration = Duration::from_secs(60);
const REFRESH_QUARANTINE: Duration = Duration::from_secs(30);

/// What the API and the workers are made from.
pub struct Parts {
    /// What flows and jobs work with.
    pub context: Context,
    /// Every byte that leaves.
    pub outbound: Outbound,
    /// How to log in as the owner of the schema.
    pub connect: PgConnectOptions,
    /// The wire of wake-ups beside Postgres, where there is one.
    pub redis: Option<Redis>,
}

impl Parts {
    /// Connects to a migrated database.
    pub async fn assemble(
        config: &Config,
        connect: PgConnectOptions,
        keyring: Keyring,
    ) -> Result<Self, Failure> {
        let clock = Clock::system();
        let db = Db::connect(connect.clone(), PoolSizes::default()).await?;
        let outbound = outbound(config)?;
        let redis = redis(config.redis_url.as_ref())?;
        let instances = instances(&config.providers);
        let refresh = RefreshSettings {
            buffer: time(config.refresh_buffer),
            lease: config.jobs.lease,
            deadline: REFRESH_DEADLINE,
            quarantine: REFRESH_QUARANTINE,
            holder: super::workers::name().into(),
        };
        let renewals = Ledger::start(&db, &clock, &refresh);
        let budgets = redis.as_ref().map(|redis| BudgetRedis::new(redis.client()));
        let limits = Limits::start(&db, &clock, refresh.holder.clone(), budgets);
        let providers = Providers::new(outbound.clone(), clock.clone(), &instances);
        let apps = registrations(config, &providers)?;
        let doorbell = Doorbell::over(redis.clone(), connect.clone());
        let intake = Intake::start(&db, &clock, &doorbell);
        let context = Context {
            db,
            vault: Vault::new(keyring),
            providers: Arc::new(providers),
            clock,
            doorbell,
            retention: retention(config),
            apps: Arc::new(apps),
            renewals,
            refresh,
            turns: TurnSettings {
                sync: time(config.intervals.sync),
                validation: time(config.intervals.validation),
            },
            listings: Arc::default(),
            under_way: TaskTracker::new(),
            limits,
            minted: MintedTokens::default(),
            intake,
        };
        Ok(Self {
            context,
            outbound,
            connect,
            redis,
        })
    }
}

/// The platform's own registrations. That the App's key is one is found now, and not by the first
/// connection.
fn registrations(config: &Config, providers: &Providers) -> Result<PlatformApps, Failure> {
    let mut apps = config.providers.registrations();
    if let Some(app) = &mut apps.github_app {
        app.private_key = providers
            .apps()
            .check_key(&app.private_key)
            .map_err(|fault| Failure::usage(format!("MOORING_GITHUB_APP_PRIVATE_KEY: {fault}")))?;
    }
    Ok(apps)
}

fn retention(config: &Config) -> Retention {
    Retention {
        jobs: time(config.jobs.retention),
        failed_jobs: time(config.jobs.failed_retention),
        deliveries: time(config.jobs.delivery_retention),
    }
}

fn time(setting: Duration) -> TimeDelta {
    TimeDelta::from_std(setting).expect("settings are at most ten years")
}

fn instances(apps: &ProviderApps) -> ConfiguredInstances {
    ConfiguredInstances {
        github_url: apps.github.url.clone(),
        github_api_url: apps.github.api_url.clone(),
        gitlab_url: apps.gitlab.url.clone(),
        bitbucket_url: apps.bitbucket.url.clone(),
        bitbucket_api_url: apps.bitbucket.api_url.clone(),
        azure_url: apps.azure.url.clone(),
        azure_login_url: apps.azure.login_url.clone(),
        azure_profile_url: apps.azure.profile_url.clone(),
    }
}

/// The server of `MOORING_REDIS_URL`. Whether it answers is not asked: work goes on without it.
pub fn redis(url: Option<&Secret>) -> Result<Option<Redis>, Failure> {
    url.map(|url| Redis::new(url.expose_secret()))
        .transpose()
        .map_err(|fault| Failure::usage(format!("MOORING_REDIS_URL: {fault}")))
}

/// Addresses that the operator's own settings name need no second permission.
fn outbound(config: &Config) -> Result<Outbound, Failure> {
    let allow = instances(&config.providers).opened_in(config.outbound_allow.clone());
    let allow = match &config.user_tokens.jwks_url {
        Some(url) => allow.with_origin(url),
        None => allow,
    };
    Outbound::new(allow, outbound::Limits::API)
        .map_err(|error| Failure::failed(format!("the HTTP client cannot be made: {error}")))
}
