//! The four providers and where an instance of one is reached.

use std::sync::Arc;

use url::Url;

use super::ca_certificate::CaCertificate;
use super::text_enum::text_enum;

text_enum! {
    /// A provider of Git hosting.
    pub enum ProviderKind {
        /// github.com or GitHub Enterprise Server.
        Github = "github",
        /// gitlab.com or a self-hosted instance, possibly under a sub-path.
        Gitlab = "gitlab",
        /// Bitbucket Cloud.
        Bitbucket = "bitbucket",
        /// Azure DevOps Services.
        AzureDevops = "azure_devops",
    }
}

impl ProviderKind {
    /// The name as its vendor writes it, for sentences that people read.
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Bitbucket => "Bitbucket",
            Self::AzureDevops => "Azure DevOps",
        }
    }
}

/// One installation of a provider: `https://github.com`, or somebody's own GitLab.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    /// Which provider it is.
    pub kind: ProviderKind,
    /// Where people open it, without a trailing slash in its path (`https://git.example.org/gitlab`).
    pub web_url: Url,
    /// Base of the REST API, without a trailing slash (`https://api.github.com`, `…/api/v4`).
    pub api_url: Url,
    /// The authority of its own certificate, where it is none that everybody trusts.
    pub certificate: Option<Arc<CaCertificate>>,
}

impl Instance {
    /// The base URL as stored and shown: no trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.web_url.as_str().trim_end_matches('/').to_owned()
    }

    /// A URL of the API: `path` starts with a slash and is already percent-encoded.
    ///
    /// # Errors
    /// Where `path` does not make a URL.
    pub fn api(&self, path: &str) -> Result<Url, url::ParseError> {
        Url::parse(&format!(
            "{}{path}",
            self.api_url.as_str().trim_end_matches('/')
        ))
    }

    /// A page of the web interface, for links that people follow.
    #[must_use]
    pub fn web(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
    }
}
