//! Paths of Azure DevOps' API from names that people, databases and the provider itself give.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::transport::failure;
use super::super::{Access, ErrorClass, ProviderError};

/// What RFC 3986 leaves unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

/// `organization/project/repository`; none of them can hold a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FullName<'a> {
    pub(super) organization: &'a str,
    project: &'a str,
    repository: &'a str,
}

impl<'a> FullName<'a> {
    /// Reads a full name. Anything else names no repository, and is not asked; nor is an
    /// organization that the credential is not for, since the answer would be the one to a dead
    /// token.
    pub(super) fn read(text: &'a str, access: &Access) -> Result<Self, ProviderError> {
        let parts: Vec<&str> = text.split('/').collect();
        let [organization, project, repository] = parts[..] else {
            return Err(not_found());
        };
        let own = super::organizations::own(access);
        let elsewhere = own.is_some_and(|own| !own.eq_ignore_ascii_case(organization));
        if elsewhere || !parts.iter().all(|part| is_segment(part)) {
            return Err(not_found());
        }
        Ok(Self {
            organization,
            project,
            repository,
        })
    }

    /// The repository's path.
    pub(super) fn path(&self) -> String {
        format!(
            "/{}/{}/_apis/git/repositories/{}",
            segment(self.organization),
            segment(self.project),
            segment(self.repository)
        )
    }
}

fn not_found() -> ProviderError {
    failure(
        ErrorClass::NotFound,
        "the full name is not of the form organization/project/repository, in the connection's organization",
    )
}

/// A segment of dots would be taken out of the URL.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;
    use crate::providers::Scheme;

    #[test]
    fn names_stay_inside_their_segment() {
        let instance = super::super::instance::at(&url::Url::parse("https://h").unwrap());
        let access = |organization: Option<&str>| Access {
            instance: instance.clone(),
            token: Secret::from("t"),
            scheme: Scheme::Basic,
            username: None,
            azure_organization: organization.map(str::to_owned),
            meter: std::sync::Arc::new(crate::domain::meter::Unmetered),
        };
        let path = |text: &str, organization| {
            FullName::read(text, &access(organization))
                .map(|name| name.path())
                .ok()
        };
        assert_eq!(
            path("Acme/Sea & Shore/the boat?#%", Some("acme")).as_deref(),
            Some("/Acme/Sea%20%26%20Shore/_apis/git/repositories/the%20boat%3F%23%25")
        );
        assert!(path("other/p/r", None).is_some());
        assert!(path("other/p/r", Some("acme")).is_none());
        for wrong in [
            "", "a", "a/b", "a/b/", "/b/c", "a/../c", "a/b/..", "a/b/c/d", "./b/c",
        ] {
            assert_eq!(path(wrong, None), None, "{wrong}");
        }
    }
}
