//! The workspaces of a credential.
//!
//! Source: `GET /user/workspaces` (CHANGE-3022, which replaced the listings that CHANGE-2770 took
//! away). Items are memberships around a workspace; the fields around it differ between answers
//! that were seen (`permission`, or `administrator`), so both are read and neither is demanded.

use serde::Deserialize;

use super::super::transport::failure;
use super::super::{Access, ErrorClass, ProviderError};
use super::client::{Client, encoded};
use super::credential::{is_nobodys, named_place};
use super::paging;
use crate::outbound::Requests;

/// Pages of a hundred; nobody is in more workspaces.
const MOST_PAGES: u32 = 100;

/// A place where repositories are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Workspace {
    /// Its UUID in braces, or its slug where a person named it.
    pub(super) id: String,
    /// Its slug.
    pub(super) slug: String,
    /// Whether the user administers it, and so may write to everything in it.
    pub(super) administered: bool,
    /// For people to read.
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    workspace: Option<Inner>,
    administrator: Option<bool>,
    permission: Option<String>,
    #[serde(flatten)]
    bare: Inner,
}

#[derive(Deserialize)]
struct Inner {
    uuid: Option<String>,
    slug: Option<String>,
    name: Option<String>,
}

impl Item {
    fn read(self) -> Option<Workspace> {
        let administered =
            self.administrator == Some(true) || self.permission.as_deref() == Some("owner");
        let inner = self.workspace.unwrap_or(self.bare);
        let slug = inner.slug.clone().or_else(|| inner.uuid.clone())?;
        Some(Workspace {
            id: inner.uuid.or(inner.slug)?,
            slug,
            administered,
            name: inner.name,
        })
    }
}

/// All of them in the order of their ids, each once, and the requests that it took. Where a person
/// named the workspace of an access token, that one, and nobody is asked.
pub(super) async fn all(
    client: &Client,
    access: &Access,
) -> Result<(Vec<Workspace>, u32), ProviderError> {
    if let Some(place) = named_place(access) {
        let slug = place.split('/').next().unwrap_or(place).to_owned();
        let named = Workspace {
            id: slug.clone(),
            slug,
            administered: false,
            name: None,
        };
        return Ok((vec![named], 0));
    }
    let mut found = Vec::new();
    let mut query = encoded(&[("pagelen", "100")]);
    let mut requests = 0;
    for _ in 0..MOST_PAGES {
        let answer = client.get(access, "/user/workspaces", &query).await?;
        requests += Requests::behind(&answer);
        let page = paging::read::<Item>(access, &answer)?;
        for item in page.items {
            let workspace = match item {
                Ok(item) => item.read(),
                Err(_) => None,
            };
            // Of an unknown workspace nothing could be listed, and its repositories would count as
            // gone.
            found.push(workspace.ok_or_else(|| {
                failure(ErrorClass::Unexpected, "a workspace without slug and UUID")
            })?);
        }
        match page.next {
            Some(next) if next != query => query = next,
            Some(_) => break,
            None => {
                found.sort();
                found.dedup_by(|a, b| a.id == b.id);
                if is_nobodys(access) {
                    found.iter_mut().for_each(|one| one.administered = false);
                }
                return Ok((found, requests));
            }
        }
    }
    Err(failure(
        ErrorClass::Unexpected,
        "the pages of workspaces do not end",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_were_seen() {
        for (json, expected) in [
            (
                r#"{"type":"workspace_access","administrator":true,"workspace":{"type":"workspace_base","uuid":"{u}","slug":"acme"}}"#,
                Some(("{u}", "acme", true)),
            ),
            (
                r#"{"permission":"owner","last_accessed":"2026-01-15T10:30:00.000000+00:00","workspace":{"uuid":"{u}","slug":"acme","name":"Acme"}}"#,
                Some(("{u}", "acme", true)),
            ),
            (
                r#"{"permission":"member","workspace":{"slug":"acme"}}"#,
                Some(("acme", "acme", false)),
            ),
            (
                r#"{"uuid":"{u}","slug":"acme","name":"Acme"}"#,
                Some(("{u}", "acme", false)),
            ),
            (r#"{"permission":"member"}"#, None),
        ] {
            let read = serde_json::from_str::<Item>(json).unwrap().read();
            let read = read
                .as_ref()
                .map(|one| (one.id.as_str(), one.slug.as_str(), one.administered));
            assert_eq!(read, expected, "{json}");
        }
    }
}
