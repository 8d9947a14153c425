//! Handles a delivery: what it means, done at every connection that it is about, in one transaction
//! with the mark that it is done.
//!
//! So however often this runs, it acts once: whoever comes second finds the mark. Nothing is asked of a
//! provider here. What cannot be read, or stays impossible, is kept as `failed` and can be redelivered.

use chrono::TimeDelta;
use serde_json::json;
use shared::authz::{Permission, Permit};
use shared::domain::actor::{Actor, ActorType};
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::domain::lane::Lane;
use shared::domain::lifecycle::ConnectionStatus;
use shared::domain::webhook::{DeliveryStatus, StoredDelivery};
use shared::flows::{Context, Error, webhooks};
use shared::providers::{Happening, HookEvent, InstallationChange};
use shared::queue::catalogue::HandleDelivery;
use shared::queue::enqueue;
use shared::store::repositories::Dated;
use shared::store::webhook_deliveries::{self, Outcome};
use shared::store::{TenantTx, connections};

use super::verdict_of;
use crate::effects::{Scene, apply};
use crate::runtime::{Handler, JobContext, Verdict};

/// So long a delivery about an installation that nobody has bound is tried again: people bind it right
/// after they have installed the App.
const PATIENCE: TimeDelta = TimeDelta::hours(1);

/// Why a delivery that came late, or was fetched needlessly, does nothing.
const TWIN: &str = "it came and was fetched from the provider's list, and was handled once";

impl Handler<Context> for HandleDelivery {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let context = job.app();
        let stored = match webhooks::open(context, job.organization(), self.delivery_id).await {
            Ok(stored) => stored,
            Err(error) => return verdict_of(error),
        };
        if stored.delivery.status != DeliveryStatus::Accepted {
            return Verdict::Done(json!({ "skipped": "it was handled before" }));
        }
        let handled = handle(&job, &stored).await;
        match handled {
            Ok(verdict) => verdict,
            Err(error) => {
                let verdict = verdict_of(error);
                let given_up = matches!(verdict, Verdict::Fail(_)) || job.is_last_attempt();
                if given_up {
                    give_up(context, &stored, &verdict).await;
                }
                verdict
            }
        }
    }
}

async fn handle(job: &JobContext<Context>, stored: &StoredDelivery) -> Result<Verdict, Error> {
    let context = job.app();
    let delivery = &stored.delivery;
    let read = context
        .providers
        .webhooks(delivery.provider)
        .read(&stored.headers, &stored.body);
    let event = match read {
        Ok(event) => event,
        Err(malformed) => {
            let reason = format!("It cannot be read: {malformed}");
            return end(context, stored, DeliveryStatus::Failed, &reason).await;
        }
    };
    match event.what {
        Happening::Nothing(why) => {
            return end(context, stored, DeliveryStatus::Ignored, why).await;
        }
        Happening::Ping => {
            return end(
                context,
                stored,
                DeliveryStatus::Handled,
                "a hook was set up",
            )
            .await;
        }
        _ => {}
    }
    let reached = webhooks::reach(context, delivery, &event).await?;
    if reached.is_empty() {
        let age = job.now() - delivery.received_at;
        if is_awaited(&event) && delivery.app_id.is_some() && age < PATIENCE {
            // At growing distances, so that an App that many have installed costs little.
            return Ok(Verdict::Snooze(job.now() + age.max(TimeDelta::minutes(1))));
        }
        let why = "no connection is of this installation or account";
        return end(context, stored, DeliveryStatus::Ignored, why).await;
    }
    act(job, stored, &event, &reached).await
}

/// Whether whoever binds the installation later would miss it.
fn is_awaited(event: &HookEvent) -> bool {
    !matches!(
        event.what,
        Happening::Installation(InstallationChange::Deleted)
            | Happening::AuthorizationRevoked { .. }
    )
}

