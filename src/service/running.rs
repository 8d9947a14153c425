//! A service that runs in this process: the API, workers, or both.

use std::net::SocketAddr;

use shared::config::Config;
use shared::domain::secret::Secret;
use tokio_util::sync::CancellationToken;

use super::checks;
use super::database::Database;
use super::figures;
use super::http::Servers;
use super::listen::Sockets;
use super::parts::Parts;
use super::workers::Workers;
use crate::exit::Failure;

/// The service at work.
pub struct Running {
    parts: Parts,
    servers: Servers,
    workers: Option<Workers>,
    /// What signs user tokens here, where anything does.
    pub jwt_secret: Option<Secret>,
}

impl Running {
    /// Starts it over a migrated database.
    pub async fn start(
        config: &Config,
        database: &Database,
        sockets: Sockets,
        with_workers: bool,
    ) -> Result<Self, Failure> {
        let secrets = database.secrets(config)?;
        let parts = Parts::assemble(config, database.connect_options(), secrets.keyring).await?;
        let workers = with_workers.then(|| Workers::start(config, &parts));
        let checks = checks::all(&parts, workers.as_ref());
        let sources = figures::all(&parts, workers.as_ref());
        let servers = Servers::start(
            config,
            &parts,
            secrets.jwt.as_ref(),
            sockets,
            (checks, sources),
        )?;
        Ok(Self {
            parts,
            servers,
            workers,
            jwt_secret: secrets.jwt,
        })
    }

    /// Where the API listens, where it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.servers.address()
    }

    /// Runs until asked to end, or until something it cannot do without has ended; then ends in
    /// order. An end that nobody asked for is a failure.
    pub async fn run(
        mut self,
        config: &Config,
        database: &Database,
        asked: &CancellationToken,
    ) -> Result<(), Failure> {
        let outcome = tokio::select! {
            () = asked.cancelled() => Ok(()),
            why = database.died() => Err(Failure::failed(why)),
            why = self.servers.ended() => Err(why),
        };
        self.end(config).await;
        outcome
    }

    /// Lets nobody new in, gives what runs its grace, closes the connections.
    pub async fn end(self, config: &Config) {
        let grace = config.shutdown_grace;
        let workers = async {
            if let Some(workers) = self.workers {
                workers.end(grace).await;
            }
        };
        tokio::join!(self.servers.end(grace), workers);
        // A new pair exists nowhere but in such a task. One that is lost with the process is found
        // by its attempt.
        self.parts.context.under_way.close();
        let _ = tokio::time::timeout(grace, self.parts.context.under_way.wait()).await;
        self.parts.context.db.close().await;
    }
}
