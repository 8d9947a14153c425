//! Deliveries of webhooks, as people see them: listed, looked into, handled anew.

use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::ids::{ConnectionId, WebhookDeliveryId};
use shared::domain::provider::ProviderKind;
use shared::domain::webhook::{Delivery, DeliveryHeaders, DeliveryStatus, StoredDelivery};
use shared::flows::webhooks::{self as flow, DeliveryFilter};
use shared::telemetry::scrub;

use crate::error::ApiError;
use crate::extract::{Id, Listing, Permitted};
use crate::page::{ListReply, Plural};
use crate::reply::{Accepted, Reply};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Webhooks in";

/// A delivery.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryView {
    /// Its id.
    id: WebhookDeliveryId,
    /// The connection whose hook it came from, or that an App's reached; `null` where that was none
    /// or several.
    connection_id: Option<ConnectionId>,
    /// The GitHub App that it came from.
    github_app_id: Option<i64>,
    /// The provider.
    provider: ProviderKind,
    /// The provider's name of the event.
    event: String,
    /// The action within the event.
    action: Option<String>,
    /// The provider's id of the delivery.
    provider_delivery_id: String,
    /// What has become of it.
    status: DeliveryStatus,
    /// Why it was ignored or failed.
    reason: Option<String>,
    /// How often it came again.
    duplicates: i32,
    /// Whether it never arrived and was fetched from the provider's list.
    recovered: bool,
    /// When it came.
    received_at: DateTime<Utc>,
    /// When it was handled.
    handled_at: Option<DateTime<Utc>>,
    /// What it did: connection by connection, in a few words each.
    effects: Option<Value>,
}

impl Plural for DeliveryView {
    const PLURAL: &'static str = "deliveries";
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            connection_id: delivery.connection_id,
            github_app_id: delivery.app_id,
            provider: delivery.provider,
            event: delivery.event,
            action: delivery.action,
            provider_delivery_id: delivery.delivery_id,
            status: delivery.status,
            reason: delivery.reason,
            duplicates: delivery.duplicates,
            recovered: delivery.recovered,
            received_at: delivery.received_at,
            handled_at: delivery.handled_at,
            effects: delivery.effects,
        }
    }
}

/// A delivery with its content; what has the shape of a secret is left out.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryDetail {
    /// Everything else.
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Its headers, names in lower case.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    headers: DeliveryHeaders,
    /// Its body as JSON; `null` where it is none.
    payload: Option<Value>,
    /// Its body in base64 where it is no JSON (a form).
    payload_base64: Option<String>,
}

impl From<StoredDelivery> for DeliveryDetail {
    fn from(stored: StoredDelivery) -> Self {
        let shown = scrub(&stored.body);
        let payload: Option<Value> = serde_json::from_slice(&shown).ok();
        let payload_base64 = match payload {
            Some(_) => None,
            None => Some(STANDARD.encode(&shown)),
        };
        Self {
            delivery: stored.delivery.into(),
            headers: stored.headers,
            payload,
            payload_base64,
        }
    }
}

/// What the list is narrowed by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryFilters {
    /// Of one connection.
    connection_id: Option<ConnectionId>,
    /// Of one event, by the provider's name.
    event: Option<String>,
    /// Of one status.
    status: Option<DeliveryStatus>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_webhook_deliveries",
    tag: TAG,
    summary: "List deliveries of webhooks",
    description: "Newest first. A repeat is no row of its own; it counts in `duplicates`. Kept for 30 days unless the operator has set another time.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<DeliveryFilters, WebhookDeliveryId>,
) -> Result<ListReply<DeliveryView>, ApiError> {
    let filter = DeliveryFilter {
        connection: listing.filters.connection_id,
        event: listing.filters.event.clone(),
        status: listing.filters.status,
    };
    let page = flow::list(&state.context, &permit, &filter, &listing.page).await?;
    let key = |row: &Delivery| row.id;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        key,
        Into::into,
    ))
}

pub(crate) const GET: Doc = Doc {
    id: "get_webhook_delivery",
    tag: TAG,
    summary: "Look into a delivery",
    description: "With headers and payload; signatures of Azure DevOps and GitLab that are secrets themselves are not kept.",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<WebhookDeliveryId>,
) -> Result<Reply<DeliveryDetail>, ApiError> {
    Ok(Reply(flow::get(&state.context, &permit, id).await?.into()))
}

pub(crate) const REDELIVER: Doc = Doc {
    id: "redeliver_webhook",
    tag: TAG,
    summary: "Handle a delivery anew",
    description: "From what is kept of it, as if it had come now; what is newer by now stays as it is.",
    problems: &[],
};

pub(crate) async fn redeliver(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<WebhookDeliveryId>,
) -> Result<Accepted, ApiError> {
    Ok(Accepted(
        flow::redeliver(&state.context, &permit, id).await?,
    ))
}
