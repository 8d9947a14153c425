//! How far a person holds an installation, asked by that person's token of the App.
//!
//! Source: `GET /user/installations` ("installations that the authenticated user has explicit
//! permission (`:read`, `:write`, or `:admin`) to access") and `GET
//! /user/installations/{id}/repositories` ("the access the user has to each repository is included
//! in the hash under the `permissions` key"). To be on the first list, reading one repository is
//! enough; so what the second one says of each counts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::super::transport::{Numbered, object, read_items};
use super::super::client::Client;
use super::super::repositories::has_next;
use crate::providers::{Access, ErrorClass, Holding, ProviderError};

/// Pages of a person's installations that are read: 10,000 of them.
const MOST_INSTALLATIONS: u32 = 100;
/// Pages of repositories that are read while a browser waits: a thousand of them. An administrator of
/// those is taken for one of the others.
const MOST_REPOSITORIES: u32 = 10;

#[derive(Deserialize)]
struct One {
    id: i64,
}

#[derive(Deserialize)]
struct Repository {
    permissions: Option<Permissions>,
}

impl Numbered for Repository {}

#[derive(Deserialize)]
struct Permissions {
    admin: bool,
}

pub(super) async fn holding(
    client: &Client,
    access: &Access,
    installation: i64,
) -> Result<Holding, ProviderError> {
    if !sees(client, access, installation).await? {
        return Ok(Holding::None);
    }
    let path = format!("/user/installations/{installation}/repositories");
    let mut total = 0;
    for page in 1..=MOST_REPOSITORIES {
        #[derive(Deserialize)]
        struct Page<'a> {
            total_count: i64,
            #[serde(borrow)]
            repositories: &'a RawValue,
        }
        let query = [("per_page", "100"), ("page", &page.to_string())];
        let answer = match client.get(access, &path, &query).await {
            Ok(answer) => answer,
            Err(error) if error.class == ErrorClass::NotFound => return Ok(Holding::None),
            Err(error) => return Err(error),
        };
        let list: Page<'_> = object(&answer)?;
        total = list.total_count;
        let found = read_items::<Repository>(&answer, list.repositories)?;
        let administers = |one: &Repository| one.permissions.as_ref().is_some_and(|p| p.admin);
        if !found.unread.is_empty() || !found.read.iter().all(administers) {
            return Ok(Holding::Part);
        }
        if !has_next(answer.headers()) {
            break;
        }
    }
    Ok(Holding::Whole {
        repositories: total,
    })
}

/// Reads the person's installations page by page until the one that is asked for.
async fn sees(client: &Client, access: &Access, installation: i64) -> Result<bool, ProviderError> {
    #[derive(Deserialize)]
    struct Page {
        installations: Vec<One>,
    }
    for page in 1..=MOST_INSTALLATIONS {
        let query = [("per_page", "100"), ("page", &page.to_string())];
        let answer = client.get(access, "/user/installations", &query).await?;
        let found: Page = object(&answer)?;
        if found.installations.iter().any(|one| one.id == installation) {
            return Ok(true);
        }
        if !has_next(answer.headers()) {
            return Ok(false);
        }
    }
    Ok(false)
}