async fn act(
    job: &JobContext<Context>,
    stored: &StoredDelivery,
    event: &HookEvent,
    reached: &[(OrganizationId, ConnectionId)],
) -> Result<Verdict, Error> {
    let context = job.app();
    let delivery = &stored.delivery;
    let home = delivery.organization_id;
    let mut tx = context.db.tenant(home).await?;
    let turn = webhook_deliveries::take_turn(&mut *tx, delivery).await?;
    if !turn.is_open {
        return Ok(Verdict::Done(json!({ "skipped": "it was handled before" })));
    }
    if turn.twin_handled {
        drop(tx);
        return end(context, stored, DeliveryStatus::Ignored, TWIN).await;
    }
    let mut effects = Vec::new();
    let mut ignored = None;
    let mut lanes: Vec<Lane> = Vec::new();
    for (organization, connection) in reached {
        if tx.organization() != *organization {
            tx.switch(*organization).await?;
        }
        match at_connection(job, stored, event, &mut tx, *connection).await? {
            Ok((done, enqueued)) => {
                lanes.extend(enqueued);
                // What happened elsewhere is not told to this tenant.
                if *organization == home {
                    effects.push(json!({ "connection_id": connection, "done": done }));
                }
            }
            Err(why) => ignored = Some(why),
        }
    }
    if tx.organization() != home {
        tx.switch(home).await?;
    }
    let acted = !lanes.is_empty() || !effects.is_empty() || ignored.is_none();
    let outcome = Outcome {
        status: if acted {
            DeliveryStatus::Handled
        } else {
            DeliveryStatus::Ignored
        },
        reason: ignored.filter(|_| !acted),
        effects: Some(json!(effects)),
    };
    webhook_deliveries::finish(&mut *tx, delivery.id, &outcome, job.now()).await?;
    if let [(organization, connection)] = reached
        && *organization == home
        && delivery.connection_id.is_none()
    {
        webhook_deliveries::note_connection(&mut *tx, delivery.id, *connection).await?;
    }
    tx.commit().await?;
    context.doorbell.ring(lanes);
    Ok(Verdict::Done(
        json!({ "status": outcome.status, "reached": reached.len() }),
    ))
}

type Acted = Result<(Vec<String>, Vec<Lane>), &'static str>;

async fn at_connection(
    job: &JobContext<Context>,
    stored: &StoredDelivery,
    event: &HookEvent,
    tx: &mut TenantTx,
    id: ConnectionId,
) -> Result<Acted, Error> {
    let context = job.app();
    let Some(connection) = connections::get_for_update(&mut **tx, id).await? else {
        return Ok(Err("the connection is gone"));
    };
    if !connection.is_active {
        return Ok(Err("the connection is switched off"));
    }
    if connection.status == ConnectionStatus::Disconnected {
        return Ok(Err("the connection is disconnected"));
    }
    let known = connections::known_as_of(&mut **tx, id).await?;
    let permit = permit_of(&connection.organization_id, stored);
    // The provider's word counts where there is one. Else an event is as old as its way here, but for one that
    // was sent again or fetched.
    let came_at = came_at_once(stored).then_some(stored.delivery.received_at);
    let dated = match (event.at, came_at) {
        (Some(_), _) => Dated::ByProvider,
        (None, Some(_)) => Dated::OnArrival,
        (None, None) => Dated::Late,
    };
    let mut scene = Scene {
        context,
        permit: &permit,
        tx,
        delivery: &stored.delivery,
        hook: stored.headers.get("x-github-hook-id"),
        at: event.at.or(came_at),
        came_at,
        dated,
        connection,
        known,
        now: job.now(),
        jobs: Vec::new(),
        done: Vec::new(),
    };
    apply(&mut scene, event).await?;
    let (jobs, done) = (
        std::mem::take(&mut scene.jobs),
        std::mem::take(&mut scene.done),
    );
    let enqueued = enqueue(tx, &jobs).await?;
    Ok(Ok((done, enqueued.iter().map(|job| job.lane).collect())))
}

/// In whose name: the provider's.
fn permit_of(organization: &OrganizationId, stored: &StoredDelivery) -> Permit {
    let actor = Actor {
        id: None,
        kind: ActorType::Provider,
        name: Some(stored.delivery.provider.display_name().to_owned()),
    };
    Permit::for_job(*organization, actor, Permission::ConnectionsUse)
}

/// Whether it came by itself, the first time that it was sent.
fn came_at_once(stored: &StoredDelivery) -> bool {
    let attempt = stored.headers.get("x-attempt-number");
    attempt.is_none_or(|number| number.trim() == "1") && !stored.delivery.recovered
}

/// Writes down an end without an effect.
async fn end(
    context: &Context,
    stored: &StoredDelivery,
    status: DeliveryStatus,
    reason: &str,
) -> Result<Verdict, Error> {
    let delivery = &stored.delivery;
    let mut tx = context.db.tenant(delivery.organization_id).await?;
    let outcome = Outcome {
        status,
        reason: Some(reason),
        effects: None,
    };
    webhook_deliveries::finish(&mut *tx, delivery.id, &outcome, context.clock.now()).await?;
    tx.commit().await?;
    Ok(Verdict::Done(json!({ "status": status, "reason": reason })))
}

/// Nothing more is tried. Where even that cannot be written, the delivery stays `accepted`, and its
/// job shows as failed.
async fn give_up(context: &Context, stored: &StoredDelivery, verdict: &Verdict) {
    let reason = match verdict {
        Verdict::Retry { error, .. } | Verdict::Fail(error) => error.message.clone(),
        _ => return,
    };
    if let Err(error) = end(context, stored, DeliveryStatus::Failed, &reason).await {
        tracing::error!(%error, delivery = %stored.delivery.id, "a delivery that failed could not be marked");
    }
}
