//! What an operator of the provider would set: limits, versions, caps. Tests turn the caps down instead of making
//! fifty thousand repositories.

use chrono::{DateTime, Utc};

/// Settings of all faces.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Settings of the GitHub face.
    pub github: GitHubSettings,
    /// Settings of the GitLab face.
    pub gitlab: GitLabSettings,
    /// Settings of the Bitbucket face.
    pub bitbucket: BitbucketSettings,
    /// Settings of the Azure DevOps face.
    pub azure: AzureSettings,
}

/// Settings of the GitHub face.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// Requests per hour and user, shared by all tokens of that user (5,000 on github.com).
    pub core_limit: u32,
    /// Requests per hour without a token (60 on github.com).
    pub anonymous_limit: u32,
    /// Most items of a page, whatever is asked for (100 on github.com).
    pub per_page_cap: usize,
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
            per_page_cap: 100,
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
    /// Hooks take a token that signs what they send (19.0); others send their secret along.
    pub signs_webhooks: bool,
}

impl Default for GitLabSettings {
    fn default() -> Self {
        Self {
            limit_per_minute: Some(2_000),
            version: "19.5.0-ee".to_owned(),
            offset_cap: 50_000,
            count_cap: 10_000,
            token_prefix: "glpat-".to_owned(),
            signs_webhooks: true,
        }
    }
}

/// Settings of the Bitbucket face.
#[derive(Clone, Debug)]
pub struct BitbucketSettings {
    /// Requests for repositories per rolling hour and user (1,000 on bitbucket.org).
    pub limit_per_hour: u32,
    /// The same without a token (60 on bitbucket.org).
    pub anonymous_limit: u32,
    /// Next pages have names instead of numbers, and nothing is counted.
    pub opaque_pages: bool,
}

impl Default for BitbucketSettings {
    fn default() -> Self {
        Self {
            limit_per_hour: 1_000,
            anonymous_limit: 60,
            opaque_pages: false,
        }
    }
}

/// Settings of the Azure DevOps face.
#[derive(Clone, Debug)]
pub struct AzureSettings {
    /// Requests per five minutes and user. The real service counts consumption instead (200 "TSTU"); `None` is without
    /// limit.
    pub limit_per_window: Option<u32>,
    /// From so many requests on, answers tell the limit in their headers and ask, by `Retry-After` on a 200, to slow down:
    /// the real service delays before it blocks.
    pub delayed_from: u32,
    /// How a refused credential is answered.
    pub sign_in: SignIn,
    /// From when on tokens for all of a person's organizations are refused (2026-12-01).
    pub global_tokens_end: Option<DateTime<Utc>>,
}

/// How Azure DevOps answers a credential that it does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// 203 and the sign-in page.
    Page,
    /// 302 to the sign-in page.
    Redirect,
    /// 401 without a body.
    Unauthorized,
}

impl Default for AzureSettings {
    fn default() -> Self {
        Self {
            limit_per_window: Some(20_000),
            delayed_from: 15_000,
            sign_in: SignIn::Page,
            // 2026-12-01.
            global_tokens_end: DateTime::from_timestamp(1_796_083_200, 0),
        }
    }
}
