//! `mooring api`: the API only.

use shared::config::Process;

use super::configure;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::service::database::Database;
use crate::service::listen::Sockets;
use crate::service::running::Running;
use crate::signals;

/// Runs until a signal.
pub async fn run(environment: &Environment) -> Result<(), Failure> {
    let config = configure(environment, Process::Api)?;
    let asked = signals::listen()?;
    let sockets = Sockets::bind(&config, true).await?;
    let database = Database::attach(&config).await?;
    let running = Running::start(&config, &database, sockets, false).await?;
    if let Some(address) = running.address() {
        tracing::info!(%address, "the API listens");
    }
    running.run(&config, &database, &asked).await
}
