//! The platform's own registrations at the providers.

use url::Url;

use super::reader::{Reader, base_url};
use super::settings::{self as names, Setting};
use crate::domain::registration::{GithubApp, OauthApp, PlatformApps};
use crate::domain::secret::Secret;

/// Where the providers are, and the platform-level apps there.
#[derive(Clone, Debug)]
pub struct ProviderApps {
    /// GitHub.
    pub github: Github,
    /// GitLab.
    pub gitlab: Gitlab,
    /// Bitbucket.
    pub bitbucket: Bitbucket,
    /// Azure DevOps.
    pub azure: Azure,
}

/// GitHub, or an Enterprise Server.
#[derive(Clone, Debug)]
pub struct Github {
    /// Where people open it.
    pub url: Url,
    /// Its REST API, where set; else it follows from `url`.
    pub api_url: Option<Url>,
    /// The OAuth app.
    pub oauth: Option<OauthApp>,
    /// The GitHub App.
    pub app: Option<GithubApp>,
}

/// GitLab.
#[derive(Clone, Debug)]
pub struct Gitlab {
    /// Where people open it; the API is `/api/v4` below.
    pub url: Url,
    /// The OAuth application.
    pub oauth: Option<OauthApp>,
}

/// Bitbucket Cloud.
#[derive(Clone, Debug)]
pub struct Bitbucket {
    /// Where people open it.
    pub url: Url,
    /// Its REST API.
    pub api_url: Url,
    /// The OAuth consumer.
    pub oauth: Option<OauthApp>,
}

/// Azure DevOps.
#[derive(Clone, Debug)]
pub struct Azure {
    /// Where organizations are, and their APIs.
    pub url: Url,
    /// Microsoft Entra.
    pub login_url: Url,
    /// Where profiles are read.
    pub profile_url: Url,
    /// The Entra application.
    pub oauth: Option<OauthApp>,
}

impl ProviderApps {
    /// The registrations alone.
    #[must_use]
    pub fn registrations(&self) -> PlatformApps {
        PlatformApps {
            github: self.github.oauth.clone(),
            gitlab: self.gitlab.oauth.clone(),
            bitbucket: self.bitbucket.oauth.clone(),
            azure_devops: self.azure.oauth.clone(),
            github_app: self.github.app.clone(),
        }
    }
}

impl Reader<'_> {
    pub(super) fn providers(&mut self) -> ProviderApps {
        ProviderApps {
            github: Github {
                api_url: self.optional(&names::GITHUB_API_URL, base_url),
                url: self.value(&names::GITHUB_URL, base_url),
                oauth: self.oauth(&names::GITHUB_CLIENT_ID, &names::GITHUB_CLIENT_SECRET),
                app: self.github_app(),
            },
            gitlab: Gitlab {
                url: self.value(&names::GITLAB_URL, base_url),
                oauth: self.oauth(&names::GITLAB_CLIENT_ID, &names::GITLAB_CLIENT_SECRET),
            },
            bitbucket: Bitbucket {
                url: self.value(&names::BITBUCKET_URL, base_url),
                api_url: self.value(&names::BITBUCKET_API_URL, base_url),
                oauth: self.oauth(&names::BITBUCKET_CLIENT_ID, &names::BITBUCKET_CLIENT_SECRET),
            },
            azure: Azure {
                url: self.value(&names::AZURE_URL, base_url),
                login_url: self.value(&names::AZURE_LOGIN_URL, base_url),
                profile_url: self.value(&names::AZURE_PROFILE_URL, base_url),
                oauth: self.oauth(&names::AZURE_CLIENT_ID, &names::AZURE_CLIENT_SECRET),
            },
        }
    }

    fn oauth(&mut self, id: &Setting, secret: &Setting) -> Option<OauthApp> {
        match (self.text(id), self.secret(secret)) {
            (Some(client_id), Some(client_secret)) => Some(OauthApp {
                client_id,
                client_secret,
            }),
            (None, None) => None,
            (Some(_), None) => {
                self.missing_half(secret, id);
                None
            }
            (None, Some(_)) => {
                self.missing_half(id, secret);
                None
            }
        }
    }

    fn github_app(&mut self) -> Option<GithubApp> {
        let id = self.optional(&names::GITHUB_APP_ID, |text| {
            let id = text.trim().parse::<u64>();
            id.map_err(|_| format!("{text:?} must be the App's numeric id, from its settings page"))
        });
        let slug = self.text(&names::GITHUB_APP_SLUG);
        let private_key = self.optional(&names::GITHUB_APP_PRIVATE_KEY, private_key);
        let webhook_secret = self.secret(&names::GITHUB_APP_WEBHOOK_SECRET);
        match (id, private_key) {
            (Some(id), Some(private_key)) => Some(GithubApp {
                id,
                slug,
                private_key,
                webhook_secret,
            }),
            (Some(_), None) => {
                self.missing_half(&names::GITHUB_APP_PRIVATE_KEY, &names::GITHUB_APP_ID);
                None
            }
            (None, Some(_)) => {
                self.missing_half(&names::GITHUB_APP_ID, &names::GITHUB_APP_PRIVATE_KEY);
                None
            }
            (None, None) => None,
        }
    }

    /// Only where the missing half has no fault of its own already.
    fn missing_half(&mut self, missing: &Setting, given: &Setting) {
        if !self
            .faults
            .iter()
            .any(|fault| fault.setting == missing.name)
        {
            self.fault(
                missing,
                format!("is not set, but {} is; set both or neither", given.name),
            );
        }
    }
}

/// Environment files often carry the line breaks of a PEM as `\n`.
fn private_key(text: &str) -> Result<Secret, &'static str> {
    let text = text.replace("\\n", "\n");
    if text.trim_start().starts_with("-----BEGIN ") {
        Ok(Secret::from(text))
    } else {
        Err(
            "must be a private key in PEM form, beginning with -----BEGIN; \
             or set MOORING_GITHUB_APP_PRIVATE_KEY_FILE to the downloaded file",
        )
    }
}
