//! A delivery's way to its end, as the job that handles it goes it, and what people see of it.

use crate::authz::Permit;
use crate::domain::ids::{
    ConnectionId, OrganizationId, ProviderConfigId, WebhookDeliveryId, WebhookSourceId,
};
use crate::domain::job::Job;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::domain::webhook::{Delivery, StoredDelivery};
use crate::flows::{Context, Error};
use crate::providers::{Happening, HookEvent};
use crate::queue::catalogue::HandleDelivery;
use crate::queue::{NewJob, enqueue};
use crate::store::webhook_deliveries::{self, DeliveryFilter};
use crate::store::{connections, inbox, jobs, provider_configs};

/// Connections that one delivery may reach.
const REACH: i64 = 200;

/// A delivery with its content.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn open(
    context: &Context,
    organization: OrganizationId,
    id: WebhookDeliveryId,
) -> Result<StoredDelivery, Error> {
    let mut tx = context.db.tenant(organization).await?;
    webhook_deliveries::open(&mut tx, id)
        .await?
        .ok_or(Error::NotFound("delivery"))
}

/// Which connections a delivery is about: the one whose hook it is, or all that an App's event names, at the
/// instance that the App is at. Another App than the platform's reaches its own organization alone, and so
/// does a pasted key.
///
/// # Errors
/// Where the database does not answer.
pub async fn reach(
    context: &Context,
    delivery: &Delivery,
    event: &HookEvent,
) -> Result<Vec<(OrganizationId, ConnectionId)>, Error> {
    let own = delivery.organization_id;
    let Some(app) = delivery.app_id else {
        return Ok(delivery
            .connection_id
            .map(|id| (own, id))
            .into_iter()
            .collect());
    };
    let Some((base_url, is_pasted)) = stands_at(context, delivery, app).await? else {
        return Ok(Vec::new());
    };
    let within = (is_pasted || !own.is_platform()).then_some(own);
    let system = context.db.system();
    Ok(match (&event.what, event.installation) {
        (Happening::AuthorizationRevoked { account_id }, _) => {
            inbox::of_account(&system, &base_url, account_id, within, REACH).await?
        }
        (_, Some(installation)) => {
            let named = (app, installation);
            inbox::of_installation(&system, &base_url, named, within, REACH).await?
        }
        (_, None) => Vec::new(),
    })
}

/// The instance of the App whose secret has verified a delivery, and whether its key was pasted; `None`
/// where what it was known by is gone.
async fn stands_at(
    context: &Context,
    delivery: &Delivery,
    app: i64,
) -> Result<Option<(String, bool)>, Error> {
    let source = delivery.source_id;
    if source == WebhookSourceId::of_platform_app(app) {
        let instance = context.providers.of(delivery.provider).instance(None);
        return Ok(Some((instance.base_url(), false)));
    }
    let mut tx = context.db.tenant(delivery.organization_id).await?;
    if let Some(pasted) = connections::get(&mut *tx, ConnectionId(source.0)).await? {
        return Ok(Some((pasted.base_url, true)));
    }
    let config = provider_configs::get(&mut *tx, ProviderConfigId(source.0)).await?;
    Ok(config.map(|stored| (stored.config.base_url, false)))
}

/// A page of deliveries, newest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    filter: &DeliveryFilter,
    request: &PageRequest<WebhookDeliveryId>,
) -> Result<Page<Delivery>, Error> {
    let mut tx = context.db.tenant_snapshot(permit.organization()).await?;
    let rows = webhook_deliveries::list(&mut *tx, filter, request).await?;
    let total = webhook_deliveries::count(&mut *tx, filter).await?;
    Ok(Page::cut(request, rows, bounded(total)))
}

/// One delivery, with its content.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(
    context: &Context,
    permit: &Permit,
    id: WebhookDeliveryId,
) -> Result<StoredDelivery, Error> {
    open(context, permit.organization(), id).await
}

/// Handles a delivery anew, from what is kept of it; the job that does it. What is newer by now stays.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn redeliver(
    context: &Context,
    permit: &Permit,
    id: WebhookDeliveryId,
) -> Result<Job, Error> {
    let organization = permit.organization();
    let mut tx = context.db.tenant(organization).await?;
    let delivery = webhook_deliveries::get_for_update(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("delivery"))?;
    webhook_deliveries::reopen(&mut *tx, id).await?;
    let payload = HandleDelivery { delivery_id: id };
    let mut new = NewJob::new(&payload, organization, context.clock.now())
        .dedupe_key(id.to_string())
        .requested_by(permit.actor().clone());
    if let Some(connection) = delivery.connection_id {
        new = new.connection(connection);
    }
    let enqueued = enqueue(&mut tx, &[new]).await?;
    let first = enqueued
        .first()
        .ok_or_else(|| Error::Internal("no job was enqueued".to_owned()))?;
    let job = jobs::get(&mut *tx, organization, first.job_id)
        .await?
        .ok_or_else(|| Error::Internal("the enqueued job is gone".to_owned()))?;
    tx.commit().await?;
    context.doorbell.ring([first.lane]);
    Ok(job)
}
