//! `mooring jobs …`: the operator's view of the job table, across all tenants.

use shared::clock::Clock;
use shared::config::Process;
use shared::domain::ids::{JobId, OrganizationId};
use shared::domain::job::{Job, JobStatus};
use shared::queue::Doorbell;
use shared::store::jobs::{self, Retried};
use shared::store::{Db, PoolSizes, lookups};

use super::configure;
use crate::cli::{Jobs, JobsList};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::service::database::Database;
use crate::service::parts::redis;

/// Runs one of them.
pub async fn run(environment: &Environment, command: Jobs) -> Result<(), Failure> {
    let config = configure(environment, Process::Tool)?;
    let options = Database::attach(&config).await?.connect_options();
    let db = Db::connect(options.clone(), PoolSizes { app: 2, system: 1 }).await?;
    match command {
        Jobs::List(asked) => list(&db, &asked).await,
        Jobs::Show { id } => show(&db, id).await,
        Jobs::Retry { id } => {
            let bell = Doorbell::over(redis(config.redis_url.as_ref())?, options);
            retry(&db, id, &bell).await
        }
        Jobs::Cancel { id } => cancel(&db, id).await,
    }
}

async fn list(db: &Db, asked: &JobsList) -> Result<(), Failure> {
    let found = lookups::newest_jobs(
        &db.system(),
        asked.organization,
        asked.kind.as_deref(),
        asked.status,
        asked.limit,
    )
    .await?;
    println!(
        "{:36}  {:9}  {:24}  {:7}  {:20}  ERROR",
        "ID", "STATUS", "KIND", "ATTEMPT", "CREATED"
    );
    for (organization, id) in found {
        let mut tx = db.tenant(organization).await?;
        // It may have been deleted in between.
        if let Some(job) = jobs::get(&mut *tx, organization, id).await? {
            println!("{}", line(&job));
        }
    }
    Ok(())
}

fn line(job: &Job) -> String {
    format!(
        "{}  {:9}  {:24}  {:>3}/{:<3}  {:20}  {}",
        job.id,
        job.status.as_str(),
        job.kind,
        job.attempt,
        job.max_attempts,
        job.created_at.format("%Y-%m-%dT%H:%M:%SZ"),
        job.error.as_ref().map_or("", |error| error.code.as_str()),
    )
}

async fn show(db: &Db, id: JobId) -> Result<(), Failure> {
    let organization = owner(db, id).await?;
    let mut tx = db.tenant(organization).await?;
    let job = jobs::get(&mut *tx, organization, id).await?;
    print_job(&job.ok_or_else(|| unknown(id))?)
}

async fn retry(db: &Db, id: JobId, doorbell: &Doorbell) -> Result<(), Failure> {
    let organization = owner(db, id).await?;
    let mut tx = db.tenant(organization).await?;
    let retried = jobs::retry(&mut tx, organization, id, Clock::system().now()).await?;
    match retried.ok_or_else(|| unknown(id))? {
        Retried::Queued(job, lane) => {
            tx.commit().await?;
            doorbell.ring([lane]);
            print_job(&job)
        }
        Retried::Standing(job) => Err(Failure::failed(format!(
            "job {} does the same work already and is {}",
            job.id, job.status
        ))),
        Retried::NotFailed(job) => Err(Failure::failed(format!(
            "job {id} is {}; only a failed or cancelled one can be retried",
            job.status
        ))),
    }
}

async fn cancel(db: &Db, id: JobId) -> Result<(), Failure> {
    let organization = owner(db, id).await?;
    let mut tx = db.tenant(organization).await?;
    let job = jobs::request_cancel(&mut tx, organization, id, Clock::system().now()).await?;
    tx.commit().await?;
    let job = job.ok_or_else(|| unknown(id))?;
    if matches!(job.status, JobStatus::Succeeded | JobStatus::Failed) {
        return Err(Failure::failed(format!(
            "job {id} is {}; only a queued or running one can be cancelled",
            job.status
        )));
    }
    print_job(&job)
}

async fn owner(db: &Db, id: JobId) -> Result<OrganizationId, Failure> {
    let owner = lookups::organization_of_job(&db.system(), id).await?;
    owner.ok_or_else(|| unknown(id))
}

fn unknown(id: JobId) -> Failure {
    Failure::failed(format!(
        "there is no job {id}; `mooring jobs list` shows the newest"
    ))
}

fn print_job(job: &Job) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(job);
    println!(
        "{}",
        text.map_err(|error| Failure::failed(error.to_string()))?
    );
    Ok(())
}
