//! Repositories of Bitbucket: what is told of one, and the two ways through them.
//!
//! Source: Bitbucket REST documentation, "Repositories" and "Filter and sort API objects". There is
//! no flag for an archived one, and a push shows as `updated_on`, as a change of settings does.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::transport::{failure, object};
use super::super::{
    Access, Cursor, ErrorClass, ListQuery, ProviderError, RepositoryPage, Undecodable,
};
use super::client::{Client, quoted};
use super::writable::{self, Span, Writable};
use super::{credential, live, path, walk};
use crate::domain::repository::RemoteRepository;
use crate::outbound::Requests;

/// What Bitbucket tells of a repository, as far as we read it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Item {
    pub(super) uuid: String,
    full_name: String,
    slug: Option<String>,
    description: Option<String>,
    is_private: Option<bool>,
    mainbranch: Option<Main>,
    language: Option<String>,
    parent: Option<Parent>,
    size: Option<i64>,
    pub(super) created_on: Option<DateTime<Utc>>,
    pub(super) updated_on: Option<DateTime<Utc>>,
    #[serde(default)]
    links: Links,
}

#[derive(Clone, Debug, Deserialize)]
struct Main {
    name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Parent {}

#[derive(Clone, Debug, Default, Deserialize)]
struct Links {
    html: Option<Link>,
    #[serde(default)]
    clone: Vec<Link>,
}

#[derive(Clone, Debug, Deserialize)]
struct Link {
    href: Option<String>,
    name: Option<String>,
}

impl Item {
    fn clone_link(&self, name: &str) -> Option<&str> {
        let link = self.links.clone.iter();
        let mut link = link.filter(|link| link.name.as_deref() == Some(name));
        link.next()?.href.as_deref()
    }

    pub(super) fn default_branch(&self) -> Option<&str> {
        let name = self.mainbranch.as_ref()?.name.as_deref();
        name.filter(|name| !name.is_empty())
    }

    pub(super) fn into_remote(self, access: &Access, writable: &Writable) -> RemoteRepository {
        let page = access.instance.web(&format!("/{}", self.full_name));
        let last = self.full_name.rsplit('/').next().unwrap_or_default();
        let https = self.clone_link("https").and_then(without_user);
        let url = self.links.html.as_ref().and_then(|link| link.href.clone());
        RemoteRepository {
            name: self.slug.clone().unwrap_or_else(|| last.to_owned()),
            clone_url: https.unwrap_or_else(|| format!("{page}.git")),
            ssh_url: self.clone_link("ssh").map(str::to_owned),
            url: url.unwrap_or(page),
            // Not told: hidden from whom we do not know, so it counts as private.
            private: self.is_private.unwrap_or(true),
            default_branch: self.default_branch().map(str::to_owned),
            has_write_access: writable.holds(&self.uuid),
            description: self.description.filter(|text| !text.is_empty()),
            language: self.language.filter(|language| !language.is_empty()),
            archived: false,
            fork: self.parent.is_some(),
            size_kb: self.size.map(|bytes| bytes / 1024),
            pushed_at: self.updated_on,
            full_name: self.full_name,
            provider_repository_id: self.uuid,
        }
    }
}

/// The link for cloning carries the name of who asked; nobody else clones as that person.
fn without_user(link: &str) -> Option<String> {
    let mut url = Url::parse(link).ok()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url.into())
}

/// Where a listing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Position {
    /// A walk through all workspaces in the order of their ids.
    Walk(walk::Stand),
    /// A page that somebody looks at.
    Live {
        /// From 1.
        page: u32,
    },
}

