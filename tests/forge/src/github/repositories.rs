//! Repository lists and single repositories.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::organizations::mark_partial;
use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::model::{OwnerId, Repository, RepositoryId, Sight, Visibility};

/// What `GET /user/repos` is asked to show.
struct Wanted {
    owner: bool,
    collaborator: bool,
    organization_member: bool,
    public: bool,
    private: bool,
    sort: Sort,
    descending: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Created,
    Updated,
    Pushed,
    FullName,
}

pub(super) fn of_user(call: &Call<'_>) -> Answer {
    let Some(user) = call.viewer.user() else {
        return errors::requires_authentication();
    };
    let wanted = match Wanted::read(call) {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal,
    };
    let ids = call.view("user/repos", || {
        let rows = call.state.repositories_of(user).into_iter();
        let rows = rows
            .filter_map(|id| call.state.repository(id))
            .filter(|repository| wanted.takes(call, user, repository))
            .filter(|repository| call.viewer.sight(repository) == Sight::Full);
        wanted.sort.order(call, rows.collect(), wanted.descending)
    });
    let mut answer = list(call, "/user/repos", &ids);
    mark_partial(call, &mut answer);
    answer
}

pub(super) fn of_organization(call: &Call<'_>, login: &str) -> Answer {
    let organization = call.state.owner_named(login);
    let Some(owner) = organization.filter(|owner| owner.organization().is_some()) else {
        return errors::not_found();
    };
    if call.viewer.is_blocked_from(owner.id) {
        return errors::behind_sso(call, owner.id);
    }
    let (sort, descending) = match sorting(call, Sort::Created) {
        Ok(sorting) => sorting,
        Err(refusal) => return refusal,
    };
    let ids = call.view(&format!("orgs/{}/repos", owner.id), || {
        let rows = owner.repositories.iter();
        let rows = rows
            .filter_map(|id| call.state.repository(*id))
            .filter(|repository| call.viewer.sight(repository) == Sight::Full);
        sort.order(call, rows.collect(), descending)
    });
    list(call, &format!("/organizations/{}/repos", owner.id), &ids)
}

pub(super) fn show(call: &Call<'_>, repository: &Repository) -> Answer {
    let mut fields = call.repository_item(repository);
    let owner = call.state.owner(repository.owner);
    if let Some(owner) = owner.filter(|owner| owner.organization().is_some()) {
        let organization = Value::Object(call.simple_user(owner));
        fields.insert("organization".to_owned(), organization);
    }
    fields.insert("network_count".to_owned(), json!(0));
    fields.insert("subscribers_count".to_owned(), json!(1));
    answer::json(200, &Value::Object(fields))
}

fn list(call: &Call<'_>, path: &str, ids: &[RepositoryId]) -> Answer {
    let page = call.page(ids.len());
    let items = page
        .slice(ids)
        .iter()
        .filter_map(|id| call.state.repository(*id))
        .map(|repository| Value::Object(call.repository_item(repository)))
        .collect();
    call.listed(path, page, items)
}

impl Call<'_> {
    /// A listing for this token and these parameters, sorted once per edit of the forge.
    fn view(
        &self,
        name: &str,
        make: impl FnOnce() -> Vec<RepositoryId>,
    ) -> std::sync::Arc<[RepositoryId]> {
        let token = self.viewer.token.map_or(0, |token| token.id);
        let query = self.asked.query.without(&["page", "per_page"]).encode();
        let key = format!("github {token} {name}?{query}");
        let views = &self.forge.inner.views;
        views.get(key, self.state.version, make)
    }
}

impl Wanted {
    fn read(call: &Call<'_>) -> Result<Self, Answer> {
        let query = &call.asked.query;
        let (sort, descending) = sorting(call, Sort::FullName)?;
        let mut wanted = Self {
            owner: true,
            collaborator: true,
            organization_member: true,
            public: true,
            private: true,
            sort,
            descending,
        };
        if let Some(kind) = query.get("type") {
            if query.has("visibility") || query.has("affiliation") {
                return Err(errors::conflicting(
                    "If you specify visibility or affiliation, you cannot specify type.",
                ));
            }
            match kind {
                "all" => {}
                "owner" => (wanted.collaborator, wanted.organization_member) = (false, false),
                "member" => wanted.owner = false,
                "public" => wanted.private = false,
                "private" => wanted.public = false,
                other => return Err(errors::invalid("type", other)),
            }
        }
        match query.get("visibility").unwrap_or("all") {
            "all" => {}
            "public" => wanted.private = false,
            "private" => wanted.public = false,
            other => return Err(errors::invalid("visibility", other)),
        }
        if let Some(affiliation) = query.get("affiliation") {
            let named: Vec<&str> = affiliation.split(',').map(str::trim).collect();
            wanted.owner = named.contains(&"owner");
            wanted.collaborator = named.contains(&"collaborator");
            wanted.organization_member = named.contains(&"organization_member");
        }
        Ok(wanted)
    }

    fn takes(&self, call: &Call<'_>, user: OwnerId, repository: &Repository) -> bool {
        let public = repository.visibility == Visibility::Public;
        let affiliated = (self.owner && repository.owner == user)
            || (self.collaborator && repository.collaborators.contains_key(&user))
            || (self.organization_member
                && call.state.group_access(user, repository.owner).is_some());
        affiliated && (if public { self.public } else { self.private })
    }
}

/// `sort` and `direction`: names run upward, times downward, unless asked otherwise.
fn sorting(call: &Call<'_>, default: Sort) -> Result<(Sort, bool), Answer> {
    let query = &call.asked.query;
    let sort = match query.get("sort") {
        None => default,
        Some("created") => Sort::Created,
        Some("updated") => Sort::Updated,
        Some("pushed") => Sort::Pushed,
        Some("full_name") => Sort::FullName,
        Some(other) => return Err(errors::invalid("sort", other)),
    };
    let descending = match query.get("direction") {
        None => sort != Sort::FullName,
        Some("asc") => false,
        Some("desc") => true,
        Some(other) => return Err(errors::invalid("direction", other)),
    };
    Ok((sort, descending))
}

impl Sort {
    fn order(
        self,
        call: &Call<'_>,
        mut rows: Vec<&Repository>,
        descending: bool,
    ) -> Vec<RepositoryId> {
        let login = |id: OwnerId| call.state.owner(id).map(|owner| owner.login.to_lowercase());
        match self {
            Sort::FullName => {
                rows.sort_by_cached_key(|r| (login(r.owner), r.name.to_lowercase(), r.id));
            }
            Sort::Created => rows.sort_by_key(|r| (r.created_at, Reverse(r.id))),
            Sort::Updated => rows.sort_by_key(|r| (r.updated_at, Reverse(r.id))),
            Sort::Pushed => rows.sort_by_key(|r| (r.pushed_at, Reverse(r.id))),
        }
        if descending {
            rows.reverse();
        }
        rows.into_iter().map(|repository| repository.id).collect()
    }
}
