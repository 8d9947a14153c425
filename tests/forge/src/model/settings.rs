//! What an operator of the provider would set: limits, versions, caps. Tests turn the caps down instead of making
//! fifty thousand repositories.

/// Settings of all faces.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Settings of the GitHub face.
    pub github: GitHubSettings,
    /// Settings of the GitLab face.
    pub gitlab: GitLabSettings,
}

/// Settings of the GitHub face.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// Requests per hour and user, shared by all tokens of that user (5,000 on github.com).
    pub core_limit: u32,
    /// Requests per hour without a token (60 on github.com).
    pub anonymous_limit: u32,
    /// Status of the answer once the budget is spent: GitHub documents both 403 and 429.
    pub exhausted_status: u16,
    /// Values of `X-GitHub-Api-Version` that are accepted, oldest first; the first one is the default.
    pub api_versions: Vec<String>,
    /// So often a new installation token is refused with this status before it is known everywhere: GitHub answers 401,
    /// or 403 while the permissions are on their way, for some seconds after minting.
    pub fresh_token_refusals: Option<(u16, u32)>,
}

impl Default for GitHubSettings {
    fn default() -> Self {
        Self {
            core_limit: 5_000,
            anonymous_limit: 60,
            exhausted_status: 403,
            api_versions: vec!["2022-11-28".to_owned(), "2026-03-10".to_owned()],
            fresh_token_refusals: None,
        }
    }
}

/// Settings of the GitLab face.
#[derive(Clone, Debug)]
pub struct GitLabSettings {
    /// Requests per minute and user (2,000 on gitlab.com); `None` is a self-managed instance without limits, which sends
    /// no `RateLimit-*` headers.
    pub limit_per_minute: Option<u32>,
    /// What `/version` says.
    pub version: String,
    /// Offset pagination reaches no further than this many rows (50,000 on gitlab.com).
    pub offset_cap: usize,
    /// Totals are left out of the headers above this many rows (10,000 on gitlab.com).
    pub count_cap: usize,
    /// Prefix of new personal access tokens; self-managed instances may change it.
    pub token_prefix: String,
}

impl Default for GitLabSettings {
    fn default() -> Self {
        Self {
            limit_per_minute: Some(2_000),
            version: "19.5.0-ee".to_owned(),
            offset_cap: 50_000,
            count_cap: 10_000,
            token_prefix: "glpat-".to_owned(),
        }
    }
}
