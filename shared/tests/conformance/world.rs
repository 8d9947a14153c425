//! A forge, served, and one adapter over the real client that asks it.

use std::sync::Arc;
use std::time::Duration;

use mooring_forge::{Face, Forge, Match, Running, Serve, TokenSpec};
use shared::clock::Clock;
use shared::domain::provider::{Instance, ProviderKind};
use shared::domain::secret::Secret;
use shared::outbound::{Limits, Outbound};
use shared::providers::{
    Access, BranchQuery, ConfiguredInstances, Cursor, ListQuery, Provider, ProviderError,
    Providers, RepositoryPage, Scheme,
};
use url::Url;

/// Ways in which an instance is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The platform's GitHub: web and API on two origins.
    Github,
    /// A GitHub Enterprise Server that a connection names: the API under `/api/v3`.
    Enterprise,
    /// A GitLab under a sub-path.
    Gitlab,
    /// Bitbucket Cloud by an API token.
    Bitbucket,
    /// An organization at Azure DevOps, by a token for it alone.
    Azure,
}

pub struct World {
    pub way: Way,
    pub forge: Forge,
    pub at: Running,
    /// The token of [`World::access`].
    pub token: String,
    providers: Providers,
}

/// What the tests may reach: the forge's loopback.
const LOOPBACK: &str = "127.0.0.0/8";

impl World {
    /// A forge with the user `ada`, who has a token with all that is needed.
    pub async fn start(way: Way) -> Self {
        let forge = Forge::default();
        forge.add_user("ada");
        let token = forge.mint(match way {
            Way::Github | Way::Enterprise => TokenSpec::classic("ada"),
            Way::Gitlab => TokenSpec::gitlab("ada"),
            Way::Bitbucket => TokenSpec::bitbucket("ada"),
            Way::Azure => TokenSpec::azure("ada"),
        });
        let how = Serve {
            gitlab_path: "/gitlab".to_owned(),
            ..Serve::default()
        };
        let at = forge.serve(how).await.expect("free ports");
        let providers = providers(way, &at, LOOPBACK, Limits::API);
        Self {
            way,
            forge,
            at,
            token,
            providers,
        }
    }

    pub fn kind(&self) -> ProviderKind {
        match self.way {
            Way::Github | Way::Enterprise => ProviderKind::Github,
            Way::Gitlab => ProviderKind::Gitlab,
            Way::Bitbucket => ProviderKind::Bitbucket,
            Way::Azure => ProviderKind::AzureDevops,
        }
    }

    pub fn face(&self) -> Face {
        match self.way {
            Way::Github | Way::Enterprise => Face::GitHub,
            Way::Gitlab => Face::GitLab,
            Way::Bitbucket => Face::Bitbucket,
            Way::Azure => Face::Azure,
        }
    }

    /// The adapter with other permissions and limits than the usual.
    pub fn provider_with(&self, allow: &str, limits: Limits) -> Arc<dyn Provider> {
        providers(self.way, &self.at, allow, limits).of(self.kind())
    }

    fn instance(&self) -> Instance {
        let base_url = match self.way {
            Way::Github | Way::Bitbucket => None,
            Way::Enterprise => Some(self.at.github.web_url.as_str()),
            Way::Gitlab => Some(self.at.gitlab.url.as_str()),
            Way::Azure => None,
        };
        self.providers
            .instance(self.kind(), base_url)
            .expect("an instance")
    }

    pub fn provider(&self) -> Arc<dyn Provider> {
        self.providers.of(self.kind())
    }

    pub fn provider_within(&self, limits: Limits) -> Arc<dyn Provider> {
        self.provider_with(LOOPBACK, limits)
    }

    pub fn access(&self) -> Access {
        self.access_with(&self.token)
    }

    pub fn access_with(&self, token: &str) -> Access {
        Access {
            instance: self.instance(),
            token: Secret::from(token),
            scheme: match self.way {
                Way::Github | Way::Enterprise => Scheme::Bearer,
                Way::Gitlab => Scheme::PrivateToken,
                Way::Bitbucket | Way::Azure => Scheme::Basic,
            },
            username: (self.way == Way::Bitbucket).then(|| "ada@example.com".to_owned()),
            azure_organization: (self.way == Way::Azure).then(|| "ada".to_owned()),
            meter: std::sync::Arc::new(shared::domain::meter::Unmetered),
        }
    }

