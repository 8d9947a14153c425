//! Deliveries of webhooks, as they are kept and shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{ConnectionId, OrganizationId, WebhookDeliveryId, WebhookSourceId};
use super::provider::ProviderKind;

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Stored; a job will handle it.
    Accepted,
    /// It has had its effect.
    Handled,
    /// There was nothing to do; the reason says why.
    Ignored,
    /// It could not be handled; the reason says why. It can be redelivered.
    Failed,
}

impl DeliveryStatus {
    /// As stored.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Accepted => 0,
            Self::Handled => 1,
            Self::Ignored => 2,
            Self::Failed => 3,
        }
    }

    /// From the store; what this version does not know is shown as failed.
    #[must_use]
    pub const fn of_code(code: i16) -> Self {
        match code {
            0 => Self::Accepted,
            1 => Self::Handled,
            2 => Self::Ignored,
            _ => Self::Failed,
        }
    }
}

/// The headers of a delivery that are kept: names in lower case, secrets left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryHeaders(pub BTreeMap<String, String>);

impl DeliveryHeaders {
    /// The value of a header; its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// A delivery without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// What it came from.
    pub source_id: WebhookSourceId,
    /// The connection whose hook it is or that it reached; `None` where it is an App's and reached
    /// none or several.
    pub connection_id: Option<ConnectionId>,
    /// The GitHub App that it came from.
    pub app_id: Option<i64>,
    /// The provider.
    pub provider: ProviderKind,
    /// The provider's name of the event.
    pub event: String,
    /// The action within the event.
    pub action: Option<String>,
    /// The provider's id of the delivery.
    pub delivery_id: String,
    /// What has become of it.
    pub status: DeliveryStatus,
    /// Why it was ignored or failed.
    pub reason: Option<String>,
    /// How often it came again.
    pub duplicates: i32,
    /// Whether it never arrived and was fetched from the provider's list.
    pub recovered: bool,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was handled.
    pub handled_at: Option<DateTime<Utc>>,
    /// What came of it.
    pub effects: Option<serde_json::Value>,
}

/// A delivery with its content.
#[derive(Clone, Debug)]
pub struct StoredDelivery {
    /// Everything else.
    pub delivery: Delivery,
    /// What is kept of its headers.
    pub headers: DeliveryHeaders,
    /// Its body, byte by byte.
    pub body: Vec<u8>,
}

/// A hook of a repository, as it stands at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RepositoryHook {
    /// The provider's immutable id of the repository.
    pub provider_repository_id: String,
    /// As the provider writes it.
    pub full_name: String,
    /// Where the hook delivers.
    pub url: String,
    /// The provider's id of the hook; `null` until it was installed.
    pub hook_id: Option<String>,
    /// Why it is not as it should be; `null` where it is.
    pub error_code: Option<String>,
    /// The same as a sentence.
    pub error_message: Option<String>,
    /// When it was last looked at.
    pub checked_at: DateTime<Utc>,
}
