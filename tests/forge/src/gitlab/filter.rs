//! What the parameters of a project list leave, and in which order.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::{Call, errors};
use crate::answer::Answer;
use crate::model::{OwnerId, Repository, RepositoryId, Visibility};

/// The parameters of `GET /projects` and `GET /groups/:id/projects`.
pub(super) struct Filter {
    membership: bool,
    owned: bool,
    min_access_level: u8,
    archived: Option<bool>,
    visibility: Option<Visibility>,
    search: Option<String>,
    search_namespaces: bool,
    id_after: u64,
    id_before: u64,
    active_after: Option<DateTime<Utc>>,
    active_before: Option<DateTime<Utc>>,
    pub(super) order: Order,
    pub(super) ascending: bool,
}

/// `order_by`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Id,
    Name,
    Path,
    CreatedAt,
    UpdatedAt,
    LastActivityAt,
    StarCount,
}

impl Filter {
    pub(super) fn read(call: &Call<'_>) -> Result<Self, Answer> {
        let query = &call.asked.query;
        let flag = |name: &str| match query.get(name) {
            None => Ok(None),
            Some("" | "true" | "1" | "false" | "0") => Ok(query.flag(name)),
            Some(_) => Err(errors::invalid(name)),
        };
        let number = |name: &str, default: u64| match query.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| errors::invalid(name)),
        };
        let time = |name: &str| match query.get(name) {
            None => Ok(None),
            Some(text) => DateTime::parse_from_rfc3339(text)
                .map(|at| Some(at.to_utc()))
                .map_err(|_| errors::invalid(name)),
        };
        let level = number("min_access_level", 0)?;
        if query.has("min_access_level") && ![5, 10, 15, 20, 30, 40, 50].contains(&level) {
            return Err(errors::not_a_value("min_access_level"));
        }
        let level = u8::try_from(level).unwrap_or_default();
        Ok(Self {
            membership: flag("membership")?.unwrap_or(false) || level > 0,
            owned: flag("owned")?.unwrap_or(false),
            min_access_level: level,
            archived: flag("archived")?,
            visibility: match query.get("visibility") {
                None => None,
                Some("public") => Some(Visibility::Public),
                Some("internal") => Some(Visibility::Internal),
                Some("private") => Some(Visibility::Private),
                Some(_) => return Err(errors::not_a_value("visibility")),
            },
            search: query.get("search").map(str::to_lowercase),
            search_namespaces: flag("search_namespaces")?.unwrap_or(false),
            id_after: number("id_after", 0)?,
            id_before: number("id_before", u64::MAX)?,
            active_after: time("last_activity_after")?,
            active_before: time("last_activity_before")?,
            order: match query.get("order_by").unwrap_or("created_at") {
                "id" => Order::Id,
                "name" => Order::Name,
                "path" => Order::Path,
                "created_at" => Order::CreatedAt,
                "updated_at" => Order::UpdatedAt,
                "last_activity_at" => Order::LastActivityAt,
                "star_count" => Order::StarCount,
                _ => return Err(errors::not_a_value("order_by")),
            },
            ascending: match query.get("sort").unwrap_or("desc") {
                "asc" => true,
                "desc" => false,
                _ => return Err(errors::not_a_value("sort")),
            },
        })
    }

    /// Of these repositories the ones that are wanted and seen, in order.
    pub(super) fn apply<'a>(
        &self,
        call: &Call<'_>,
        rows: impl Iterator<Item = &'a Repository>,
    ) -> Vec<RepositoryId> {
        let user = call.viewer.user();
        let mut rows: Vec<&Repository> = rows
            .filter(|row| self.takes(row) && self.is_near(call, user, row) && call.sees(row))
            .filter(|row| self.matches(call, row))
            .collect();
        match self.order {
            Order::Id => rows.sort_by_key(|row| row.id),
            Order::Name | Order::Path => rows.sort_by_cached_key(|r| (r.name.to_lowercase(), r.id)),
            Order::CreatedAt => rows.sort_by_key(|row| (row.created_at, row.id)),
            Order::UpdatedAt => rows.sort_by_key(|row| (row.updated_at, row.id)),
            Order::LastActivityAt => rows.sort_by_key(|row| (row.pushed_at, row.id)),
            Order::StarCount => rows.sort_by_key(|row| (row.stars, Reverse(row.id))),
        }
        if !self.ascending {
            rows.reverse();
        }
        rows.into_iter().map(|row| row.id).collect()
    }

    /// Whether only repositories of the caller's own circle can be wanted.
    pub(super) fn is_of_members(&self) -> bool {
        self.membership || self.owned
    }

    fn takes(&self, row: &Repository) -> bool {
        row.id > self.id_after
            && row.id < self.id_before
            && self
                .archived
                .is_none_or(|archived| row.archived == archived)
            && self
                .visibility
                .is_none_or(|wanted| row.visibility == wanted)
            && self.active_after.is_none_or(|after| row.pushed_at > after)
            && self
                .active_before
                .is_none_or(|before| row.pushed_at < before)
    }

    fn is_near(&self, call: &Call<'_>, user: Option<OwnerId>, row: &Repository) -> bool {
        if !self.is_of_members() {
            return true;
        }
        let access = user.and_then(|user| call.state.access(user, row));
        let level = access.map_or(0, |access| access.gitlab_level());
        level > 0 && level >= self.min_access_level && (!self.owned || level == 50)
    }

    fn matches(&self, call: &Call<'_>, row: &Repository) -> bool {
        let Some(term) = &self.search else {
            return true;
        };
        let description = row.description.as_deref().unwrap_or_default();
        row.name.to_lowercase().contains(term)
            || description.to_lowercase().contains(term)
            || (self.search_namespaces
                && call
                    .state
                    .full_path(row.owner)
                    .to_lowercase()
                    .contains(term))
    }
}
