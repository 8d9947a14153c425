//! A service that runs in this process: the API, workers, or both.

use std::net::SocketAddr;

use shared::config::Config;
use shared::domain::secret::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::RunningEngine;

use super::database::Database;
use super::http::{self, RunningApi};
use super::parts::Parts;
use super::workers;
use crate::exit::Failure;

/// The service at work.
pub struct Running {
    parts: Parts,
    api: Option<RunningApi>,
    engine: Option<RunningEngine>,
    /// What signs user tokens here, where anything does.
    pub jwt_secret: Option<Secret>,
}

/// Which halves of the service run here.
pub struct Halves {
    /// Where the API listens.
    pub api: Option<TcpListener>,
    /// Whether workers run.
    pub workers: bool,
}

impl Running {
    /// Starts it over a migrated database.
    pub async fn start(config: &Config, database: &Database, halves: Halves) -> Result<Self, Failure> {
        let secrets = database.secrets(config)?;
        let parts = Parts::assemble(config, database.connect_options(), secrets.keyring).await?;
        let engine = halves.workers.then(|| workers::start(config, &parts));
        let api = match halves.api {
            Some(listener) => Some(http::start(config, &parts, secrets.jwt.as_ref(), listener)?),
            None => None,
        };
        Ok(Self { parts, api, engine, jwt_secret: secrets.jwt })
    }

    /// Where the API listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(RunningApi::address)
    }

    /// Runs until asked to end, or until something it cannot do without has ended; then ends in
    /// order. An end that nobody asked for is a failure.
    pub async fn run(mut self, config: &Config, database: &Database, asked: &CancellationToken) -> Result<(), Failure> {
        let outcome = tokio::select! {
            () = asked.cancelled() => Ok(()),
            why = database.died() => Err(Failure::failed(why)),
            why = http::ended(self.api.as_mut()) => Err(why),
        };
        self.end(config).await;
        outcome
    }

    /// Lets nobody new in, gives what runs its grace, closes the connections.
    pub async fn end(self, config: &Config) {
        let grace = config.shutdown_grace;
        let api = async {
            if let Some(api) = self.api {
                api.end(grace).await;
            }
        };
        let engine = async {
            if let Some(engine) = self.engine {
                engine.shutdown(grace).await;
            }
        };
        tokio::join!(api, engine);
        self.parts.context.db.close().await;
    }
}
