//! The repositories that a credential sees, page by page.
//!
//! Source: Microsoft, "Projects – List" 7.1, whose token counts the projects that were told, and
//! "Repositories – List", which has no pages at all.
//!
//! A walk goes organization by organization, project by project. A project's repositories come in
//! one answer, as of one moment. The answer for a whole organization would too, but grows without
//! bound and is all or nothing: a walk that is cut goes on from its last project instead. Small
//! projects are put together until they make a page. A token that may read code and no projects
//! gets the organization in one answer after all. A cursor names what is still to be read:
//! organizations by name, projects by id, and the token of the next page of projects.
//!
//! Two things may be left out and are told as such (`partial`): an organization that keeps the
//! person out while her token is good, and what could not be read of a list of projects. A project
//! that is gone when its turn comes has no repositories.
//!
//! A page that somebody looks at has a number, so everything before it is needed as well: an
//! organization in one answer, in the order of names.

use serde::{Deserialize, Serialize};

use super::super::transport::failure;
use super::super::{Access, Cursor, ErrorClass, ListQuery, ProviderError, RepositoryPage};
use super::client::{At, Client};
use super::list::{continuation, listed};
use super::path::segment;
use super::{organizations, repositories};
use crate::outbound::rate_limit;

/// Projects per answer.
const PROJECTS: &str = "100";
/// Requests per page at most, so that a walk over many empty projects is stored now and then.
const MOST_REQUESTS: u32 = 20;

/// Where a listing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    Walk(Walk),
    /// A page that somebody looks at.
    Live {
        page: u32,
    },
}

/// What is still to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Walk {
    /// Names; the first one is being read.
    organizations: Vec<String>,
    /// Ids of its projects that were told and not read.
    projects: Vec<String>,
    /// Its other projects.
    behind: Behind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Behind {
    /// All of them.
    All,
    /// Those to which this token leads.
    Token(String),
    /// None.
    Nothing,
}

#[derive(Deserialize)]
struct Project {
    id: String,
}

impl Position {
    fn read(cursor: &Cursor) -> Result<Self, ProviderError> {
        serde_json::from_value(cursor.0.clone()).map_err(|_| {
            failure(
                ErrorClass::Unexpected,
                "the cursor is not one of Azure DevOps'",
            )
        })
    }

