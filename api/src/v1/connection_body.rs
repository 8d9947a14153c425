//! Bodies that make and change connections.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::domain::auth_method::AuthMethod;
use shared::domain::provider::ProviderKind;
use shared::flows::connections::{Changes, NewConnection, PastedGrant, PastedInstallation};
use shared::flows::{Error, FieldError};
use url::Url;

use crate::extract::{SecretText, present};

/// A new connection. Which fields it needs depends on `provider` and `auth_method`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionCreate {
    /// 1–100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// At most 1,000 characters.
    #[schemars(length(max = 1000))]
    description: Option<String>,
    /// The provider.
    provider: ProviderKind,
    /// How it authenticates.
    auth_method: AuthMethod,
    /// The token (`pat`, `gitlab_token`). White space around it is dropped.
    api_token: Option<SecretText>,
    /// Bitbucket: the Atlassian e-mail of an API token. Absent for an access token, unless
    /// Bitbucket does not tell what it is for: then `workspace` or `workspace/repository`.
    username: Option<String>,
    /// `oauth`: an access token that was obtained elsewhere.
    access_token: Option<SecretText>,
    /// `oauth`: its refresh token.
    refresh_token: Option<SecretText>,
    /// `oauth`: when the access token ends.
    token_expires_at: Option<DateTime<Utc>>,
    /// `github_app`: the App.
    github_app_id: Option<i64>,
    /// `github_app`: the installation of it.
    github_app_installation_id: Option<i64>,
    /// `github_app`: its private key (PEM, PKCS#1 or PKCS#8).
    github_app_private_key: Option<SecretText>,
    /// Root of a self-hosted instance; the public one where absent.
    base_url: Option<String>,
    /// The same as `base_url`.
    gitlab_url: Option<String>,
    /// The organization at Azure DevOps: required with its tokens, which are for one organization.
    azure_organization: Option<String>,
    /// GitLab: whether the token rotates itself before it ends.
    #[serde(default)]
    auto_rotate: bool,
    /// The platform's: whether every organization may use it.
    #[serde(default)]
    allow_org_usage: bool,
}

impl ConnectionCreate {
    /// The provider.
    pub(super) fn provider(&self) -> ProviderKind {
        self.provider
    }

    /// What the flow takes, or the fields that the method has no use for: a secret in the wrong
    /// field is not dropped in silence.
    pub(super) fn into_new(self, redirect_uri: Option<Url>) -> Result<NewConnection, Error> {
        let mut faults = self.misplaced();
        if let (Some(base), Some(gitlab)) = (&self.base_url, &self.gitlab_url)
            && base != gitlab
        {
            faults.push(FieldError::new(
                "gitlab_url",
                "contradiction",
                "base_url and gitlab_url mean the same and differ. Give one of them.",
            ));
        }
        if self.gitlab_url.is_some() && self.provider != ProviderKind::Gitlab {
            faults.push(FieldError::new(
                "gitlab_url",
                "unsupported_combination",
                "gitlab_url is for GitLab. Use base_url.",
            ));
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let installation =
            (self.auth_method == AuthMethod::GithubApp).then_some(PastedInstallation {
                app_id: self.github_app_id,
                installation_id: self.github_app_installation_id,
                private_key: self.github_app_private_key.map(|key| key.0),
            });
        Ok(NewConnection {
            installation,
            name: self.name,
            description: self.description,
            provider: self.provider,
            auth_method: self.auth_method,
            api_token: self.api_token.map(|token| token.0),
            grant: grant(
                self.access_token,
                self.refresh_token,
                self.token_expires_at,
                redirect_uri,
            ),
            username: self.username,
            base_url: self.base_url.or(self.gitlab_url),
            azure_organization: self.azure_organization,
            auto_rotate: self.auto_rotate,
            allow_org_usage: self.allow_org_usage,
        })
    }

    fn misplaced(&self) -> Vec<FieldError> {
        let method = self.auth_method;
        let (oauth, app) = (AuthMethod::Oauth, AuthMethod::GithubApp);
        let fields = [
            ("api_token", self.api_token.is_some(), method.is_pasted()),
            ("access_token", self.access_token.is_some(), method == oauth),
            (
                "refresh_token",
                self.refresh_token.is_some(),
                method == oauth,
            ),
            (
                "token_expires_at",
                self.token_expires_at.is_some(),
                method == oauth,
            ),
            ("github_app_id", self.github_app_id.is_some(), method == app),
            (
                "github_app_installation_id",
                self.github_app_installation_id.is_some(),
                method == app,
            ),
            (
                "github_app_private_key",
                self.github_app_private_key.is_some(),
                method == app,
            ),
        ];
        fields
            .into_iter()
            .filter(|(_, given, fits)| *given && !*fits)
            .map(|(field, ..)| {
                FieldError::new(
                    field,
                    "unsupported_combination",
                    format!("The method {method} has no use for this field. Leave it out, or choose the method that it belongs to."),
                )
            })
            .collect()
    }
}

/// What changes; what is absent stays. Secrets replace the old ones and are checked first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionUpdate {
    /// 1–100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    description: Option<Option<String>>,
    /// A new token.
    api_token: Option<SecretText>,
    /// Bitbucket: what goes with the token, as when the connection was made; empty takes it away.
    username: Option<String>,
    /// `oauth`: a new access token.
    access_token: Option<SecretText>,
    /// `oauth`: a new refresh token.
    refresh_token: Option<SecretText>,
    /// `oauth`: when the access token ends.
    token_expires_at: Option<DateTime<Utc>>,
    /// `github_app`: a new private key.
    github_app_private_key: Option<SecretText>,
    /// GitLab: whether the token rotates itself before it ends.
    auto_rotate: Option<bool>,
    /// Whether people want it used.
    is_active: Option<bool>,
    /// The platform's: whether every organization may use it.
    allow_org_usage: Option<bool>,
}

impl ConnectionUpdate {
    /// What the flow takes.
    pub(super) fn into_changes(self, redirect_uri: Option<Url>) -> Changes {
        Changes {
            name: self.name,
            description: self.description,
            api_token: self.api_token.map(|token| token.0),
            grant: grant(
                self.access_token,
                self.refresh_token,
                self.token_expires_at,
                redirect_uri,
            ),
            github_app_private_key: self.github_app_private_key.map(|key| key.0),
            username: self.username,
            auto_rotate: self.auto_rotate,
            is_active: self.is_active,
            allow_org_usage: self.allow_org_usage,
        }
    }
}

/// A pasted grant, where anything of one is given.
fn grant(
    access_token: Option<SecretText>,
    refresh_token: Option<SecretText>,
    expires_at: Option<DateTime<Utc>>,
    redirect_uri: Option<Url>,
) -> Option<PastedGrant> {
    let given = access_token.is_some() || refresh_token.is_some() || expires_at.is_some();
    given.then(|| PastedGrant {
        access_token: access_token.map(|token| token.0),
        refresh_token: refresh_token.map(|token| token.0),
        expires_at,
        redirect_uri,
    })
}
