//! What a list asks for: filters, and which page.
//!
//! `page` and `per_page` are for people; `after` is an opaque key that `Link` gives. It holds the
//! place (after a row, before a row, or an offset where the source knows no keys) and the page's
//! number. It is not signed: it can name a place in the caller's own list and nothing else.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::domain::page::{DEFAULT_PER_PAGE, MAX_OFFSET, MAX_PER_PAGE, PageRequest, Start};
use shared::flows::FieldError;

use super::parameters;
use crate::error::ApiError;
use crate::page::Here;
use crate::problem::Problem;
use crate::state::ApiState;

/// A list without filters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoFilters {}

/// What a list asks for. `DEFAULT` is its page size where the caller names none.
#[derive(Debug)]
pub(crate) struct Listing<F, K, const DEFAULT: u32 = DEFAULT_PER_PAGE> {
    /// The filters.
    pub filters: F,
    /// The page.
    pub page: PageRequest<K>,
    /// Where the list itself lies, for links.
    pub here: Here,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paging {
    /// The page, from 1. Reaches row 100,000.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Rows per page, 1–100.
    #[schemars(range(min = 1, max = 100))]
    per_page: Option<u32>,
    /// An opaque place, as a `Link` header gives it.
    after: Option<String>,
}

/// The content of `after`.
#[derive(Debug, Serialize, Deserialize)]
struct Place<K> {
    #[serde(rename = "p")]
    page: u32,
    #[serde(rename = "s")]
    start: PlaceStart<K>,
}

#[derive(Debug, Serialize, Deserialize)]
enum PlaceStart<K> {
    #[serde(rename = "a")]
    After(K),
    #[serde(rename = "b")]
    Before(K),
    #[serde(rename = "o")]
    Offset(u64),
}

/// The opaque text of a place.
pub(crate) fn place<K: Serialize>(page: u32, start: Start<K>) -> Option<String> {
    let start = match start {
        Start::After(key) => PlaceStart::After(key),
        Start::Before(key) => PlaceStart::Before(key),
        Start::Offset(offset) => PlaceStart::Offset(offset),
    };
    let json = serde_json::to_vec(&Place { page, start }).ok()?;
    Some(URL_SAFE_NO_PAD.encode(json))
}

impl<F: JsonSchema, K, const D: u32> OperationInput for Listing<F, K, D> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        parameters::document::<F>(context, operation);
        parameters::document::<Paging>(context, operation);
    }
}

impl<F, K, const D: u32> FromRequestParts<ApiState> for Listing<F, K, D>
where
    F: DeserializeOwned,
    K: DeserializeOwned,
{
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let (paging, filters) = split(query);
        let page = request::<K>(&parameters::parse(&paging)?, D)?;
        Ok(Self {
            filters: parameters::parse(&filters)?,
            page,
            here: Here {
                url: format!("{}{}", state.settings.public_url, parts.uri.path()),
                filters,
            },
        })
    }
}

/// The pairs about the page, and the others as they were written.
fn split(query: &str) -> (String, String) {
    let (mut paging, mut filters) = (String::new(), String::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        let side = if matches!(name, "page" | "per_page" | "after") {
            &mut paging
        } else {
            &mut filters
        };
        if !side.is_empty() {
            side.push('&');
        }
        side.push_str(pair);
    }
    (paging, filters)
}

