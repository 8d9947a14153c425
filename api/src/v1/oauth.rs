//! Connecting by consent: what there is, beginning it, what came of it.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Documented};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::authz::{Need, Permission};
use shared::domain::auth_method::AuthMethod;
use shared::domain::connection::Usable;
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::domain::lifecycle::ConnectionStatus;
use shared::domain::oauth_state::STATE_LIFETIME;
use shared::domain::provider::ProviderKind;
use shared::domain::secret::{ExposeSecret, Secret};
use shared::flows::oauth::{self as flow, Authorize, Status};
use shared::flows::{Error, FieldError};

use super::connection_view::Level;
use crate::error::ApiError;
use crate::extract::{Asking, Body};
use crate::middleware::permit_in;
use crate::problem::Problem;
use crate::reply::{Reply, json_response};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "OAuth";
/// The cookie of a browser's flows.
pub(super) const COOKIE: &str = "mooring_oauth";

pub(crate) const STATUS: Doc = Doc {
    id: "get_oauth_status",
    tag: TAG,
    summary: "Which providers the platform can connect by consent",
    description: "The platform's own apps, which every organization may use. An organization's own provider configurations are not among them.",
    problems: &[],
};

pub(crate) async fn status(State(state): State<ApiState>) -> Result<Reply<Status>, ApiError> {
    Ok(Reply(flow::status(&state.context).await?))
}

/// Every connection that the caller may use.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsableConnections")]
pub(crate) struct UsableList {
    /// Of the caller's organizations, newest first, then the platform's.
    connections: Vec<UsableView>,
}

/// A connection that the caller may use.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsableConnection")]
pub(crate) struct UsableView {
    /// Its id.
    id: ConnectionId,
    /// The provider.
    provider: ProviderKind,
    /// The user name it was given, else the account's login.
    username: Option<String>,
    /// Its name.
    name: String,
    /// Whose it is.
    level: Level,
    /// Its organization; `null` for the platform's.
    organization_id: Option<OrganizationId>,
    /// The organization's name; `null` for the platform's.
    organization_name: Option<String>,
    /// Coarse status.
    status: ConnectionStatus,
}

impl From<Usable> for UsableView {
    fn from(one: Usable) -> Self {
        Self {
            id: one.id,
            provider: one.provider,
            username: one.username,
            name: one.name,
            level: if one.organization_id.is_platform() {
                Level::Platform
            } else {
                Level::Organization
            },
            organization_id: one.organization_id.shown(),
            organization_name: one.organization_name,
            status: one.status,
        }
    }
}

pub(crate) const CONNECTIONS: Doc = Doc {
    id: "list_usable_connections",
    tag: TAG,
    summary: "List every connection that the caller may use",
    description: "Those with `is_active` of all organizations in which the caller holds `org.git.connections.list`, and the platform's shared ones; for `portal_admin` all of the platform's. Whatever their method. At most 1,000 of each organization.",
    problems: &[],
};

pub(crate) async fn connections(
    State(state): State<ApiState>,
    Asking(asking): Asking,
) -> Result<Reply<UsableList>, ApiError> {
    let found = flow::connections(&state.context, &asking.caller, &asking.call).await?;
    Ok(Reply(UsableList {
        connections: found.into_iter().map(Into::into).collect(),
    }))
}

/// Whose connection is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WantedLevel {
    /// The platform's.
    Platform,
    /// An organization's.
    Organization,
}

/// A consent to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizeBody {
    /// The provider.
    provider: ProviderKind,
    /// Whose connection is to be made.
    level: WantedLevel,
    /// The organization, where it is an organization's.
    organization_id: Option<OrganizationId>,
    /// `oauth` (where absent) or `github_app`.
    auth_method: Option<AuthMethod>,
    /// Where the browser is sent in the end: a URL of an allowed origin
    /// (`MOORING_REDIRECT_ALLOWLIST`). Absent: a small page of Mooring's own.
    #[schemars(length(max = 2048))]
    redirect_url: Option<String>,
    /// Root of a self-hosted instance; the platform's configured one where absent.
    base_url: Option<String>,
    /// The same as `base_url`.
    gitlab_url: Option<String>,
    /// A connection to heal: the same account has to give its consent.
    connection_id: Option<ConnectionId>,
}