    fn cursor(&self) -> Cursor {
        // A map of texts; there is nothing in it that JSON could not say.
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    cursor: Option<&Cursor>,
) -> Result<RepositoryPage, ProviderError> {
    let mut page = RepositoryPage::default();
    let position = match (cursor, query.page) {
        (Some(cursor), _) => Position::read(cursor)?,
        (None, Some(number)) => Position::Live {
            page: number.max(1),
        },
        (None, None) => {
            let known = organizations::all(client, access).await?;
            page.requests = known.requests;
            page.partial = known.partial;
            Position::Walk(Walk {
                organizations: known.names,
                projects: Vec::new(),
                behind: Behind::All,
            })
        }
    };
    let per_page = usize::try_from(query.per_page.clamp(1, 100)).unwrap_or(100);
    match position {
        Position::Walk(walk) => walked(client, access, walk, per_page, page).await,
        Position::Live { page: number } => {
            let search = query.search.as_deref().map(str::trim).unwrap_or_default();
            live(client, access, search, number, per_page).await
        }
    }
}

/// Reads on until there is a page, or nothing more.
async fn walked(
    client: &Client,
    access: &Access,
    mut walk: Walk,
    per_page: usize,
    mut page: RepositoryPage,
) -> Result<RepositoryPage, ProviderError> {
    while let Some(organization) = walk.organizations.first().cloned() {
        let is_full = page.repositories.len() >= per_page
            || page.requests >= MOST_REQUESTS
            // Asked to slow down: whoever paces the walk is told at once.
            || page.rate_limit.remaining == Some(0);
        if walk.projects.is_empty() && walk.behind == Behind::Nothing {
            walk.organizations.remove(0);
            walk.behind = Behind::All;
        } else if is_full {
            page.next = Some(Position::Walk(walk).cursor());
            break;
        } else if walk.projects.is_empty() {
            match more_projects(client, access, &organization, &mut walk, &mut page).await {
                Ok(()) => {}
                // A good token that may read code and no projects.
                Err(error)
                    if error.class == ErrorClass::Forbidden && walk.behind == Behind::All =>
                {
                    read_all_of(client, access, &organization, None, &mut page).await?;
                    walk.behind = Behind::Nothing;
                }
                Err(error) => {
                    leave_out(client, access, &organization, error, &mut page).await?;
                    walk.behind = Behind::Nothing;
                }
            }
        } else {
            let project = walk.projects.remove(0);
            read_all_of(client, access, &organization, Some(&project), &mut page).await?;
        }
    }
    Ok(page)
}

/// Adds the repositories of a project, or of a whole organization, to a page.
async fn read_all_of(
    client: &Client,
    access: &Access,
    organization: &str,
    project: Option<&str>,
    page: &mut RepositoryPage,
) -> Result<(), ProviderError> {
    page.requests += 1;
    match repositories::all_of(client, access, organization, project).await {
        Ok((found, limit)) => {
            page.rate_limit = limit;
            page.undecodable.extend(found.unread);
            let told = found.read.into_iter();
            page.repositories
                .extend(told.map(|one| one.told(access, organization)));
            Ok(())
        }
        Err(error) if error.class == ErrorClass::NotFound && project.is_some() => Ok(()),
        Err(error) => leave_out(client, access, organization, error, page).await,
    }
}

/// The next page of an organization's projects.
async fn more_projects(
    client: &Client,
    access: &Access,
    organization: &str,
    walk: &mut Walk,
    page: &mut RepositoryPage,
) -> Result<(), ProviderError> {
    let path = format!("/{}/_apis/projects", segment(organization));
    let mut parameters = vec![("$top", PROJECTS)];
    if let Behind::Token(token) = &walk.behind {
        parameters.push(("continuationToken", token));
    }
    page.requests += 1;
    let answer = client
        .ask(access, At::Organization, &path, &parameters)
        .await?;
    page.rate_limit = rate_limit::azure(answer.headers(), client.now());
    let projects = listed::<Project>(&answer)?;
    page.partial |= !projects.unread.is_empty();
    let next = continuation(&answer).map_or(Behind::Nothing, Behind::Token);
    let leads_back = next != Behind::Nothing && (projects.read.is_empty() || next == walk.behind);
    if leads_back {
        return Err(failure(
            ErrorClass::Unexpected,
            "the next page of projects leads back",
        ));
    }
    walk.projects = projects.read.into_iter().map(|one| one.id).collect();
    walk.behind = next;
    Ok(())
}

/// Goes on without what one of a person's organizations refuses her.
async fn leave_out(
    client: &Client,
    access: &Access,
    organization: &str,
    error: ProviderError,
    page: &mut RepositoryPage,
) -> Result<(), ProviderError> {
    let refusal = organizations::refused_here(client, access, error).await?;
    tracing::info!(organization, class = ?refusal.class, detail = %refusal.detail,
        "an organization at Azure DevOps is left out of the listing");
    page.partial = true;
    Ok(())
}

async fn live(
    client: &Client,
    access: &Access,
    search: &str,
    number: u32,
    per_page: usize,
) -> Result<RepositoryPage, ProviderError> {
    let known = organizations::all(client, access).await?;
    let mut page = RepositoryPage {
        requests: known.requests,
        partial: known.partial,
        ..RepositoryPage::default()
    };
    let text = search.to_lowercase();
    let before = usize::try_from(number.max(1) - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(per_page);
    let mut found = Vec::new();
    let mut is_whole = true;
    for organization in &known.names {
        // Whether another page follows is known; how many, nobody asked.
        if found.len() > before.saturating_add(per_page) {
            is_whole = false;
            break;
        }
        page.requests += 1;
        match repositories::all_of(client, access, organization, None).await {
            Ok((listed, limit)) => {
                page.rate_limit = limit;
                page.undecodable.extend(listed.unread);
                let mut rows: Vec<_> = listed
                    .read
                    .into_iter()
                    .filter(|one| one.name.to_lowercase().contains(&text))
                    .map(|one| one.told(access, organization))
                    .collect();
                rows.sort_by_cached_key(|one| one.full_name.to_lowercase());
                found.append(&mut rows);
            }
            Err(error) => leave_out(client, access, organization, error, &mut page).await?,
        }
    }
    let total = found.len();
    page.total = i64::try_from(total)
        .ok()
        .filter(|_| is_whole && !page.partial);
    if total > before.saturating_add(per_page) {
        let next = Position::Live {
            page: number.saturating_add(1),
        };
        page.next = Some(next.cursor());
    }
    page.repositories = found.into_iter().skip(before).take(per_page).collect();
    Ok(page)
}
