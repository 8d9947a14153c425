//! Many accounts at once, through the job engine.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use shared::authz::Permission;
use shared::domain::connection::Connection;
use shared::domain::page::PageRequest;
use shared::domain::sync::{SyncRun, SyncStatus};
use shared::flows::sync;

use super::accounts::permit;
use super::{Bench, PER_PAGE, rounded};
use crate::exit::Failure;
use crate::service::workers::Workers;

/// Accounts that are synced before anything is measured.
const WARM: usize = 64;

impl Bench {
    pub(super) async fn crowd(&self) -> Result<(), Failure> {
        self.warm_up().await?;
        let connections = self.accounts("crowd", self.options.accounts, self.options.each);
        let connections = connections.await?;
        // Their jobs wait for workers.
        self.slow();
        let began = self.parts.context.clock.now();
        let workers = Workers::start(&self.rig.config, &self.parts);
        let outcome = async {
            self.told("many accounts, first sync", &connections, began)
                .await?;
            self.slow();
            let began = self.parts.context.clock.now();
            for connection in &connections {
                let permit = permit(connection.organization_id, Permission::RepositoriesManage);
                sync::request(&self.parts.context, &permit, connection.id, false)
                    .await
                    .map_err(|error| Failure::failed(error.to_string()))?;
            }
            self.told("many accounts, second sync", &connections, began)
                .await
        }
        .await;
        workers.end(Duration::from_secs(5)).await;
        outcome
    }

    /// A service that has been at work for a moment: its connections to the database stand and know
    /// their statements.
    async fn warm_up(&self) -> Result<(), Failure> {
        let connections = self.accounts("early", WARM, self.options.each).await?;
        let began = self.parts.context.clock.now();
        let workers = Workers::start(&self.rig.config, &self.parts);
        let outcome = async {
            for connection in &connections {
                self.ended(connection, began).await?;
            }
            Ok(())
        }
        .await;
        workers.end(Duration::from_secs(5)).await;
        outcome
    }

    async fn accounts(
        &self,
        name: &str,
        count: usize,
        each: usize,
    ) -> Result<Vec<Connection>, Failure> {
        let mut connections = Vec::with_capacity(count);
        for number in 0..count {
            connections.push(self.account(&format!("{name}-{number}"), each).await?);
        }
        for connection in &connections {
            self.written(connection).await?;
        }
        Ok(connections)
    }

    async fn told(
        &self,
        what: &str,
        connections: &[Connection],
        began: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let mut ends = Vec::new();
        for connection in connections {
            let run = self.ended(connection, began).await?;
            let after = run.finished_at.unwrap_or(began) - began;
            ends.push(after.as_seconds_f64());
        }
        ends.sort_by(f64::total_cmp);
        let at = |part: f64| ends[((ends.len() - 1) as f64 * part) as usize];
        let rows = self.options.accounts * self.options.each;
        let pages = self.options.each.div_ceil(PER_PAGE);
        self.print(json!({
            "what": what,
            "accounts": self.options.accounts,
            "repositories": rows,
            "seconds": rounded(at(1.0)),
            "first_end": rounded(at(0.0)),
            "median_end": rounded(at(0.5)),
            "spread": rounded(at(1.0) - at(0.0)),
            "rows_per_second": (rows as f64 / at(1.0)).round(),
            "limit_seconds": rounded(self.limit(pages, self.options.at_once)),
        }));
        Ok(())
    }

    /// The run that began since, when it has ended.
    async fn ended(
        &self,
        connection: &Connection,
        began: DateTime<Utc>,
    ) -> Result<SyncRun, Failure> {
        let permit = permit(connection.organization_id, Permission::RepositoriesList);
        loop {
            let newest = PageRequest::first(1);
            let runs = sync::list(&self.parts.context, &permit, connection.id, &newest).await;
            let runs = runs.map_err(|error| Failure::failed(error.to_string()))?;
            let run = runs.items.into_iter().find(|run| run.started_at >= began);
            match run.map(|run| (run.status, run)) {
                Some((SyncStatus::Succeeded, run)) if run.complete => return Ok(run),
                Some((SyncStatus::Running, _)) | None => {}
                Some((_, run)) => {
                    let why = run.error_message.unwrap_or_default();
                    return Err(Failure::failed(format!("a sync did not end well: {why}")));
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
