//! The forges of the demo: one as GitHub, one as GitLab, each with an account that has something.

use mooring_forge::{Forge, Running, Serve, TokenSpec};

use crate::exit::Failure;

/// GitLab's page has 100 at most: one more makes a second page.
const GITLAB_PROJECTS: usize = 101;
const GITLAB_LOGIN: &str = "tanuki";

/// The forges, served on loopback.
pub struct Sandbox {
    github: Running,
    gitlab: Running,
    /// The accounts to connect.
    pub accounts: [Account; 2],
}

/// An account at a forge.
pub struct Account {
    /// As the API names the provider.
    pub provider: &'static str,
    /// As the API names the method.
    pub auth_method: &'static str,
    /// How to call it when telling.
    pub shown: &'static str,
    /// Its login.
    pub login: String,
    /// A token of it. It opens nothing but the sandbox.
    pub token: String,
    /// How many repositories it can see.
    pub repositories: usize,
}

impl Sandbox {
    /// Fills two forges and serves them.
    pub async fn open() -> Result<Self, Failure> {
        let github = Forge::default();
        let seeded = mooring_forge::seed(&github);
        let gitlab = Forge::default();
        gitlab.add_user(GITLAB_LOGIN);
        gitlab.add_repositories(GITLAB_LOGIN, GITLAB_PROJECTS);
        let gitlab_token = gitlab.mint(TokenSpec::gitlab(GITLAB_LOGIN));
        let accounts = [
            Account {
                provider: "github",
                auth_method: "pat",
                shown: "GitHub",
                login: seeded.login,
                token: seeded.github_token,
                repositories: seeded.repositories,
            },
            Account {
                provider: "gitlab",
                auth_method: "gitlab_token",
                shown: "GitLab",
                login: GITLAB_LOGIN.to_owned(),
                token: gitlab_token,
                repositories: GITLAB_PROJECTS,
            },
        ];
        Ok(Self {
            github: github.serve(Serve::default()).await?,
            gitlab: gitlab.serve(Serve::default()).await?,
            accounts,
        })
    }

    /// The settings by which a service takes the forges for its providers. An address that a
    /// setting names may be reached although it is loopback.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("MOORING_GITHUB_URL", self.github.github.web_url.clone()),
            ("MOORING_GITHUB_API_URL", self.github.github.api_url.clone()),
            ("MOORING_GITLAB_URL", self.gitlab.gitlab.url.clone()),
        ]
    }

    /// What there is, in a sentence.
    pub fn description(&self) -> String {
        let [github, gitlab] = &self.accounts;
        format!(
            "opened a sandbox forge: GitHub at {} ({} repositories), GitLab at {} ({})",
            self.github.github.web_url,
            github.repositories,
            self.gitlab.gitlab.url,
            gitlab.repositories
        )
    }

    /// Stops serving.
    pub async fn close(self) {
        self.github.stop().await;
        self.gitlab.stop().await;
    }
}