impl Position {
    pub(super) fn cursor(&self) -> Cursor {
        // Maps of texts, flags and numbers; there is nothing in it that JSON could not say.
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    cursor: Option<&Cursor>,
) -> Result<RepositoryPage, ProviderError> {
    let position = cursor.map(|cursor| {
        serde_json::from_value::<Position>(cursor.0.clone()).map_err(|_| {
            failure(
                ErrorClass::Unexpected,
                "the cursor is not one of Bitbucket's",
            )
        })
    });
    if let Some(full_name) = credential::named_place(access).filter(|place| place.contains('/')) {
        return alone(client, access, query, full_name).await;
    }
    match (position.transpose()?, query.page) {
        (Some(Position::Walk(stand)), _) => walk::page(client, access, query, stand).await,
        (Some(Position::Live { page }), _) => live::page(client, access, query, page).await,
        (None, Some(page)) => live::page(client, access, query, page.max(1)).await,
        (None, None) => walk::start(client, access, query).await,
    }
}

/// The listing of a token that is for one repository.
async fn alone(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    full_name: &str,
) -> Result<RepositoryPage, ProviderError> {
    let answer = client
        .get(access, &path::repository(full_name)?, "")
        .await?;
    let item: Item = object(&answer)?;
    let found = item.into_remote(access, &writable::by_scopes(answer.headers()));
    let term = query.search.as_deref().unwrap_or_default().trim();
    let wanted = found.name.to_lowercase().contains(&term.to_lowercase())
        && query.page.is_none_or(|page| page <= 1);
    Ok(RepositoryPage {
        repositories: wanted.then_some(found).into_iter().collect(),
        total: Some(i64::from(wanted)),
        requests: Requests::behind(&answer),
        ..RepositoryPage::default()
    })
}

/// The condition that a search is.
pub(super) fn search(query: &ListQuery) -> Option<String> {
    let text = query.search.as_deref().map(str::trim)?;
    (!text.is_empty()).then(|| format!("name ~ {}", quoted(text)))
}

/// Items as they are told on: what could be read, and what could not.
pub(super) fn told_on(
    access: &Access,
    items: Vec<Result<Item, Undecodable>>,
    writable: &Writable,
) -> (Vec<RemoteRepository>, Vec<Undecodable>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => read.push(item.into_remote(access, writable)),
            Err(why) => unread.push(why),
        }
    }
    (read, unread)
}

/// The time that these items cover.
pub(super) fn span(
    items: &[Result<Item, Undecodable>],
    field: &'static str,
    time: impl Fn(&Item) -> Option<DateTime<Utc>>,
) -> Option<Span> {
    let times = || items.iter().flatten().filter_map(&time);
    Some(Span {
        field,
        from: times().min()?,
        to: times().max()?,
    })
}

/// One repository by its full name. A name that was given up leads nowhere.
pub(super) async fn one(
    client: &Client,
    access: &Access,
    full_name: &str,
) -> Result<RemoteRepository, ProviderError> {
    let answer = client
        .get(access, &path::repository(full_name)?, "")
        .await?;
    let item: Item = object(&answer)?;
    let writable = if credential::is_nobodys(access) {
        writable::by_scopes(answer.headers())
    } else {
        let workspace = full_name.split('/').next().unwrap_or_default();
        let at = item.created_on.map(|at| Span {
            field: "created_on",
            from: at,
            to: at,
        });
        writable::by_role(client, access, workspace, at).await?.0
    };
    Ok(item.into_remote(access, &writable))
}

/// One repository that was seen before, by its UUID: a rename or a move does not hide it. A public
/// one answers everybody, so whether a listing would show it is asked too.
pub(super) async fn known(
    client: &Client,
    access: &Access,
    uuid: &str,
) -> Result<RemoteRepository, ProviderError> {
    let answer = client.get(access, &path::by_uuid(uuid)?, "").await?;
    let item: Item = object(&answer)?;
    if item.is_private == Some(false) {
        let workspace = item.full_name.split('/').next().unwrap_or_default();
        let at = item.created_on.map(|at| Span {
            field: "created_on",
            from: at,
            to: at,
        });
        let member = writable::with_role(client, access, "member", workspace, at).await?;
        if member.0.holds(&item.uuid) == Some(false) {
            let detail = "the repository is public, and no longer one of the credential's own";
            return Err(failure(ErrorClass::NotFound, detail));
        }
    }
    Ok(item.into_remote(access, &Writable::Unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_for_cloning_names_nobody() {
        for (link, expected) in [
            (
                "https://ada@bitbucket.org/acme/site.git",
                Some("https://bitbucket.org/acme/site.git"),
            ),
            (
                "https://ada:pw@bitbucket.org/acme/site.git",
                Some("https://bitbucket.org/acme/site.git"),
            ),
            ("not a link", None),
        ] {
            assert_eq!(without_user(link).as_deref(), expected);
        }
    }
}