fn request<K: DeserializeOwned>(paging: &Paging, default: u32) -> Result<PageRequest<K>, Problem> {
    let per_page = paging.per_page.unwrap_or(default);
    let mut faults = Vec::new();
    if per_page == 0 {
        faults.push(FieldError::new(
            "per_page",
            "too_small",
            "Ask for at least 1 row per page.",
        ));
    }
    if per_page > MAX_PER_PAGE {
        faults.push(FieldError::new(
            "per_page",
            "too_large",
            format!("Ask for at most {MAX_PER_PAGE} rows per page."),
        ));
    }
    if paging.page == Some(0) {
        faults.push(FieldError::new("page", "too_small", "Pages count from 1."));
    }
    let place = match &paging.after {
        None => None,
        Some(text) => match read_place::<K>(text) {
            Some(place) => Some(place),
            None => {
                faults.push(FieldError::new(
                    "after",
                    "invalid_cursor",
                    "Take `after` from a Link header as it stands there, or leave it out.",
                ));
                None
            }
        },
    };
    let page = paging
        .page
        .or_else(|| place.as_ref().map(|place| place.page))
        .unwrap_or(1);
    let start = match place.map(|place| place.start) {
        Some(PlaceStart::After(key)) => Start::After(key),
        Some(PlaceStart::Before(key)) => Start::Before(key),
        Some(PlaceStart::Offset(offset)) => Start::Offset(offset),
        None => Start::Offset(u64::from(page.saturating_sub(1)) * u64::from(per_page)),
    };
    if matches!(start, Start::Offset(offset) if offset >= MAX_OFFSET) {
        faults.push(FieldError::new(
            "page",
            "page_too_deep",
            format!(
                "Page numbers reach row {MAX_OFFSET}; go on by the next links, or narrow the list."
            ),
        ));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    Ok(PageRequest {
        page,
        per_page,
        start,
    })
}

fn read_place<K: DeserializeOwned>(text: &str) -> Option<Place<K>> {
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    // No key holds a NUL character, and Postgres takes none.
    if super::null::is_in(&json) {
        return None;
    }
    serde_json::from_slice::<Place<K>>(&json)
        .ok()
        .filter(|place| place.page > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Filters {
        #[serde(rename = "active_only", default)]
        active: bool,
    }

    fn read(query: &str) -> Result<(Filters, PageRequest<u32>), Problem> {
        let (paging, filters) = split(query);
        let page = request(&parameters::parse(&paging)?, 30)?;
        Ok((parameters::parse(&filters)?, page))
    }

    #[test]
    fn pages_count_from_one_and_end() {
        let (_, page) = read("").unwrap();
        assert_eq!(
            (page.page, page.per_page, page.start),
            (1, 30, Start::Offset(0))
        );
        let (filters, page) = read("active_only=true&page=3&per_page=50").unwrap();
        assert!(filters.active);
        assert_eq!((page.page, page.start), (3, Start::Offset(100)));
        assert!(read("page=1000&per_page=100").is_ok());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (query, field, code) in [
            ("per_page=101", "per_page", "too_large"),
            ("per_page=0", "per_page", "too_small"),
            ("page=0", "page", "too_small"),
            ("page=1001&per_page=100", "page", "page_too_deep"),
            ("page=4294967295&per_page=100", "page", "page_too_deep"),
            ("page=-1", "page", "invalid_value"),
            ("page=two", "page", "invalid_value"),
            ("page=", "page", "invalid_value"),
            ("page=1&page=2", "page", "duplicate_field"),
            ("active_only=yes", "active_only", "invalid_value"),
            ("activ=true", "activ", "unknown_parameter"),
            ("after=!!", "after", "invalid_cursor"),
            ("after=e30", "after", "invalid_cursor"),
        ] {
            let problem = read(query).unwrap_err();
            assert_eq!(problem.status.as_u16(), 422, "{query}");
            assert_eq!(problem.code, code, "{query}");
            assert_eq!(problem.errors[0].field, field, "{query}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_given() {
        for start in [Start::After(7), Start::Before(9), Start::Offset(60)] {
            let after = place(3, start.clone()).unwrap();
            let (_, page) = read(&format!("per_page=30&after={after}")).unwrap();
            assert_eq!((page.page, page.start), (3, start));
        }
        let deep = place::<u32>(9, Start::Offset(MAX_OFFSET)).unwrap();
        assert_eq!(
            read(&format!("after={deep}")).unwrap_err().code,
            "page_too_deep"
        );
        let wrong = place(1, Start::After("text")).unwrap();
        assert_eq!(
            read(&format!("after={wrong}")).unwrap_err().code,
            "invalid_cursor"
        );
    }
}
