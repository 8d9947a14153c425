//! The providers as which the forge can show itself.

use std::fmt;

/// One provider's way of speaking HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Face {
    /// github.com, or a GitHub Enterprise Server.
    GitHub,
    /// gitlab.com, or a self-managed GitLab.
    GitLab,
    /// bitbucket.org.
    Bitbucket,
    /// Azure DevOps Services, with Microsoft Entra in front.
    Azure,
}

impl Face {
    /// All of them.
    pub const ALL: [Face; 4] = [Face::GitHub, Face::GitLab, Face::Bitbucket, Face::Azure];
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Face::GitHub => "github",
            Face::GitLab => "gitlab",
            Face::Bitbucket => "bitbucket",
            Face::Azure => "azure",
        })
    }
}
