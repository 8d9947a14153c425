//! `mooring migrate`: brings the schema up to date and exits.

use shared::config::Process;

use super::configure;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::service::database::Database;

/// Against DATABASE_URL, else the embedded database: the running one, or one that is started for it.
pub async fn run(environment: &Environment) -> Result<(), Failure> {
    let config = configure(environment, Process::Tool)?;
    let database = match Database::attach(&config).await {
        Err(_) if config.database_url.is_none() => Database::start(&config).await?,
        attached => attached?,
    };
    let outcome = shared::store::migrate(&database.connect_options()).await;
    database.stop().await;
    outcome?;
    println!("the database is up to date");
    Ok(())
}
