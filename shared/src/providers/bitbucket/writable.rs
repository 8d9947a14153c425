//! What a credential may write to.
//!
//! Source: `role=contributor` of `GET /repositories/{workspace}`, which lists what the user may
//! write to; the items themselves do not tell. It is asked for the span of time that a page
//! covers, so that a page costs one request more and not the whole list once more. Not asked: for
//! administrators, who may write everywhere, and for access tokens, which have no role.

use std::collections::HashSet;

use chrono::{DateTime, SecondsFormat, Utc};
use http::HeaderMap;
use serde::Deserialize;

use super::super::{Access, ErrorClass, ProviderError};
use super::client::{Client, encoded};
use super::{credential, identity, paging, path};
use crate::outbound::Requests;

/// Pages of one span at most: what a page of the list covers is a page of these, and ties at its
/// ends are few.
const MOST_PAGES: u32 = 10;

/// What may be written to of a page.
pub(super) enum Writable {
    /// All of it, or none.
    All(bool),
    /// These UUIDs.
    These(HashSet<String>),
    /// Not told.
    Unknown,
}

impl Writable {
    pub(super) fn holds(&self, uuid: &str) -> Option<bool> {
        match self {
            Self::All(all) => Some(*all),
            Self::These(uuids) => Some(uuids.contains(uuid)),
            Self::Unknown => None,
        }
    }
}

/// The span of a page in the order of one of its times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// `created_on` or `updated_on`.
    pub(super) field: &'static str,
    /// Earliest.
    pub(super) from: DateTime<Utc>,
    /// Latest.
    pub(super) to: DateTime<Utc>,
}

#[derive(Deserialize)]
struct OnlyId {
    uuid: String,
}

/// By the scopes of an access token, as an answer told them.
pub(super) fn by_scopes(headers: &HeaderMap) -> Writable {
    match identity::granted(headers) {
        Some(scopes) => Writable::All(scopes.iter().any(|scope| {
            matches!(
                scope.as_str(),
                "repository:write" | "repository:admin" | "pullrequest:write"
            )
        })),
        None => Writable::Unknown,
    }
}

/// By the user's role as a writer, and the requests that it took.
pub(super) async fn by_role(
    client: &Client,
    access: &Access,
    workspace: &str,
    span: Option<Span>,
) -> Result<(Writable, u32), ProviderError> {
    with_role(client, access, "contributor", workspace, span).await
}

/// Of a span, what the user has this role in.
pub(super) async fn with_role(
    client: &Client,
    access: &Access,
    role: &str,
    workspace: &str,
    span: Option<Span>,
) -> Result<(Writable, u32), ProviderError> {
    let Some(span) = span.filter(|_| !credential::is_nobodys(access)) else {
        return Ok((Writable::Unknown, 0));
    };
    let path = path::workspace(workspace)?;
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, false);
    let (field, from, to) = (span.field, time(span.from), time(span.to));
    let span = format!("{field} >= {from} AND {field} <= {to}");
    let mut query = encoded(&[
        ("role", role),
        ("q", &span),
        ("sort", field),
        ("pagelen", "100"),
    ]);
    let (mut uuids, mut requests) = (HashSet::new(), 0);
    for _ in 0..MOST_PAGES {
        let answer = match client.get(access, &path, &query).await {
            Ok(answer) => answer,
            // That this cannot be asked must not keep anybody from the list itself.
            Err(error) if error.class == ErrorClass::Unexpected => {
                tracing::warn!(detail = %error.detail, "who has a role is not told");
                return Ok((Writable::Unknown, requests + 1));
            }
            Err(error) => return Err(error),
        };
        requests += Requests::behind(&answer);
        let page = paging::read::<OnlyId>(access, &answer)?;
        uuids.extend(page.items.into_iter().flatten().map(|item| item.uuid));
        match page.next {
            Some(next) if next != query => query = next,
            _ => return Ok((Writable::These(uuids), requests)),
        }
    }
    Ok((Writable::Unknown, requests))
}
