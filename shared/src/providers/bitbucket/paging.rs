//! Pages in Bitbucket's envelope, item by item.
//!
//! The next page is named by a whole address. Its origin has to be the API's own; then only its
//! query is kept and asked under the path that is ours to know, so that neither a host nor a stored
//! cursor can send a credential elsewhere. What is in the query is the vendor's: a number, a name.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use super::super::transport::{failure, object, told};
use super::super::{Access, ErrorClass, ProviderError, Undecodable};

/// Longest query that is kept; ours are a few hundred bytes.
const LONGEST_QUERY: usize = 4_096;

/// A page: each item, or why it could not be read. One repository that a vendor's new field breaks
/// must not hide the rest of its page.
pub(super) struct Paged<T> {
    /// In their order.
    pub(super) items: Vec<Result<T, Undecodable>>,
    /// Items in all, where the answer tells.
    pub(super) size: Option<i64>,
    /// The query of the next page.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    values: Vec<&'a RawValue>,
    size: Option<i64>,
    next: Option<String>,
}

/// A body that should be a page.
pub(super) fn read<T: DeserializeOwned>(
    access: &Access,
    answer: &Response<Bytes>,
) -> Result<Paged<T>, ProviderError> {
    #[derive(Deserialize)]
    struct OnlyId {
        uuid: Option<String>,
    }
    // What is no JSON at all is told apart from what has another shape.
    let raw: Box<RawValue> = object(answer)?;
    let envelope: Envelope<'_> = serde_json::from_str(raw.get()).map_err(|error| {
        let detail = format!("an answer that is no page: {error}");
        failure(ErrorClass::Unexpected, told(access, &detail))
    })?;
    let items = envelope.values.into_iter().enumerate();
    let items = items.map(|(place, item)| {
        serde_json::from_str(item.get()).map_err(|error| {
            let id = serde_json::from_str::<OnlyId>(item.get()).ok();
            let id = id.and_then(|only| only.uuid);
            let which = id
                .as_ref()
                .map_or(format!("item {place}"), |id| format!("id {id}"));
            Undecodable {
                id,
                detail: told(access, &format!("{which}: {error}")),
            }
        })
    });
    Ok(Paged {
        items: items.collect(),
        size: envelope.size,
        next: next_query(access, envelope.next.as_deref())?,
    })
}

/// An absent or empty link is the end.
fn next_query(access: &Access, next: Option<&str>) -> Result<Option<String>, ProviderError> {
    let Some(next) = next.filter(|next| !next.is_empty()) else {
        return Ok(None);
    };
    let api = &access.instance.api_url;
    let url = Url::parse(next).or_else(|_| api.join(next));
    let url = url.map_err(|_| failure(ErrorClass::Unexpected, "the next page has no address"))?;
    if url.origin() != api.origin() {
        return Err(failure(
            ErrorClass::Blocked,
            format!(
                "the next page is at another origin, {}, and is not asked",
                url.origin().ascii_serialization()
            ),
        ));
    }
    match url.query() {
        Some(query) if query.len() <= LONGEST_QUERY => Ok(Some(query.to_owned())),
        _ => Err(failure(
            ErrorClass::Unexpected,
            "the address of the next page does not name it",
        )),
    }
}

#[cfg(test)]
#[path = "paging_tests.rs"]
mod tests;
