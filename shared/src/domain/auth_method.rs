//! How a connection proves itself to its provider.

use super::provider::ProviderKind;
use super::text_enum::text_enum;

text_enum! {
    /// The method of authentication.
    pub enum AuthMethod {
        /// A personal access token or API token that somebody pasted.
        Pat = "pat",
        /// A personal, project or group access token of GitLab.
        GitlabToken = "gitlab_token",
        /// An installation of a GitHub App.
        GithubApp = "github_app",
        /// An OAuth grant.
        Oauth = "oauth",
    }
}

impl AuthMethod {
    /// Whether the provider knows this method at all.
    #[must_use]
    pub const fn fits(self, provider: ProviderKind) -> bool {
        match self {
            Self::Pat | Self::Oauth => true,
            Self::GitlabToken => matches!(provider, ProviderKind::Gitlab),
            Self::GithubApp => matches!(provider, ProviderKind::Github),
        }
    }

    /// Whether a person pasted the token, so that only a person can replace it.
    #[must_use]
    pub const fn is_pasted(self) -> bool {
        matches!(self, Self::Pat | Self::GitlabToken)
    }
}
