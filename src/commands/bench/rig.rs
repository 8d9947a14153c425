//! What a benchmark runs on: a private Postgres as `up` has it (durable), migrated, and the API
//! over it, all on loopback and thrown away afterwards.

use std::net::SocketAddr;

use shared::clock::Clock;
use shared::config::{Config, Process};
use shared::domain::ids::UserId;
use shared::domain::secret::Secret;

use crate::commands::{configure, token};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::scratch::Scratch;
use crate::service::database::Database;
use crate::service::listen::Sockets;
use crate::service::running::Running;

/// A migrated database of the benchmark's own.
pub struct Rig {
    /// How everything is set.
    pub config: Config,
    /// The database.
    pub database: Database,
    _scratch: Scratch,
}

impl Rig {
    /// Starts the database and migrates it.
    pub async fn start(environment: Environment) -> Result<Self, Failure> {
        Self::start_with(environment, []).await
    }

    /// The same with more settings.
    pub async fn start_with(
        environment: Environment,
        more: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, Failure> {
        let scratch = Scratch::new("bench")?;
        let given = [
            ("MOORING_DATA_DIR", scratch.path().display().to_string()),
            ("MOORING_LISTEN", "127.0.0.1:0".to_owned()),
            ("MOORING_LOG", "warn".to_owned()),
        ];
        let given = given.into_iter().chain(more);
        let config = configure(&environment.confined(&[], given), Process::Up)?;
        let database = Database::start(&config).await?;
        shared::store::migrate(&database.connect_options()).await?;
        Ok(Self {
            config,
            database,
            _scratch: scratch,
        })
    }

    /// Starts the API without workers: where it listens, and a token for everything.
    pub async fn serve(&self) -> Result<(Running, SocketAddr, Secret), Failure> {
        let sockets = Sockets::bind(&self.config, true).await?;
        let running = Running::start(&self.config, &self.database, sockets, false).await?;
        let missing = || Failure::failed("the API does not listen");
        let address = running.address().ok_or_else(missing)?;
        let secret = running.jwt_secret.as_ref().ok_or_else(missing)?;
        let clock = Clock::system();
        let token = token::administrator(&self.config, secret, UserId::new(clock.now()), &clock)?;
        Ok((running, address, token))
    }

    /// Ends the database.
    pub async fn end(self) {
        self.database.stop().await;
    }
}
