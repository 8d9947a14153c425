//! The activity log.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::stream;
use http::header::{self, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::authz::Permit;
use shared::domain::activity::Entry;
use shared::domain::ids::ActivityId;
use shared::flows::activity::{self as flow, Filter};
use shared::flows::audit::Verification;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{Listing, Permitted};
use crate::page::{ListReply, Plural};
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Activity";

impl Plural for Entry {
    const PLURAL: &'static str = "entries";
}

/// What the list is narrowed by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivityFilters {
    /// One event.
    event: Option<String>,
    /// One actor's id.
    actor: Option<Uuid>,
    /// One subject's id.
    subject_id: Option<Uuid>,
    /// From then on.
    since: Option<DateTime<Utc>>,
    /// Before then.
    until: Option<DateTime<Utc>>,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_activity",
    tag: TAG,
    summary: "List activity",
    description: "Newest first. `sequence` and `hash` are given within a second.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<ActivityFilters, ActivityId>,
) -> Result<ListReply<Entry>, ApiError> {
    let filter = Filter {
        event: listing.filters.event,
        actor: listing.filters.actor,
        subject: listing.filters.subject_id,
        since: listing.filters.since,
        until: listing.filters.until,
    };
    let page = flow::list(&state.context, &permit, &filter, &listing.page).await?;
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        |row| row.id,
        |row| row,
    ))
}

pub(crate) const EXPORT: Doc = Doc {
    id: "export_activity",
    tag: TAG,
    summary: "Export the activity log",
    description: "Every sealed entry in the order of the chain, one JSON object per line. Entries that wait to be sealed are sealed first.",
    problems: &[],
};

/// JSON lines, as they are read.
#[derive(Debug)]
pub(crate) struct Lines(Body);

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/x-ndjson");
        ([(header::CONTENT_TYPE, kind)], self.0).into_response()
    }
}

impl aide::OperationOutput for Lines {
    type Inner = String;
    fn inferred_responses(
        context: &mut aide::generate::GenContext,
        _: &mut aide::openapi::Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        let mut response = aide::openapi::Response {
            description: "One entry per line.".to_owned(),
            ..aide::openapi::Response::default()
        };
        let schema = aide::openapi::SchemaObject {
            json_schema: context.schema.subschema_for::<Entry>(),
            external_docs: None,
            example: None,
        };
        let media = aide::openapi::MediaType {
            schema: Some(schema),
            ..aide::openapi::MediaType::default()
        };
        response
            .content
            .insert("application/x-ndjson".to_owned(), media);
        vec![(Some(200), response)]
    }
}

pub(crate) async fn export(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
) -> Result<Lines, ApiError> {
    // The first batch before the answer begins: what fails there is still a problem document.
    let first = flow::export(&state.context, &permit, 0).await?;
    let rest = stream::try_unfold(Some((first, state, permit)), next_lines);
    Ok(Lines(Body::from_stream(rest)))
}

type Rest = Option<(Vec<Entry>, ApiState, Permit)>;

/// The lines of a batch, and the batch after it.
async fn next_lines(rest: Rest) -> Result<Option<(Bytes, Rest)>, std::io::Error> {
    let Some((batch, state, permit)) = rest else {
        return Ok(None);
    };
    let Some(last) = batch.last().and_then(|entry| entry.sequence) else {
        return Ok(None);
    };
    let mut out = BytesMut::with_capacity(batch.len() * 512).writer();
    for entry in &batch {
        serde_json::to_writer(&mut out, entry)?;
        out.get_mut().put_u8(b'\n');
    }
    let lines = out.into_inner().freeze();
    let next = flow::export(&state.context, &permit, last)
        .await
        .map_err(|error| {
            tracing::error!(%error, "an export of the activity log was cut");
            std::io::Error::other("cut")
        })?;
    Ok(Some((lines, Some((next, state, permit)))))
}

pub(crate) const VERIFY: Doc = Doc {
    id: "verify_activity",
    tag: TAG,
    summary: "Check the chain of the activity log",
    description: "Seals first, then checks every entry, every link and the head. Keep `head` elsewhere to prove later that no tail is missing.",
    problems: &[],
};

pub(crate) async fn verify(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
) -> Result<Reply<Verification>, ApiError> {
    Ok(Reply(flow::verify(&state.context, &permit).await?))
}
