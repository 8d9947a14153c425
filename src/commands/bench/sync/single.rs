//! One large account: the walk itself, without the job engine.

use std::time::Instant;

use serde_json::json;
use shared::domain::connection::Connection;
use shared::domain::ids::JobId;
use shared::domain::meter::CallClass;
use shared::domain::sync::SyncTrigger;
use shared::flows::Error;
use shared::session;
use shared::store::sync_runs::{self, Holder, NewRun};
use tokio_util::sync::CancellationToken;
use worker::sync::{Walked, walk_paced};

use super::{Bench, PER_PAGE, rounded};
use crate::exit::Failure;

impl Bench {
    pub(super) async fn single(&self) -> Result<(), Failure> {
        let (size, at_once) = (self.options.repositories, self.options.at_once);
        for (what, login, at_once) in [
            ("first sync, page after page", "serial", 1),
            ("first sync, pages at once", "parallel", at_once),
        ] {
            let connection = self.account(login, size).await?;
            self.written(&connection).await?;
            self.one(what, &connection, at_once).await?;
            if login == "parallel" {
                let what = "second sync, nothing changed";
                self.one(what, &connection, at_once).await?;
            }
        }
        Ok(())
    }

    async fn one(
        &self,
        what: &str,
        connection: &Connection,
        at_once: usize,
    ) -> Result<(), Failure> {
        self.slow();
        let began = Instant::now();
        let walked = self.walk(connection, at_once).await;
        let seconds = began.elapsed().as_secs_f64();
        let run = match walked.map_err(|error| Failure::failed(error.to_string()))? {
            Walked::Ended(run, _) if run.complete => run,
            Walked::Stopped(error, _) => return Err(Failure::failed(error.detail)),
            _ => return Err(Failure::failed("the sync did not see everything")),
        };
        let pages = self.options.repositories.div_ceil(PER_PAGE);
        let limit = self.limit(pages, at_once);
        self.print(json!({
            "what": what,
            "seconds": rounded(seconds),
            "limit_seconds": rounded(limit),
            "ratio_to_limit": rounded(seconds / limit),
            "rows_per_second": (f64::from(run.found) / seconds).round(),
            "repositories": run.found,
            "added": run.added,
            "pages_at_once": at_once,
        }));
        self.fast();
        Ok(())
    }

    async fn walk(&self, connection: &Connection, at_once: usize) -> Result<Walked, Error> {
        let context = &self.parts.context;
        let session = session::open(context, connection.clone(), CallClass::Sync).await?;
        let now = context.clock.now();
        let holder = Holder {
            job: JobId::new(now),
            fence: 1,
        };
        let new = NewRun {
            organization: connection.organization_id,
            connection: connection.id,
            holder,
            generation: session.generation,
            trigger: SyncTrigger::Manual,
            full: false,
            now,
        };
        let mut tx = context.db.tenant_in_bulk(new.organization).await?;
        let run = sync_runs::begin(&mut tx, &new).await?;
        tx.commit().await?;
        let never = CancellationToken::new();
        let stop = (&never, || None);
        walk_paced(context, &session, holder, run, |_, _| {}, stop, at_once).await
    }
}
