//! Deliveries of webhooks arrive: from providers, which prove themselves by a signature.

use aide::OperationInput;
use axum::extract::{FromRequest, Request, State};
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use http::header::{HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::ids::{ConnectionId, WebhookDeliveryId};
use shared::domain::provider::ProviderKind;
use shared::flows::webhooks::{self as flow, Found, Refused};
use std::time::Instant;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{TooLarge, parse_id, read_delivery};
use crate::problem::Problem;
use crate::reply::Taken;
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Webhooks in";

/// A delivery is stored.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryTaken {
    /// Its id; of a repeat that of the first one.
    delivery_id: WebhookDeliveryId,
    /// Whether it is new.
    status: TakenAs,
}

/// Whether a delivery is new.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TakenAs {
    /// It is, and a job will handle it.
    Accepted,
    /// It was stored before, and is handled once.
    Duplicate,
}

/// What came, unread.
pub(crate) struct Raw(Request);

impl OperationInput for Raw {}

impl FromRequest<ApiState> for Raw {
    type Rejection = ApiError;
    async fn from_request(request: Request, _: &ApiState) -> Result<Self, ApiError> {
        Ok(Self(request))
    }
}

pub(crate) const RECEIVE: Doc = Doc {
    id: "receive_webhook",
    tag: TAG,
    summary: "A provider delivers to a connection's hook",
    description: "The body is verified as it came, by the secret of `POST …/git-connections/{connection_id}/webhook`: GitHub `X-Hub-Signature-256`; GitLab `webhook-id`, `webhook-timestamp` (5 minutes) and `webhook-signature`, or `X-Gitlab-Token` until one signed delivery was seen; Bitbucket `X-Hub-Signature`; Azure DevOps basic authentication as user `mooring`. Answered once the delivery is committed. Repeats are found by the delivery's id and body, and by the body where ids are not signed. At most 25 MiB.",
    problems: PROBLEMS,
};

pub(crate) const RECEIVE_OF_APP: Doc = Doc {
    id: "receive_app_webhook",
    tag: TAG,
    summary: "GitHub delivers to the hook of a GitHub App",
    description: "For every configured App: `X-GitHub-Hook-Installation-Target-ID` names candidates among the platform's settings, provider configurations and connections with a webhook secret, and the one whose secret verifies is meant. An organization's own App reaches that organization's connections alone.",
    problems: PROBLEMS,
};

const PROBLEMS: &[(u16, &str)] = &[
    (400, "malformed_payload"),
    (400, "body_incomplete"),
    (401, "invalid_signature"),
    (404, "not_found"),
    (408, "body_incomplete"),
    (413, "body_too_large"),
    (429, "too_many_deliveries"),
    (503, "not_stored"),
    (503, "too_busy"),
];

pub(crate) async fn receive(
    State(state): State<ApiState>,
    Raw(request): Raw,
) -> Result<Taken<DeliveryTaken>, ApiError> {
    let missing = || ApiError::from(Problem::not_found("connection"));
    // `/api/v1/webhooks/{provider}/{connection_id}`
    let mut parts = request.uri().path().split('/').skip(4);
    let provider = parts
        .next()
        .and_then(|word| word.parse::<ProviderKind>().ok());
    let id = parts.next().and_then(parse_id).map(ConnectionId);
    let (Some(provider), Some(id)) = (provider, id) else {
        return Err(missing());
    };
    // On the heap: it is large, and would be copied with every layer around it.
    let outcome = Box::pin(async {
        let found = flow::of_connection(&state.context, provider, id).await?;
        take(&state, &found, id.0, request).await
    });
    let outcome = outcome.await;
    // Most providers do not send again what we have failed to take.
    if outcome
        .as_ref()
        .is_err_and(|error| error.0.status.is_server_error())
    {
        state.context.intake.owed.unverified(id);
    }
    outcome
}

pub(crate) async fn receive_of_app(
    State(state): State<ApiState>,
    Raw(request): Raw,
) -> Result<Taken<DeliveryTaken>, ApiError> {
    let named = request
        .headers()
        .get("x-github-hook-installation-target-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|id| *id > 0);
    let app = named.ok_or_else(|| ApiError::from(Problem::not_found("GitHub App")))?;
    let found = flow::of_app(&state.context, app).await?;
    let address = Uuid::from_u128(u128::from(app.unsigned_abs()));
    take(&state, &found, address, request).await
}

/// The way of every delivery: read, verified, within its tenant's budget, committed.
async fn take(
    state: &ApiState,
    found: &Found,
    address: Uuid,
    request: Request,
) -> Result<Taken<DeliveryTaken>, ApiError> {
    let (head, body) = request.into_parts();
    let settings = &state.settings;
    let bound = (TooLarge(settings.max_delivery), settings.delivery_within);
    let (body, held) = read_delivery(body, bound, &state.room, address).await?;
    let headers: HeaderMap = head.headers;
    let verified = flow::verify(&state.context, found, headers, body)
        .await
        .map_err(refused)?;
    for organization in verified.organizations() {
        if let Err(wait) = state.deliveries.take(organization.0, true, Instant::now()) {
            let at = state.context.clock.now()
                + chrono::TimeDelta::from_std(wait).unwrap_or(chrono::TimeDelta::seconds(60));
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_deliveries",
                "More deliveries come for this organization than it may have. Send this one again as Retry-After says.",
            )
            .retry_at(at)
            .into());
        }
    }
    let received = flow::keep(&state.context, verified)
        .await
        .map_err(refused)?;
    drop(held);
    Ok(Taken(DeliveryTaken {
        delivery_id: received.id,
        status: if received.duplicate {
            TakenAs::Duplicate
        } else {
            TakenAs::Accepted
        },
    }))
}

fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::InvalidSignature => Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_signature",
            "The delivery's signature does not hold, or is missing. Set the hook's secret to the one that POST …/webhook showed; where it is lost, make another one.",
        )
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"mooring webhooks\""))
        .into(),
        Refused::Malformed(sentence) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed_payload", sentence).into()
        }
        Refused::NotStored => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_stored",
            "The delivery could not be stored. Send it again in a moment.",
        )
        .header(http::header::RETRY_AFTER, HeaderValue::from_static("2"))
        .into(),
        Refused::Failed(error) => error.into(),
    }
}
