//! The forge of the demo: every provider, with an account for every way in, and the apps by which
//! people consent.
//!
//! An app needs the service's callback address, and the service needs the app's credentials, before
//! either is up. So the credentials are chosen first, and the apps are registered with them once the
//! service listens ([`Sandbox::register`]) and its address is known.

use mooring_forge::{Forge, Happened, OAuthAppSpec, Post, Running, Serve, TokenSpec};
use url::Url;

use super::accounts::{self, Account};
use crate::exit::Failure;

/// An app by which people consent.
struct App {
    provider: &'static str,
    id_setting: &'static str,
    secret_setting: &'static str,
    spec: fn(&str) -> OAuthAppSpec,
}

const APPS: [App; 4] = [
    App {
        provider: "github",
        id_setting: "MOORING_GITHUB_CLIENT_ID",
        secret_setting: "MOORING_GITHUB_CLIENT_SECRET",
        spec: OAuthAppSpec::github,
    },
    App {
        provider: "gitlab",
        id_setting: "MOORING_GITLAB_CLIENT_ID",
        secret_setting: "MOORING_GITLAB_CLIENT_SECRET",
        spec: OAuthAppSpec::gitlab,
    },
    App {
        provider: "bitbucket",
        id_setting: "MOORING_BITBUCKET_CLIENT_ID",
        secret_setting: "MOORING_BITBUCKET_CLIENT_SECRET",
        spec: OAuthAppSpec::bitbucket,
    },
    App {
        provider: "azure_devops",
        id_setting: "MOORING_AZURE_CLIENT_ID",
        secret_setting: "MOORING_AZURE_CLIENT_SECRET",
        spec: OAuthAppSpec::entra,
    },
];

impl App {
    fn client_id(&self) -> String {
        format!("demo-{}", self.provider)
    }

    /// It opens nothing but the sandbox, which is reached from this machine alone.
    fn client_secret(&self) -> String {
        format!("demo-secret-of-{}", self.provider)
    }
}

/// The forge, served on loopback.
pub struct Sandbox {
    forge: Forge,
    served: Running,
    /// The accounts to connect.
    pub accounts: Vec<Account>,
}

impl Sandbox {
    /// Renames a repository as a person does at the provider, which tells its hooks; how many
    /// deliveries arrived.
    pub async fn rename(&self, full_name: &str, name: &str) -> usize {
        let mut parts = full_name.split('/');
        let (owner, last) = (parts.next(), parts.next_back());
        let found = self.forge.read(|state| {
            let is_it = |one: &&mooring_forge::Repository| {
                Some(one.name.as_str()) == last
                    && state.owner(one.owner).map(|owner| owner.login.as_str()) == owner
            };
            state.repositories().find(is_it).map(|one| one.id)
        });
        let Some(id) = found else {
            return 0;
        };
        self.forge.edit(|state| state.rename(id, name));
        let happened = [Happened::Repository(id, "renamed")];
        let sent = self
            .forge
            .tell(&self.served, &happened, Post::default())
            .await;
        sent.iter().filter(|one| one.status == Some(202)).count()
    }

    /// Revokes a GitHub token as its owner does, and makes another one for them.
    pub fn replace(&self, token: &str, login: &str) -> String {
        self.forge.revoke(token);
        let spec = TokenSpec::classic(login).scopes(["repo", "read:org"]);
        self.forge.mint(spec)
    }

    /// Fills a forge and serves it.
    pub async fn open() -> Result<Self, Failure> {
        let forge = Forge::default();
        let accounts = accounts::fill(&forge);
        let served = forge.serve(Serve::default()).await?;
        Ok(Self {
            forge,
            served,
            accounts,
        })
    }

    /// The settings by which a service takes the forge for its providers. An address that a
    /// setting names may be reached although it is loopback.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let at = &self.served;
        let mut settings = vec![
            ("MOORING_GITHUB_URL", at.github.web_url.clone()),
            ("MOORING_GITHUB_API_URL", at.github.api_url.clone()),
            ("MOORING_GITLAB_URL", at.gitlab.url.clone()),
            ("MOORING_BITBUCKET_URL", at.bitbucket.web_url.clone()),
            ("MOORING_BITBUCKET_API_URL", at.bitbucket.api_url.clone()),
            ("MOORING_AZURE_URL", at.azure.url.clone()),
            ("MOORING_AZURE_LOGIN_URL", at.azure.login_url.clone()),
            ("MOORING_AZURE_PROFILE_URL", at.azure.profile_url.clone()),
        ];
        for app in &APPS {
            settings.push((app.id_setting, app.client_id()));
            settings.push((app.secret_setting, app.client_secret()));
        }
        settings
    }

    /// Registers the service's apps, whose consents come back to this public URL.
    pub fn register(&self, public_url: &Url) {
        let base = public_url.as_str().trim_end_matches('/');
        for app in &APPS {
            let callback = format!("{base}/api/v1/auth/{}/callback", app.provider);
            let spec = (app.spec)(&callback).name("Mooring's demo");
            self.forge
                .add_oauth_app(spec.client(app.client_id(), app.client_secret()));
        }
    }

    /// Where people consent: the origins that a browser has to reach.
    pub fn consent_pages(&self) -> [&str; 4] {
        let at = &self.served;
        [
            &at.github.web_url,
            &at.gitlab.url,
            &at.bitbucket.web_url,
            &at.azure.login_url,
        ]
    }

    /// What there is, in a sentence.
    pub fn description(&self) -> String {
        let repositories: usize = self.accounts.iter().map(|one| one.repositories).sum();
        format!(
            "opened a sandbox forge: GitHub at {}, GitLab at {}, Bitbucket at {}, Azure DevOps at {}; \
             {} accounts with {repositories} repositories",
            self.served.github.web_url,
            self.served.gitlab.url,
            self.served.bitbucket.web_url,
            self.served.azure.url,
            self.accounts.len(),
        )
    }

    /// Stops serving.
    pub async fn close(self) {
        self.served.stop().await;
    }
}
