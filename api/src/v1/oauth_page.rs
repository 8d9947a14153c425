//! The small pages on which a consent ends where its flow has no page of its own: readable without
//! a style sheet, by a screen reader, in light and dark; they load nothing.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use shared::flows::oauth::{Arrived, Refusal};

/// An account was connected.
pub(super) fn arrived(arrived: &Arrived) -> Response {
    let provider = arrived.provider.display_name();
    let whose = match &arrived.organization_name {
        Some(name) => format!("the organization <strong>{}</strong>", escaped(name)),
        None => "the platform".to_owned(),
    };
    let text = format!(
        "<p>The {provider} account <strong>{}</strong> is connected to {whose}, as “{}”.</p>\n\
         <p>Is this your account, and your organization? If not, delete the connection there. You can close this page.</p>",
        escaped(&arrived.account),
        escaped(&arrived.name),
    );
    page(StatusCode::OK, "Connected", &text)
}

/// Nothing was connected.
pub(super) fn refused(status: StatusCode, refusal: &Refusal) -> Response {
    let text = format!(
        "<p>{}</p>\n<p>Error code: <code>{}</code></p>",
        escaped(&refusal.message),
        refusal.code
    );
    page(status, "Not connected", &text)
}

/// Nothing can be said.
pub(super) fn unavailable() -> Response {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Not now",
        "<p>Mooring cannot answer just now. Reload this page in a minute; if it does not help, begin again where you came from.</p>",
    )
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · Mooring</title>\n<main>\n<h1>{title}</h1>\n{text}\n</main>\n</html>\n"
    );
    (status, Html(html)).into_response()
}

/// Text within an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
