//! Which part of which provider an origin leads to.

use super::{AzureAt, BitbucketAt, GitHubAt, GitLabAt};
use crate::answer::Base;
use crate::face::Face;

/// An origin and what is behind it.
pub(super) struct Door {
    pub(super) face: Face,
    /// Path before everything.
    mount: String,
    /// Path of the API behind the mount; empty where the whole origin is API.
    api_root: &'static str,
    pub(super) base: Base,
}

/// A root that no path is below: the whole origin is web pages.
const NO_API: &str = "/\0";

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The API, with the rest of the path.
    Api(&'a str),
    /// The web pages, with the rest of the path.
    Web(&'a str),
    /// Beside the mount.
    Nowhere,
}

impl Door {
    pub(super) fn github_web(at: &GitHubAt) -> Self {
        let base = Base {
            api: at.enterprise_api_url.clone(),
            web: at.web_url.clone(),
        };
        Self::new(Face::GitHub, String::new(), "/api/v3", base)
    }

    pub(super) fn github_api(at: &GitHubAt) -> Self {
        let base = Base {
            api: at.api_url.clone(),
            web: at.web_url.clone(),
        };
        Self::new(Face::GitHub, String::new(), "", base)
    }

    pub(super) fn gitlab(at: &GitLabAt, mount: String) -> Self {
        let base = Base {
            api: at.api_url.clone(),
            web: at.url.clone(),
        };
        Self::new(Face::GitLab, mount, "/api/v4", base)
    }

    pub(super) fn bitbucket_web(at: &BitbucketAt) -> Self {
        Self::new(Face::Bitbucket, String::new(), NO_API, at.base())
    }

    pub(super) fn bitbucket_api(at: &BitbucketAt) -> Self {
        Self::new(Face::Bitbucket, "/2.0".to_owned(), "", at.base())
    }

    /// Organizations and their APIs; profiles, on an origin of their own, have paths that no
    /// organization has.
    pub(super) fn azure_api(at: &AzureAt) -> Self {
        Self::new(Face::Azure, String::new(), "", at.base())
    }

    /// Microsoft Entra.
    pub(super) fn azure_login(at: &AzureAt) -> Self {
        Self::new(Face::Azure, String::new(), NO_API, at.base())
    }

    fn new(face: Face, mount: String, api_root: &'static str, base: Base) -> Self {
        Self {
            face,
            mount,
            api_root,
            base,
        }
    }

    pub(super) fn lead<'a>(&self, path: &'a str) -> Place<'a> {
        let Some(path) = below(path, &self.mount) else {
            return Place::Nowhere;
        };
        match below(path, self.api_root) {
            Some(rest) => Place::Api(rest),
            None => Place::Web(path),
        }
    }
}

/// What follows `root` in a path, where it ends at a segment's border.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_gitlab_answers_below_its_path_only() {
        let at = GitLabAt {
            url: "http://h/gitlab".to_owned(),
            api_url: "http://h/gitlab/api/v4".to_owned(),
        };
        let door = Door::gitlab(&at, "/gitlab".to_owned());
        assert_eq!(door.lead("/gitlab/api/v4/user"), Place::Api("/user"));
        assert_eq!(door.lead("/gitlab/oauth/token"), Place::Web("/oauth/token"));
        assert_eq!(door.lead("/api/v4/user"), Place::Nowhere);
        assert_eq!(door.lead("/gitlabber"), Place::Nowhere);
    }
}
