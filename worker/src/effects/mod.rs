//! What a delivery does, one file per event.
//!
//! Needs: an effect happens once, whatever is killed and however often the job runs; events come late,
//! twice and in any order, and an older one never undoes a newer state.
//! Properties: everything that a delivery does is one transaction with the mark that it is done, under
//! a lock on its row. No provider is asked: where an event does not say enough, or is not known to be
//! newer than what is stored, a sync is enqueued, which asks.
//! As of when an event is, is the provider's own word where there is one; where there is none, a
//! delivery that came by itself the first time is as old as its way here.

mod authorization;
mod installation;
mod installation_repositories;
mod merge;
mod order;
mod pull_request;
mod push;
mod repository;

use chrono::{DateTime, Utc};
use shared::authz::Permit;
use shared::domain::connection::Connection;
use shared::domain::webhook::Delivery;
use shared::flows::connections::{check, relist};
use shared::flows::{Context, Error, webhooks};
use shared::providers::{Happening, HookEvent};
use shared::queue::NewJob;
use shared::store::TenantTx;
use shared::store::connections::KnownAsOf;
use shared::store::repositories::Dated;
use shared::store::repository_hooks;

/// One delivery at one connection, which the transaction has locked.
pub(crate) struct Scene<'a> {
    pub(crate) context: &'a Context,
    pub(crate) permit: &'a Permit,
    pub(crate) tx: &'a mut TenantTx,
    pub(crate) delivery: &'a Delivery,
    /// The provider's id of the hook that sent it, where it says so.
    pub(crate) hook: Option<&'a str>,
    pub(crate) connection: Connection,
    pub(crate) known: KnownAsOf,
    /// As of when the event is; `None` where that cannot be said.
    pub(crate) at: Option<DateTime<Utc>>,
    /// What that is.
    pub(crate) dated: Dated,
    /// When it came, where it came at once.
    pub(crate) came_at: Option<DateTime<Utc>>,
    pub(crate) now: DateTime<Utc>,
    /// What follows.
    pub(crate) jobs: Vec<NewJob>,
    /// What was done, in a few words each.
    pub(crate) done: Vec<String>,
}

impl Scene<'_> {
    fn did(&mut self, what: impl Into<String>) {
        self.done.push(what.into());
    }

    /// A listing tells what an event does not.
    fn want_sync(&mut self, why: &str) {
        self.did(format!("sync: {why}"));
        self.jobs
            .push(relist(self.context, self.permit, &self.connection));
    }

    /// The provider is asked what has become of the connection.
    fn want_check(&mut self, why: &str) {
        self.did(format!("validation: {why}"));
        self.jobs
            .push(check(self.context, self.permit, &self.connection));
    }
}

/// Does what an event asks for at one connection.
pub(crate) async fn apply(scene: &mut Scene<'_>, event: &HookEvent) -> Result<(), Error> {
    match &event.what {
        Happening::Ping | Happening::Nothing(_) => Ok(()),
        Happening::Repository(change, told) => repository::apply(scene, *change, told).await,
        Happening::InstallationRepositories { added, removed } => {
            installation_repositories::apply(scene, added, removed).await
        }
        Happening::Installation(change) => installation::apply(scene, *change).await,
        Happening::AuthorizationRevoked { .. } => authorization::apply(scene).await,
        Happening::Push(push) => push::apply(scene, push).await,
        Happening::PullRequest(request) => pull_request::apply(scene, request).await,
        Happening::HookDeleted => hook_deleted(scene).await,
        Happening::Listing => {
            scene.want_sync("names may have changed");
            Ok(())
        }
    }
}

/// A hook that is wanted is put there again.
async fn hook_deleted(scene: &mut Scene<'_>) -> Result<(), Error> {
    let connection = scene.connection.id;
    let job =
        webhooks::job_where_registered(scene.context, scene.permit, scene.tx, connection).await?;
    match job {
        Some(job) => {
            repository_hooks::doubt(&mut **scene.tx, connection, scene.hook).await?;
            scene.jobs.push(job);
            scene.did("hook installed again: it was deleted at the provider");
        }
        None => scene.did("nothing: the hook is not kept by us"),
    }
    Ok(())
}
