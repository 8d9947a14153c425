//! Repositories of an organization: all of a project, all of an organization, one.
//!
//! Source: Microsoft, "Repositories – List" and "– Get" 7.1. A listing has no pages. What is
//! shown with a user name in its address is told without.

use serde::Deserialize;
use url::Url;

use super::super::transport::object;
use super::super::{Access, ProviderError};
use super::client::{At, Client};
use super::list::{Listed, listed};
use super::organizations::refused_here;
use super::path::{FullName, segment};
use crate::domain::quota::RateLimit;
use crate::domain::repository::RemoteRepository;
use crate::outbound::rate_limit;

/// What Azure DevOps tells of a repository, as far as we read it.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository {
    pub(super) id: String,
    pub(super) name: String,
    project: Project,
    default_branch: Option<String>,
    size: Option<i64>,
    remote_url: Option<String>,
    ssh_url: Option<String>,
    web_url: Option<String>,
    is_disabled: Option<bool>,
    is_fork: Option<bool>,
}

#[derive(Clone, Deserialize)]
struct Project {
    name: String,
    visibility: Option<String>,
}

impl Repository {
    /// The default branch by its short name; `None` in an empty repository.
    pub(super) fn default_branch(&self) -> Option<&str> {
        self.default_branch
            .as_deref()
            .map(short)
            .filter(|name| !name.is_empty())
    }

    /// In the form that all providers share.
    pub(super) fn told(self, access: &Access, organization: &str) -> RemoteRepository {
        let page = access.instance.web(&format!(
            "/{}/{}/_git/{}",
            segment(organization),
            segment(&self.project.name),
            segment(&self.name)
        ));
        let url = self.web_url.as_deref().and_then(without_user);
        let clone_url = self.remote_url.as_deref().and_then(without_user);
        let is_disabled = self.is_disabled.unwrap_or(false);
        RemoteRepository {
            provider_repository_id: self.id.to_lowercase(),
            full_name: format!("{organization}/{}/{}", self.project.name, self.name),
            url: url.unwrap_or_else(|| page.clone()),
            clone_url: clone_url.unwrap_or(page),
            ssh_url: self.ssh_url.clone().filter(|url| !url.is_empty()),
            // Not told: hidden from whom we do not know, so it counts as private.
            private: self.project.visibility.as_deref() != Some("public"),
            default_branch: self.default_branch().map(str::to_owned),
            description: None,
            language: None,
            // A disabled one can be neither read nor written.
            archived: is_disabled,
            fork: self.is_fork.unwrap_or(false),
            has_write_access: is_disabled.then_some(false),
            size_kb: self.size.map(|bytes| bytes / 1024),
            // Of pushes no listing tells.
            pushed_at: None,
            name: self.name,
        }
    }
}

/// A branch without `refs/heads/`.
pub(super) fn short(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or(reference)
}

/// `https://organization@dev.azure.com/…` without the user name, which git would send in place of
/// ours.
pub(super) fn without_user(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url.into())
}

/// All repositories of an organization, or of one of its projects (by id), in one answer.
pub(super) async fn all_of(
    client: &Client,
    access: &Access,
    organization: &str,
    project: Option<&str>,
) -> Result<(Listed<Repository>, RateLimit), ProviderError> {
    let organization = segment(organization);
    let path = match project {
        Some(id) => format!("/{organization}/{}/_apis/git/repositories", segment(id)),
        None => format!("/{organization}/_apis/git/repositories"),
    };
    let answer = client.ask(access, At::Listing, &path, &[]).await?;
    let limit = rate_limit::azure(answer.headers(), client.now());
    Ok((listed(&answer)?, limit))
}

/// One repository. Nothing leads from an old name to a new one.
pub(super) async fn one(
    client: &Client,
    access: &Access,
    full_name: &str,
) -> Result<RemoteRepository, ProviderError> {
    let name = FullName::read(full_name, access)?;
    let found = get(client, access, &name).await?;
    Ok(found.told(access, name.organization))
}

/// The same, as the provider tells it.
pub(super) async fn get(
    client: &Client,
    access: &Access,
    name: &FullName<'_>,
) -> Result<Repository, ProviderError> {
    match client
        .ask(access, At::Organization, &name.path(), &[])
        .await
    {
        Ok(answer) => object(&answer),
        Err(error) => Err(refused_here(client, access, error).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_user() {
        let without = |text| without_user(text).unwrap_or_default();
        assert_eq!(
            without("https://acme@dev.azure.com/acme/Sea%20Shore/_git/boat"),
            "https://dev.azure.com/acme/Sea%20Shore/_git/boat"
        );
        assert_eq!(
            without("https://u:p@dev.azure.com/a"),
            "https://dev.azure.com/a"
        );
        assert_eq!(without("no address"), "");
        assert_eq!(short("refs/heads/feature/x"), "feature/x");
    }
}
