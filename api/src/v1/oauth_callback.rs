//! A browser comes back from a provider. It knows nothing of JSON: whatever happens, it is sent on
//! or shown a page.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as Documented};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use indexmap::IndexMap;
use shared::domain::secret::Secret;
use shared::flows::oauth::{self as flow, Back, Landing};
use tracing::Instrument;

use super::oauth::cookie_of;
use super::oauth_page;
use crate::middleware::request_info;
use crate::route::Doc;
use crate::state::ApiState;

/// Longest parameter that is looked at, in bytes: Entra's codes have more than a thousand.
const LONGEST: usize = 8192;

pub(crate) const CALLBACK: Doc = Doc {
    id: "finish_oauth",
    tag: "OAuth",
    summary: "A browser comes back from a provider",
    description: "Takes `state`, and `code` or `error`; for browsers, not for programs. Answers 303 to the `redirect_url` of the flow with `git_connection`, `status=success`, `account` and `organization`, or with `status=error`, `error` and `message`; a small page where the flow has none. `error` is one of `state_mismatch`, `state_expired`, `state_used`, `access_denied`, `exchange_failed`, `callback_mismatch`, `account_mismatch`, `installation_pending`. A state that is not ours is 400 and a page: nothing of it is believed, no redirect.\n\nRegister exactly `{public URL}/api/v1/auth/{provider}/callback` at the provider.",
    problems: &[],
};

pub(crate) const SETUP: Doc = Doc {
    id: "finish_installation",
    tag: "OAuth",
    summary: "A browser comes back from the installation of a GitHub App",
    description: "Takes `state`, `installation_id` and `setup_action`; for browsers, not for programs. The number of the installation is not believed: it is asked about in the App's name, and then shown to be the browser's own. Where the App's own client id and secret are configured, the browser goes on to GitHub's consent and comes back to the callback URL: the account must be the person's own, or the person must administer every repository that the installation covers. Where they are not, the installation must have been made or saved after the flow was begun, and no other organization may have it.\n\nAnswers 303 as the callback does, with `repository_count` too; `error` is `installation_pending` where an owner of the account has to approve first, `account_mismatch` where it could not be shown whose the installation is.\n\nRegister exactly `{public URL}/api/v1/auth/github/setup` as the App's setup URL, with \"Redirect on update\".",
    problems: &[],
};

/// What a browser is answered.
#[derive(Debug)]
pub(crate) struct ForBrowser(Response);

impl IntoResponse for ForBrowser {
    fn into_response(self) -> Response {
        self.0
    }
}

impl OperationOutput for ForBrowser {
    type Inner = ();
    fn inferred_responses(_: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Documented)> {
        let documented = |description: &str| Documented {
            description: description.to_owned(),
            ..Documented::default()
        };
        let page = |description: &str| Documented {
            content: IndexMap::from_iter([("text/html".to_owned(), MediaType::default())]),
            ..documented(description)
        };
        vec![
            (Some(200), page("A page that tells the outcome.")),
            (
                Some(303),
                documented("To the `redirect_url` of the flow, with the outcome."),
            ),
            (Some(400), page("A page: the state is not ours.")),
        ]
    }
}

pub(crate) async fn callback(State(state): State<ApiState>, request: Request) -> ForBrowser {
    let (head, _) = request.into_parts();
    let mut back = Back {
        provider: provider_of(head.uri.path()),
        state: None,
        code: None,
        error: None,
        installation: None,
        setup_action: None,
        setup: head.uri.path().ends_with("/setup"),
        cookie: cookie_of(&head.headers),
        request: request_info(&head),
    };
    read(head.uri.query().unwrap_or_default(), &mut back);
    // In a task of its own: a browser that is closed must not end it between the exchange and the
    // storing of what was granted.
    let (task_state, span) = (state.clone(), tracing::Span::current());
    let task = async move { flow::callback(&task_state.context, &back).await };
    let landed = state.tasks.spawn(task.instrument(span)).await;
    ForBrowser(match landed {
        Ok(Ok(landing)) => show(landing),
        Ok(Err(error)) => {
            tracing::error!(%error, "a browser that came back could not be served");
            oauth_page::unavailable()
        }
        Err(error) => {
            tracing::error!(%error, "a browser that came back could not be served");
            oauth_page::unavailable()
        }
    })
}

/// The `{provider}` of the path.
fn provider_of(path: &str) -> Option<shared::domain::provider::ProviderKind> {
    path.split('/').nth(4)?.parse().ok()
}

/// What we know of the query; providers add words of their own. A word that stands twice is none:
/// nobody can tell which was meant.
fn read(query: &str, back: &mut Back) {
    let one = |name: &str| {
        let mut found = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(key, value)| key == name && !value.is_empty() && value.len() <= LONGEST);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value.into_owned()),
            _ => None,
        }
    };
    back.state = one("state");
    back.code = one("code").map(Secret::from);
    back.error = one("error");
    back.installation = one("installation_id").and_then(|id| id.parse().ok());
    back.setup_action = one("setup_action");
}

fn show(landing: Landing) -> Response {
    match landing {
        Landing::NotOurs(refusal) => oauth_page::refused(StatusCode::BAD_REQUEST, &refusal),
        Landing::Page(Ok(arrived)) => oauth_page::arrived(&arrived),
        Landing::Page(Err(refusal)) => oauth_page::refused(StatusCode::OK, &refusal),
        Landing::Redirect(url) => match HeaderValue::from_str(url.as_str()) {
            Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
            Err(_) => oauth_page::unavailable(),
        },
    }
}
