//! Enqueues a look through the list of deliveries of every App: hourly, and when workers start.

use serde_json::json;
use shared::domain::ids::{OrganizationId, ProviderConfigId};
use shared::flows::{Context, Error};
use shared::queue::NewJob;
use shared::queue::catalogue::{RecoverAppDeliveries, SweepAppDeliveries};
use shared::store::sweeps;
use uuid::Uuid;

use super::{enqueue_everywhere, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

/// Registrations looked at in one statement.
const STRETCH: i64 = 500;

impl Handler<Context> for SweepAppDeliveries {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match sweep(&job).await {
            Ok(apps) => Verdict::Done(json!({ "apps": apps })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn sweep(job: &JobContext<Context>) -> Result<usize, Error> {
    let context = job.app();
    let mut apps = 0;
    let look = |organization, config_id: Option<ProviderConfigId>| {
        let payload = RecoverAppDeliveries { config_id };
        let key = config_id.map_or_else(|| "settings".to_owned(), |id| id.to_string());
        NewJob::new(&payload, organization, job.now()).dedupe_key(key)
    };
    let settings = context.apps.github_app.as_ref();
    if settings.is_some_and(|app| app.webhook_secret.is_some()) {
        enqueue_everywhere(context, &[look(OrganizationId::PLATFORM, None)]).await?;
        apps += 1;
    }
    let mut after = ProviderConfigId(Uuid::nil());
    loop {
        let system = context.db.system();
        let found = sweeps::delivering_apps(&system, after, STRETCH).await?;
        let Some((_, last)) = found.last() else {
            return Ok(apps);
        };
        after = *last;
        apps += found.len();
        let jobs: Vec<NewJob> = found
            .into_iter()
            .map(|(organization, id)| look(organization, Some(id)))
            .collect();
        enqueue_everywhere(context, &jobs).await?;
    }
}
