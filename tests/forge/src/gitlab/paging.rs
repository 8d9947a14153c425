//! GitLab's two ways through a list: by page number, capped, and by keyset, which is not.

use serde_json::Value;

use super::{Call, errors};
use crate::answer::{self, Answer, set};
use crate::model::RepositoryId;
use crate::page::Page;
use crate::query::Query;

const MAX_PER_PAGE: usize = 100;

impl Call<'_> {
    fn number(&self, name: &str, default: usize) -> Result<usize, Answer> {
        match self.asked.query.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| errors::invalid(name)),
        }
    }

    fn per_page(&self) -> Result<usize, Answer> {
        match self.number("per_page", 20)? {
            0 => Err(errors::not_a_value("per_page")),
            count => Ok(count.min(MAX_PER_PAGE)),
        }
    }

    /// The page that is asked for. Lists that also go by keyset (`kind` names what is in them) refuse pages beyond the cap,
    /// counted as GitLab does: by the page's end.
    pub(super) fn page(&self, total: usize, kind: Option<&str>) -> Result<Page, Answer> {
        let number = self.number("page", 1)?.max(1);
        let per_page = self.per_page()?;
        let cap = self.state.settings.gitlab.offset_cap;
        if let Some(kind) = kind.filter(|_| number.saturating_mul(per_page) > cap) {
            return Err(errors::not_pageable(&format!(
                "Offset pagination has a maximum allowed offset of {cap} for requests that return objects of type {kind}. \
                 Remaining records can be retrieved using keyset pagination."
            )));
        }
        Ok(Page {
            number,
            per_page,
            total,
        })
    }

    /// A page with GitLab's headers; what a count would be needed for is left out of long lists.
    pub(super) fn listed(&self, path: &str, page: Page, items: Vec<Value>) -> Answer {
        let mut answer = answer::json(200, &Value::Array(items));
        let counted = page.total <= self.state.settings.gitlab.count_cap;
        let shown = |number: Option<usize>| number.map_or(String::new(), |n| n.to_string());
        let (previous, next) = (page.previous(), page.next());
        set(&mut answer, "x-page", page.number);
        set(&mut answer, "x-per-page", page.per_page);
        set(&mut answer, "x-next-page", shown(next));
        set(&mut answer, "x-prev-page", shown(previous));
        let mut links: Vec<String> = [(previous, "prev"), (next, "next"), (Some(1), "first")]
            .into_iter()
            .filter_map(|(number, relation)| Some(self.link(path, page, number?, relation)))
            .collect();
        if counted {
            set(&mut answer, "x-total", page.total);
            set(&mut answer, "x-total-pages", page.last());
            links.push(self.link(path, page, page.last(), "last"));
        }
        set(&mut answer, "link", links.join(", "));
        answer
    }

    fn link(&self, path: &str, page: Page, number: usize, relation: &str) -> String {
        let query = self.asked.query.with("page", number);
        let query = query.with("per_page", page.per_page).encode();
        format!(
            "<{}{path}?{query}>; rel=\"{relation}\"",
            self.asked.base.api
        )
    }

    /// The part of the ids, already in the wanted order, that a keyset page shows. Where it goes on is in the parameters
    /// (`id_after`, `id_before`), which the caller's filter has taken into account.
    pub(super) fn keyset<'b>(&self, ids: &'b [RepositoryId]) -> Result<&'b [RepositoryId], Answer> {
        let per_page = self.per_page()?;
        Ok(&ids[..per_page.min(ids.len())])
    }

    /// A keyset page. There is a next one unless this is empty: GitLab does not look ahead.
    pub(super) fn listed_by_keyset(
        &self,
        path: &str,
        last: Option<RepositoryId>,
        ascending: bool,
        items: Vec<Value>,
    ) -> Answer {
        let mut answer = answer::json(200, &Value::Array(items));
        if let Some(last) = last {
            let bound = if ascending { "id_after" } else { "id_before" };
            let query: Query = self.asked.query.with(bound, last);
            let url = format!("{}{path}?{}", self.asked.base.api, query.encode());
            set(&mut answer, "link", format!("<{url}>; rel=\"next\""));
        }
        answer
    }
}