    /// The id that the provider gives a repository of the forge.
    pub fn id_of(&self, id: mooring_forge::RepositoryId) -> String {
        match self.way {
            Way::Bitbucket => mooring_forge::repository_uuid(id),
            Way::Azure => mooring_forge::azure_repository_id(id),
            _ => id.to_string(),
        }
    }

    /// The requests that ask who the token is, the first of them where there are two.
    pub fn asks_identity(&self) -> Match {
        let path = match self.way {
            Way::Github | Way::Enterprise | Way::Bitbucket => "/user",
            Way::Gitlab => "/personal_access_tokens/self",
            Way::Azure => "/ada/_apis/connectionData",
        };
        Match::face(self.face()).path(path)
    }

    /// The requests with which a listing of repositories begins.
    pub fn lists(&self) -> Match {
        let path = match self.way {
            Way::Github | Way::Enterprise => "/user/repos",
            Way::Gitlab => "/projects",
            Way::Bitbucket => "/repositories/*",
            Way::Azure => "/ada/_apis/projects",
        };
        Match::face(self.face()).path(path)
    }

    /// The requests whose answers hold repositories.
    pub fn lists_rows(&self) -> Match {
        match self.way {
            Way::Azure => Match::face(Face::Azure).path("/ada/*/_apis/git/repositories"),
            _ => self.lists(),
        }
    }

    /// `owner/name` as the provider writes it: at Azure DevOps there is a project in between, the
    /// forge's default one being named like the owner.
    pub fn full_name(&self, name: &str) -> String {
        match (self.way, name.split_once('/')) {
            (Way::Azure, Some((owner, name))) => format!("{owner}/{owner}/{name}"),
            _ => name.to_owned(),
        }
    }

    pub async fn first_page(&self) -> Result<RepositoryPage, ProviderError> {
        self.provider()
            .repositories(&self.access(), &hundred(), None)
            .await
    }

    /// Walks to the end, calling `between` after each page; ids in the order they came.
    pub async fn walk(&self, per_page: u32, mut between: impl FnMut(usize)) -> Vec<String> {
        let (provider, access) = (self.provider(), self.access());
        let query = ListQuery {
            per_page,
            ..ListQuery::default()
        };
        let mut cursor: Option<Cursor> = None;
        let mut ids = Vec::new();
        for number in 1.. {
            let page = provider
                .repositories(&access, &query, cursor.as_ref())
                .await
                .expect("a page");
            assert!(page.undecodable.is_empty(), "{:?}", page.undecodable);
            ids.extend(
                page.repositories
                    .into_iter()
                    .map(|one| one.provider_repository_id),
            );
            between(number);
            match page.next {
                Some(next) => {
                    assert!(!next.0.to_string().contains("http"), "a URL in {next:?}");
                    cursor = Some(next);
                }
                None => break,
            }
        }
        ids
    }
}

fn providers(way: Way, at: &Running, allow: &str, limits: Limits) -> Providers {
    let url = |text: &str| Url::parse(text).expect("a URL");
    let outbound = Outbound::new(allow.parse().expect("a list"), limits).expect("a client");
    let mut configured = ConfiguredInstances::default();
    match way {
        Way::Github => {
            configured.github_url = url(&at.github.web_url);
            configured.github_api_url = Some(url(&at.github.api_url));
        }
        Way::Bitbucket => {
            configured.bitbucket_url = url(&at.bitbucket.web_url);
            configured.bitbucket_api_url = url(&at.bitbucket.api_url);
        }
        Way::Enterprise | Way::Gitlab => {}
        Way::Azure => {
            configured.azure_url = url(&at.azure.url);
            configured.azure_profile_url = url(&at.azure.profile_url);
        }
    }
    Providers::new(outbound, Clock::system(), &configured)
}

pub fn hundred() -> ListQuery {
    ListQuery {
        per_page: 100,
        ..ListQuery::default()
    }
}

pub fn branches_of(full_name: &str) -> BranchQuery {
    BranchQuery {
        full_name: full_name.to_owned(),
        search: None,
        page: 1,
        per_page: 100,
    }
}

/// Short limits for what must end.
pub fn impatient() -> Limits {
    Limits {
        deadline: Duration::from_millis(300),
        ..Limits::API
    }
}
