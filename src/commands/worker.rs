//! `mooring worker`: workers and scheduler only.

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
    let config = configure(environment, Process::Worker)?;
    let asked = signals::listen()?;
    let sockets = Sockets::bind(&config, false).await?;
    let database = Database::attach(&config).await?;
    let running = Running::start(&config, &database, sockets, true).await?;
    tracing::info!(concurrency = config.jobs.concurrency, "working");
    running.run(&config, &database, &asked).await
}
