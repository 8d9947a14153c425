//! Puts the parts of the house together, for one process.

use std::sync::Arc;

use chrono::TimeDelta;
use shared::clock::Clock;
use shared::config::Config;
use shared::domain::secret::{ExposeSecret, Secret};
use shared::flows::{Context, Retention};
use shared::outbound::{Limits, Outbound};
use shared::providers::{ConfiguredInstances, Providers};
use shared::queue::{Doorbell, Redis};
use shared::store::{Db, PoolSizes};
use shared::vault::{Keyring, Vault};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::exit::Failure;

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
        let instances = ConfiguredInstances {
            github_url: config.providers.github.url.clone(),
            github_api_url: config.providers.github.api_url.clone(),
            gitlab_url: config.providers.gitlab.url.clone(),
        };
        let context = Context {
            db,
            vault: Vault::new(keyring),
            providers: Arc::new(Providers::new(outbound.clone(), clock.clone(), &instances)),
            clock,
            doorbell: Doorbell::over(redis.clone(), connect.clone()),
            retention: retention(config),
        };
        Ok(Self {
            context,
            outbound,
            connect,
            redis,
        })
    }
}

fn retention(config: &Config) -> Retention {
    let kept = |time| TimeDelta::from_std(time).expect("settings are at most ten years");
    Retention {
        jobs: kept(config.jobs.retention),
        failed_jobs: kept(config.jobs.failed_retention),
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
    let apps = &config.providers;
    let own = [
        Some(&apps.github.url),
        apps.github.api_url.as_ref(),
        Some(&apps.gitlab.url),
        config.user_tokens.jwks_url.as_ref(),
    ];
    let chosen = own
        .into_iter()
        .flatten()
        .filter(|url| !is_public_service(url));
    let allow = chosen.fold(config.outbound_allow.clone(), |allow, url| {
        allow.with_origin(url)
    });
    Outbound::new(allow, Limits::API)
        .map_err(|error| Failure::failed(format!("the HTTP client cannot be made: {error}")))
}

/// The defaults are public: for them the guard stays whole.
fn is_public_service(url: &Url) -> bool {
    matches!(
        url.host_str(),
        Some("github.com" | "api.github.com" | "gitlab.com")
    )
}
