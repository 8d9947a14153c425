//! A page of a list as it is sent: the rows under their plural, and links to its neighbours.

use std::borrow::Cow;
use std::fmt::Write as _;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Documented};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use shared::domain::page::{MAX_OFFSET, Page, PageRequest, Start};

use crate::extract::place;
use crate::reply::json_response;

/// What rows of this kind are called together.
pub(crate) trait Plural {
    const PLURAL: &'static str;
}

/// Where a list lies.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    /// Its absolute URL without a query.
    pub url: String,
    /// Its filters as they were written.
    pub filters: String,
}

/// A page, ready to be sent.
#[derive(Debug)]
pub(crate) struct ListReply<T> {
    rows: Rows<T>,
    link: Option<HeaderValue>,
}

#[derive(Debug)]
struct Rows<T> {
    items: Vec<T>,
    page: u32,
    per_page: u32,
    total: Option<i64>,
}

impl<T> ListReply<T> {
    /// A page of a list that goes by keys; `key` gives the key of a row, and `show` what is sent.
    pub(crate) fn new<R, K: Serialize>(
        here: &Here,
        request: &PageRequest<K>,
        page: Page<R>,
        key: impl Fn(&R) -> K,
        show: impl FnMut(R) -> T,
    ) -> Self {
        let links = Links {
            here,
            page: request.page,
            per_page: request.per_page,
            total: page.total,
            next: page
                .items
                .last()
                .filter(|_| page.has_next)
                .map(|row| Start::After(key(row))),
            prev: page
                .items
                .first()
                .filter(|_| page.has_prev)
                .map(|row| Start::Before(key(row))),
        };
        let link = links.header();
        Self {
            link,
            rows: Rows {
                page: request.page,
                per_page: request.per_page,
                total: page.total,
                items: page.items.into_iter().map(show).collect(),
            },
        }
    }
}

/// The links of one page.
pub(crate) struct Links<'a, K> {
    pub here: &'a Here,
    pub page: u32,
    pub per_page: u32,
    pub total: Option<i64>,
    pub next: Option<Start<K>>,
    pub prev: Option<Start<K>>,
}

impl<K: Serialize> Links<'_, K> {
    /// The `Link` header (RFC 8288).
    pub(crate) fn header(self) -> Option<HeaderValue> {
        let (here, per_page) = (self.here, self.per_page);
        let mut out = String::with_capacity(512);
        if let Some(start) = self.next {
            let page = self.page.saturating_add(1);
            link(&mut out, here, page, per_page, place(page, start), "next");
        }
        if let Some(start) = self.prev {
            let page = self.page.saturating_sub(1).max(1);
            link(&mut out, here, page, per_page, place(page, start), "prev");
        }
        link(&mut out, here, 1, per_page, None, "first");
        if let Some(last) = self.total.and_then(|total| last_page(total, per_page)) {
            link(&mut out, here, last, per_page, None, "last");
        }
        HeaderValue::from_maybe_shared(bytes::Bytes::from(out)).ok()
    }
}

fn last_page(total: i64, per_page: u32) -> Option<u32> {
    let total = u64::try_from(total).ok()?;
    let per_page = u64::from(per_page);
    let last = total.div_ceil(per_page).max(1);
    ((last - 1) * per_page < MAX_OFFSET).then(|| u32::try_from(last).ok())?
}

fn link(
    out: &mut String,
    here: &Here,
    page: u32,
    per_page: u32,
    after: Option<String>,
    relation: &str,
) {
    if !out.is_empty() {
        out.push_str(", ");
    }
    let _ = write!(out, "<{}?", here.url);
    if !here.filters.is_empty() {
        let _ = write!(out, "{}&", here.filters);
    }
    let _ = write!(out, "page={page}&per_page={per_page}");
    if let Some(after) = after {
        let _ = write!(out, "&after={after}");
    }
    let _ = write!(out, ">; rel=\"{relation}\"");
}

/// An answer with a `Link` header.
pub(crate) fn with_link(mut response: Response, link: Option<HeaderValue>) -> Response {
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

impl<T: Serialize + Plural> Serialize for Rows<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry(T::PLURAL, &self.items)?;
        map.serialize_entry("page", &self.page)?;
        map.serialize_entry("per_page", &self.per_page)?;
        map.serialize_entry("total", &self.total)?;
        map.end()
    }
}

impl<T: JsonSchema + Plural> JsonSchema for Rows<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}List", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "description": "A page of a list.",
            "properties": {
                (T::PLURAL): { "type": "array", "items": item },
                "page": { "type": "integer", "minimum": 1 },
                "per_page": { "type": "integer", "minimum": 1, "maximum": 100 },
                "total": {
                    "type": ["integer", "null"],
                    "description": "Rows in all; `null` where it is not known.",
                },
            },
            "required": [T::PLURAL, "page", "per_page", "total"],
        })
    }
}

impl<T: Serialize + Plural> IntoResponse for ListReply<T> {
    fn into_response(self) -> Response {
        with_link(json_response(StatusCode::OK, &self.rows), self.link)
    }
}

impl<T: JsonSchema + Plural> OperationOutput for ListReply<T> {
    type Inner = T;
    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, Documented)> {
        crate::reply::Reply::<Rows<T>>::inferred_responses(context, operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(page: u32, total: Option<i64>, next: bool, prev: bool) -> String {
        let here = Here {
            url: "https://mooring.example/api/v1/organizations".to_owned(),
            filters: "active_only=true".to_owned(),
        };
        let links = Links {
            here: &here,
            page,
            per_page: 30,
            total,
            next: next.then_some(Start::After(1_u32)),
            prev: prev.then_some(Start::Before(2_u32)),
        };
        links.header().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn neighbours_keep_the_filters_and_the_place() {
        let header = links(2, Some(95), true, true);
        let parts: Vec<&str> = header.split(", ").collect();
        assert_eq!(parts.len(), 4);
        let base = "<https://mooring.example/api/v1/organizations?active_only=true&page=";
        for (part, page, relation, has_place) in [
            (parts[0], 3, "next", true),
            (parts[1], 1, "prev", true),
            (parts[2], 1, "first", false),
            (parts[3], 4, "last", false),
        ] {
            assert!(
                part.starts_with(&format!("{base}{page}&per_page=30")),
                "{part}"
            );
            assert!(part.ends_with(&format!(">; rel=\"{relation}\"")), "{part}");
            assert_eq!(part.contains("&after="), has_place, "{part}");
        }
    }

    #[test]
    fn what_is_not_known_or_not_reached_has_no_last() {
        assert!(!links(1, None, false, false).contains("last"));
        assert!(!links(1, Some(200_000), true, false).contains("rel=\"last\""));
        assert!(links(1, Some(0), false, false).contains("page=1&per_page=30>; rel=\"last\""));
    }
}
