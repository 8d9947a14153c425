//! Pages as GitHub links them: `prev`, `next`, `last`, `first`, with numeric ids in the path.

use serde_json::Value;

use super::Call;
use crate::answer::{self, Answer, set};
use crate::page::Page;

impl Call<'_> {
    /// The page that is asked for; what is no number is the default, and more than the
    /// settings' cap is the cap.
    pub(super) fn page(&self, total: usize) -> Page {
        let number = |name: &str| -> Option<usize> {
            let value = self.asked.query.get(name)?.parse().ok()?;
            (value > 0).then_some(value)
        };
        let cap = self.state.settings.github.per_page_cap;
        Page {
            number: number("page").unwrap_or(1),
            per_page: number("per_page").unwrap_or(30).min(cap),
            total,
        }
    }

    /// A list's answer with the links around it. `path` is the list's own address below the API's root.
    pub(super) fn listed(&self, path: &str, page: Page, items: Vec<Value>) -> Answer {
        let mut answer = answer::json(200, &Value::Array(items));
        let link = |number: usize, relation: &str| {
            let query = self.asked.query.with("page", number).encode();
            format!(
                "<{}{path}?{query}>; rel=\"{relation}\"",
                self.asked.base.api
            )
        };
        let mut links = Vec::new();
        links.extend(page.previous().map(|number| link(number, "prev")));
        if let Some(next) = page.next() {
            links.push(link(next, "next"));
            links.push(link(page.last(), "last"));
        }
        if page.number > 1 {
            links.push(link(1, "first"));
        }
        if !links.is_empty() {
            set(&mut answer, "link", links.join(", "));
        }
        answer
    }
}
