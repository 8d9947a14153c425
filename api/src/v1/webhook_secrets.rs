//! The hook of a connection: its address and its secret.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::domain::ids::ConnectionId;
use shared::domain::secret::ExposeSecret;
use shared::domain::webhook::RepositoryHook;
use shared::flows::webhooks as flow;

use crate::error::ApiError;
use crate::extract::{Id, OptionalBody, Permitted};
use crate::reply::{Created, NoContent, Reply};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Webhooks in";

/// How the hook is to be set up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRequest {
    /// Whether the hook is kept installed at the provider on every connected repository; absent
    /// leaves it as it is.
    register: Option<bool>,
}

/// What a hook is set up with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct WebhookCreated {
    /// Where it delivers.
    url: String,
    /// What it signs with, shown this once; `null` where an idempotency key repeats the answer.
    secret: Option<String>,
    /// What it should send, as the provider names it.
    events: &'static [&'static str],
    /// Whether it is kept installed at the provider.
    registered: bool,
}

pub(crate) const CREATE: Doc = Doc {
    id: "create_webhook",
    tag: TAG,
    summary: "Make the secret of a connection's hook",
    description: "Set the hook up at the provider with the answer. A second call makes another secret; the one before verifies for 24 hours more. At Azure DevOps the secret is the password of basic authentication, with the user name `mooring`.\n\nWith `register`, a job installs the hook on every connected repository, puts it right where it was changed, takes it away where a repository is disconnected, and gives it each new secret. The credential must administer the repositories.",
    problems: &[(422, "unsupported_combination")],
};

pub(crate) async fn create(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    OptionalBody(body): OptionalBody<WebhookRequest>,
) -> Result<Created<WebhookCreated>, ApiError> {
    let how = (state.settings.public_url.as_str(), body.register);
    let made = flow::create(&state.context, &permit, id, how).await?;
    let kept = WebhookCreated {
        url: made.url,
        secret: None,
        events: made.events,
        registered: made.registered,
    };
    Ok(Created {
        body: WebhookCreated {
            secret: Some(made.secret.expose_secret().to_owned()),
            ..kept.clone()
        },
        location: None,
        kept: Some(kept),
    })
}

pub(crate) const DELETE: Doc = Doc {
    id: "delete_webhook",
    tag: TAG,
    summary: "Take the secrets of a connection's hook back",
    description: "Its deliveries are refused from now on.",
    problems: &[],
};

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
) -> Result<NoContent, ApiError> {
    flow::delete(&state.context, &permit, id).await?;
    Ok(NoContent)
}

/// How a connection's hook stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WebhookState {
    /// Where it delivers; `null` where it has no secret.
    url: Option<String>,
    /// What it should send, as the provider names it.
    events: &'static [&'static str],
    /// Whether its deliveries are known to be signed (Standard Webhooks): unsigned ones are refused.
    signs: bool,
    /// Whether it is kept installed at the provider.
    registered: bool,
    /// When a delivery came last.
    last_delivery_at: Option<DateTime<Utc>>,
    /// Hooks at the provider, by repository; at most 200.
    hooks: Vec<RepositoryHook>,
    /// Up to when the provider's lists of what was sent were looked through for what never arrived: of
    /// the App that the connection is an installation of, or of its registered hooks; `null` where that
    /// was never called for.
    checked_until: Option<DateTime<Utc>>,
    /// Deliveries that had never arrived and were fetched.
    recovered: i32,
    /// The last stretch of time of which the provider tells no deliveries: it keeps no list, no longer
    /// remembers, or had switched the hook off. A sync stood in for them.
    gap_from: Option<DateTime<Utc>>,
    /// Its end.
    gap_until: Option<DateTime<Utc>>,
}

pub(crate) const GET: Doc = Doc {
    id: "get_webhook",
    tag: TAG,
    summary: "How a connection's hook stands",
    description: "No secret; of registered hooks each with what is wrong with it.",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
) -> Result<Reply<WebhookState>, ApiError> {
    let stands = flow::state(&state.context, &permit, id).await?;
    Ok(Reply(WebhookState {
        url: stands.url,
        events: stands.events,
        signs: stands.signs,
        registered: stands.registered,
        last_delivery_at: stands.last_delivery_at,
        hooks: stands.hooks,
        checked_until: stands.recovery.checked_until,
        recovered: stands.recovery.recovered,
        gap_from: stands.recovery.gap_from,
        gap_until: stands.recovery.gap_until,
    }))
}
