//! Git credentials: lent to those who clone, and given back.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::config::parse_duration;
use shared::domain::ids::{ConnectionId, CredentialLeaseId};
use shared::domain::secret::ExposeSecret;
use shared::flows::Error;
use shared::flows::credentials::{self as flow, NewLease};
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{Body, Id, Permitted};
use crate::reply::{Created, NoContent};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Git credentials";

/// What the credential is for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialRequest {
    /// The repository, as the provider writes it: gives the clone URL; a GitHub App's token is
    /// narrowed to it.
    repository: Option<String>,
    /// What for, in 1–200 characters; kept on record.
    #[schemars(length(min = 1, max = 200))]
    purpose: String,
    /// How long it must work at least, like `40m`; ten minutes where absent, at most `24h`.
    valid_for: Option<String>,
    /// The environment it is for; kept on record.
    environment_id: Option<Uuid>,
}

/// A token in the form in which git presents it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CredentialIssued {
    /// The lease: give it back when git is done.
    lease_id: CredentialLeaseId,
    /// User name.
    username: String,
    /// Password, shown this once; `null` where an idempotency key repeats the answer.
    password: Option<String>,
    /// It works until then at least; it is not replaced before.
    expires_at: DateTime<Utc>,
    /// Where to clone from, where a repository was named.
    clone_url: Option<String>,
}

pub(crate) const ISSUE: Doc = Doc {
    id: "issue_git_credential",
    tag: TAG,
    summary: "Lend a git credential",
    description: "Works for at least `valid_for` and ends 60 s before the token does at the latest. The token is renewed first where it would not last, and not replaced while it is lent. Send user name and password with the first request (`http.extraHeader`): git asks without them first, and hosts count that as a failed authentication.",
    problems: &[
        (409, "connection_unhealthy"),
        (409, "validity_unavailable"),
        (409, "no_credential"),
        (422, "out_of_range"),
        (422, "not_found"),
        (502, "provider_unreachable"),
        (503, "provider_rate_limited"),
    ],
};

pub(crate) async fn issue(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(connection): Id<ConnectionId>,
    Body(body): Body<CredentialRequest>,
) -> Result<Created<CredentialIssued>, ApiError> {
    let valid_for = body
        .valid_for
        .as_deref()
        .map(parse_duration)
        .transpose()
        .map_err(|message| Error::field("valid_for", "invalid_duration", message))?;
    let new = NewLease {
        repository: body.repository,
        purpose: body.purpose,
        valid_for,
        environment_id: body.environment_id,
    };
    let issued = flow::issue(&state.context, &permit, connection, &new).await?;
    let kept = CredentialIssued {
        lease_id: issued.lease_id,
        username: issued.username,
        password: None,
        expires_at: issued.expires_at,
        clone_url: issued.clone_url,
    };
    Ok(Created {
        body: CredentialIssued {
            password: Some(issued.password.expose_secret().to_owned()),
            ..kept.clone()
        },
        location: None,
        kept: Some(kept),
    })
}

pub(crate) const GIVE_BACK: Doc = Doc {
    id: "give_back_git_credential",
    tag: TAG,
    summary: "Give a git credential back",
    description: "A renewal that waited for it goes on. Giving one back twice is the same as once.",
    problems: &[],
};

pub(crate) async fn give_back(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(connection): Id<ConnectionId>,
    Id(lease): Id<CredentialLeaseId>,
) -> Result<NoContent, ApiError> {
    flow::give_back(&state.context, &permit, connection, lease).await?;
    Ok(NoContent)
}