impl AuthorizeBody {
    /// Where, or which fields contradict one another.
    fn organization(&self) -> Result<OrganizationId, Error> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, code: &str, message: &str| {
            faults.push(FieldError::new(field, code, message));
        };
        let organization = match (self.level, self.organization_id) {
            (WantedLevel::Platform, None) => OrganizationId::PLATFORM,
            (WantedLevel::Platform, Some(id)) => {
                fault(
                    "organization_id",
                    "contradiction",
                    "A connection of the platform belongs to no organization. Leave this out, or choose the level organization.",
                );
                id
            }
            (WantedLevel::Organization, Some(id)) => id,
            (WantedLevel::Organization, None) => {
                fault(
                    "organization_id",
                    "required",
                    "Name the organization whose connection this is to be.",
                );
                OrganizationId::PLATFORM
            }
        };
        if self.base_url.is_some() && self.gitlab_url.is_some() && self.base_url != self.gitlab_url
        {
            fault(
                "gitlab_url",
                "contradiction",
                "base_url and gitlab_url mean the same and differ. Give one of them.",
            );
        }
        if self.gitlab_url.is_some() && self.provider != ProviderKind::Gitlab {
            fault(
                "gitlab_url",
                "unsupported_combination",
                "gitlab_url is for GitLab. Use base_url.",
            );
        }
        if faults.is_empty() {
            Ok(organization)
        } else {
            Err(Error::Invalid(faults))
        }
    }
}

/// Where the browser is to go.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Authorization {
    /// The provider's page.
    authorize_url: String,
    /// What the browser brings back from there.
    state: String,
}

/// The same, with the browser's cookie.
#[derive(Debug)]
pub(crate) struct Authorized {
    body: Authorization,
    cookie: Option<HeaderValue>,
}

impl IntoResponse for Authorized {
    fn into_response(self) -> Response {
        let mut response = json_response(StatusCode::OK, &self.body);
        if let Some(cookie) = self.cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl OperationOutput for Authorized {
    type Inner = Authorization;
    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, Documented)> {
        Reply::<Authorization>::inferred_responses(context, operation)
    }
}

pub(crate) const AUTHORIZE: Doc = Doc {
    id: "begin_oauth",
    tag: TAG,
    summary: "Begin a consent",
    description: "Send the browser to `authorize_url` within ten minutes; it comes back to `/api/v1/auth/{provider}/callback` and lands on `redirect_url` with `git_connection`, `status=success`, `account` and `organization`, or with `status=error`, `error` and `message`. The account that is connected already is healed in place.\n\nAn organization's own provider configuration wins over the platform's. With `github_app` the browser goes to the App's installation page and comes back to `/api/v1/auth/github/setup`; the landing then has `repository_count` too.\n\nNeeds `org.git.connections.create` there, or `.update` with `connection_id`.\n\nThe landing names the account and the organization because anybody may be made to open a link: check that the user who lands is the one for whom you began. A session of the web interface is checked by a cookie instead.",
    problems: &[
        (403, "permission_denied"),
        (404, "not_found"),
        (409, "oauth_not_configured"),
        (422, "required"),
        (422, "contradiction"),
        (422, "redirect_not_allowed"),
        (422, "unsupported_combination"),
        (422, "blocked_address"),
    ],
};

pub(crate) async fn authorize(
    State(state): State<ApiState>,
    Asking(asking): Asking,
    headers: HeaderMap,
    Body(body): Body<AuthorizeBody>,
) -> Result<Authorized, ApiError> {
    let organization = body.organization()?;
    let needed = if body.connection_id.is_some() {
        Permission::ConnectionsUpdate
    } else {
        Permission::ConnectionsCreate
    };
    // The platform's own row has no place among the organizations.
    if body.level == WantedLevel::Organization && organization.is_platform() {
        return Err(Problem::not_found("organization").into());
    }
    let need = Need::Permission(needed);
    let permit = permit_in(&state, &asking.caller, organization, need, &asking.call).await?;
    let redirect_uri = state.settings.redirect_uri(body.provider);
    let wanted = Authorize {
        provider: body.provider,
        auth_method: body.auth_method.unwrap_or(AuthMethod::Oauth),
        base_url: body.base_url.or(body.gitlab_url),
        redirect_url: body.redirect_url,
        connection_id: body.connection_id,
        redirect_uri: redirect_uri.ok_or_else(Problem::internal)?,
        redirect_origins: state.settings.redirect_origins.clone(),
        cookie: cookie_of(&headers),
        // Every caller has a bearer token so far; a session of the web interface sets this.
        cookie_required: false,
    };
    let begun = flow::authorize(&state.context, &permit, &wanted).await?;
    Ok(Authorized {
        cookie: set_cookie(&state, &begun.cookie),
        body: Authorization {
            authorize_url: begun.authorize_url.into(),
            state: begun.state,
        },
    })
}

/// The browser's cookie of its flows.
pub(super) fn cookie_of(headers: &HeaderMap) -> Option<Secret> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim() == COOKIE)
        .map(|(_, value)| Secret::from(value.trim()))
}

/// `Lax`: the provider's redirect is a navigation from another site.
fn set_cookie(state: &ApiState, cookie: &Secret) -> Option<HeaderValue> {
    let secure = if state.settings.public_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let value = format!(
        "{COOKIE}={}; Path=/api/v1; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        cookie.expose_secret(),
        STATE_LIFETIME.num_seconds(),
    );
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
