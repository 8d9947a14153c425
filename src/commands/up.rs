//! `mooring up`: everything in one process.

use std::io::IsTerminal;
use std::net::SocketAddr;

use shared::clock::Clock;
use shared::config::{Config, Process};
use shared::domain::ids::UserId;
use shared::domain::secret::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::{configure, token};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::service::database::Database;
use crate::service::listen::Sockets;
use crate::service::running::Running;
use crate::signals;

/// Runs until a signal, or until the embedded database dies.
pub async fn run(environment: &Environment) -> Result<(), Failure> {
    let config = configure(environment, Process::Up)?;
    let asked = signals::listen()?;
    let sockets = Sockets::bind(&config, true).await?;
    let database = Database::start(&config).await?;
    let outcome = serve(&config, &database, sockets, &asked).await;
    database.stop().await;
    outcome
}

async fn serve(
    config: &Config,
    database: &Database,
    sockets: Sockets,
    asked: &CancellationToken,
) -> Result<(), Failure> {
    let running = start(config, database, sockets).await?;
    announce(config, &running)?;
    running.run(config, database, asked).await
}

/// Migrates and starts both halves.
pub async fn start(
    config: &Config,
    database: &Database,
    sockets: Sockets,
) -> Result<Running, Failure> {
    shared::store::migrate(&database.connect_options()).await?;
    Running::start(config, database, sockets, true).await
}

fn announce(config: &Config, running: &Running) -> Result<(), Failure> {
    let Some(address) = running.address() else {
        return Ok(());
    };
    println!("Mooring listens on http://{address}");
    println!("  API documentation  {}", docs(config, address));
    match &running.jwt_secret {
        // A log is no place for a token: it is shown to a person at a terminal, and to nobody else.
        Some(_) if !std::io::stdout().is_terminal() => {
            println!("  token              mooring token create --user UUID --portal-admin");
        }
        Some(secret) => {
            let clock = Clock::system();
            let user = UserId::new(clock.now());
            let token = token::administrator(config, secret, user, &clock)?;
            println!("  token (1 day)      {}", token.expose_secret());
            println!(
                "  try                curl -H \"Authorization: Bearer $TOKEN\" {}",
                endpoint(config, address, "api/v1/organizations")
            );
        }
        None => println!("  sign in with a token of your identity provider"),
    }
    Ok(())
}

/// Where people read the documentation.
pub fn docs(config: &Config, address: SocketAddr) -> String {
    endpoint(config, address, "api/docs")
}

fn endpoint(config: &Config, address: SocketAddr, path: &str) -> String {
    let base = config.public_url(address);
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}
