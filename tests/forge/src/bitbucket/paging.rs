//! Pages: values in an envelope, with the whole address of the next page.
//!
//! Where the setting `opaque_pages` is on, the next page has a name instead of a number and nothing is counted, as
//! Bitbucket does for what is dear to count: a client that makes up addresses of its own finds nothing.

use serde_json::{Value, json};

use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::page::Page;

const MAX_PER_PAGE: usize = 100;
const OPAQUE: &str = "p.";

impl Call<'_> {
    fn opaque(&self) -> bool {
        self.state.settings.bitbucket.opaque_pages
    }

    /// The page that is asked for.
    pub(super) fn page(&self, total: usize) -> Result<Page, Answer> {
        let query = &self.asked.query;
        let per_page = match query.get("pagelen") {
            None => 10,
            Some(text) => text.parse().map_err(|_| errors::invalid("pagelen"))?,
        };
        if !(1..=MAX_PER_PAGE).contains(&per_page) {
            return Err(errors::invalid("pagelen"));
        }
        let number = match query.get("page") {
            None => 1,
            Some(text) => text
                .strip_prefix(OPAQUE)
                .map_or_else(|| text.parse(), |name| name.parse())
                .map_err(|_| errors::invalid("page"))?,
        };
        let page = Page {
            number,
            per_page,
            total,
        };
        match (1..=page.last()).contains(&number) {
            true => Ok(page),
            false => Err(errors::no_page()),
        }
    }

    /// The page in its envelope; `path` is below the API's root.
    pub(super) fn listed(&self, path: &str, page: Page, items: Vec<Value>) -> Answer {
        let link = |number: usize| {
            let name = match self.opaque() {
                true => format!("{OPAQUE}{number}"),
                false => number.to_string(),
            };
            let query = self.asked.query.with("page", name);
            let query = query.with("pagelen", page.per_page).encode();
            format!("{}{path}?{query}", self.asked.base.api)
        };
        let mut body = json!({ "values": items, "pagelen": page.per_page });
        if !self.opaque() {
            body["size"] = page.total.into();
            body["page"] = page.number.into();
            if let Some(previous) = page.previous() {
                body["previous"] = link(previous).into();
            }
        }
        if let Some(next) = page.next() {
            body["next"] = link(next).into();
        }
        answer::json(200, &body)
    }
}
