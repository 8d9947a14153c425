//! Lists, which Azure DevOps wraps as `{count, value}`.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::super::transport::{shorten, undecodable};
use super::super::{ProviderError, Undecodable};

/// The items of a list that could be read, and the others: one item that a new field of the
/// vendor's breaks must not hide the rest.
pub(super) struct Listed<T> {
    /// In their order.
    pub(super) read: Vec<T>,
    /// For operators.
    pub(super) unread: Vec<Undecodable>,
}

/// A body that should be a list.
pub(super) fn listed<T: DeserializeOwned>(
    answer: &Response<Bytes>,
) -> Result<Listed<T>, ProviderError> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        value: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct OnlyId {
        id: Option<String>,
    }
    let wrapped: Wrapped<'_> =
        serde_json::from_slice(answer.body()).map_err(|error| undecodable(answer, &error))?;
    let mut listed = Listed {
        read: Vec::new(),
        unread: Vec::new(),
    };
    for (place, item) in wrapped.value.into_iter().enumerate() {
        match serde_json::from_str(item.get()) {
            Ok(read) => listed.read.push(read),
            Err(error) => {
                let only = serde_json::from_str::<OnlyId>(item.get());
                let id = only
                    .ok()
                    .and_then(|only| only.id)
                    .map(|id| id.to_lowercase());
                let which = id
                    .as_ref()
                    .map_or(format!("item {place}"), |id| format!("id {id}"));
                let detail = shorten(&format!("{which}: {error}"));
                listed.unread.push(Undecodable { id, detail });
            }
        }
    }
    Ok(listed)
}

/// The token that leads to a list's next page.
pub(super) fn continuation(answer: &Response<Bytes>) -> Option<String> {
    let value = answer.headers().get("x-ms-continuationtoken")?;
    let token = value.to_str().ok()?.trim();
    (!token.is_empty()).then(|| token.to_owned())
}
