//! The adapter of one installation: GitHub's, with a good token for every question.
//!
//! Three things are refused with 401 and look alike. A token that is seconds old has not reached every
//! machine of GitHub: the same is asked again, for five seconds in all (Octokit does the same; 403
//! too, while its permissions are on their way). A token that is refused all the same, or is older, is
//! dead before its time (given back, suspended, uninstalled): another one is minted, once, and whatever
//! is wrong with the installation shows there. If one is had and refused too, that is GitHub's trouble
//! and no revocation: the account's consent is told by the assertion, never by a token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use url::Url;

use super::KeySource;
use super::tokens::{Bought, Held, MintedTokens};
use crate::clock::Clock;
use crate::domain::auth_method::AuthMethod;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::repository::RemoteRepository;
use crate::providers::{
    Access, App, Apps, BranchPage, BranchQuery, CheckedPage, Cursor, ErrorClass, HeldPage,
    Identity, ListQuery, OAuth, Provider, ProviderError, RepositoryPage, Scheme, TokenFormError,
};

/// So long after its minting a token may be refused for being new.
const SETTLING: TimeDelta = TimeDelta::seconds(5);
/// Between two askings: five seconds in all, whatever the clock does meanwhile.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1200),
    Duration::from_millis(1200),
    Duration::from_millis(1200),
];

/// See the module.
pub(super) struct Installed {
    pub(super) inner: Arc<dyn Provider>,
    pub(super) apps: Arc<dyn Apps>,
    pub(super) tokens: MintedTokens,
    pub(super) clock: Clock,
    pub(super) app: App,
    pub(super) source: KeySource,
    pub(super) installation: i64,
    pub(super) key: Bought,
}

impl Installed {
    fn turn(&self) -> Turn<'_> {
        Turn {
            installed: self,
            held: None,
            asked: 0,
            renewed: false,
        }
    }

    /// The App, asked where the access says.
    fn app(&self, access: &Access) -> App {
        App {
            instance: access.instance.clone(),
            ..self.app.clone()
        }
    }

    async fn token(&self, access: &Access) -> Result<Arc<Held>, ProviderError> {
        let app = self.app(access);
        let mint = || async {
            tracing::debug!(
                app = self.app.id,
                installation = self.installation,
                "minting"
            );
            self.apps
                .mint(&app, self.installation, &self.key.narrowing)
                .await
        };
        let minted = self.tokens.get(&self.key, &self.clock, mint).await;
        match minted {
            Ok(held) => Ok(held),
            Err(error) => Err(self.with_install_page(&app, self.blamed(error)).await),
        }
    }

    /// A key that is refused is its owner's to mend: the tenant's own where it was pasted.
    fn blamed(&self, mut error: ProviderError) -> ProviderError {
        if error.class == ErrorClass::Unauthorized && self.source == KeySource::Configured {
            error.class = ErrorClass::Operator;
        }
        error
    }

    /// Where the App is installed anew, for an installation that is gone.
    async fn with_install_page(&self, app: &App, mut error: ProviderError) -> ProviderError {
        if error.class == ErrorClass::Uninstalled {
            let facts = self.apps.app(app).await;
            error.action_url = facts.ok().and_then(|facts| facts.install_url);
        }
        error
    }
}

/// One question on its way to an answer.
struct Turn<'i> {
    installed: &'i Installed,
    held: Option<Arc<Held>>,
    /// How often it was asked again because the token was new.
    asked: usize,
    renewed: bool,
}

impl Turn<'_> {
    /// What to ask with now.
    async fn access(&mut self, access: &Access) -> Result<Access, ProviderError> {
        let held = self.installed.token(access).await?;
        let access = Access {
            token: held.minted.token.clone(),
            scheme: Scheme::Installation,
            ..access.clone()
        };
        self.held = Some(held);
        Ok(access)
    }

    /// Whether that was the answer; `None` asks again.
    async fn settle<T>(
        &mut self,
        answer: Result<T, ProviderError>,
    ) -> Option<Result<T, ProviderError>> {
        let (error, held) = match (answer, &self.held) {
            (Err(error), Some(held)) => (error, held.clone()),
            (answer, _) => return Some(answer),
        };
        let refused = error.class == ErrorClass::Unauthorized;
        let forbidden = matches!(
            error.class,
            ErrorClass::Forbidden | ErrorClass::ScopeMissing
        );
        if !refused && !forbidden {
            return Some(Err(error));
        }
        let young = self.installed.clock.now() - held.at < SETTLING;
        if let Some(pause) = PAUSES.get(self.asked).filter(|_| young) {
            tracing::info!(
                installation = self.installed.installation,
                status = error.status,
                "a new token is refused; GitHub may not know it everywhere yet"
            );
            self.asked += 1;
            tokio::time::sleep(*pause).await;
            return None;
        }
        if forbidden {
            return Some(Err(error));
        }
        self.installed
            .tokens
            .forget(&self.installed.key, &held)
            .await;
        if self.renewed {
            return Some(Err(ProviderError {
                class: ErrorClass::Unavailable,
                detail: format!(
                    "a new token of the installation is refused: {}",
                    error.detail
                ),
                ..error
            }));
        }
        self.renewed = true;
        None
    }
}

#[async_trait]
impl Provider for Installed {
    fn kind(&self) -> ProviderKind {
        self.inner.kind()
    }

    fn instance(&self, web_url: Option<&Url>) -> Instance {
        self.inner.instance(web_url)
    }

    fn check_token_form(&self, token: &str) -> Result<(), TokenFormError> {
        self.inner.check_token_form(token)
    }

    fn scheme(&self, method: AuthMethod, username: Option<&str>) -> Scheme {
        self.inner.scheme(method, username)
    }

    /// The account by the assertion; and by a token, that one can be had and is good.
    async fn identity(&self, access: &Access) -> Result<Identity, ProviderError> {
        let app = self.app(access);
        let told = self.apps.installation(&app, self.installation).await;
        let told = match told {
            Ok(told) => told,
            Err(error) => return Err(self.with_install_page(&app, self.blamed(error)).await),
        };
        if told.suspended {
            return Err(ProviderError {
                class: ErrorClass::Suspended,
                status: None,
                detail: "the installation is suspended".to_owned(),
                retry_at: None,
                action_url: told.settings_url,
            });
        }
        let one = ListQuery {
            per_page: 1,
            page: Some(1),
            search: None,
        };
        let listed = self.repositories(access, &one, None).await?;
        Ok(Identity {
            account: told.account,
            scopes: Some(told.permissions),
            missing_scopes: told.missing_permissions,
            // The key has no end, and tokens are no concern of anybody's.
            token_expires_at: None,
            rate_limit: listed.rate_limit,
        })
    }

    async fn repositories(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
    ) -> Result<RepositoryPage, ProviderError> {
        let mut turn = self.turn();
        loop {
            let with = turn.access(access).await?;
            let answer = self.inner.repositories(&with, query, cursor).await;
            let answer = answer.map(|mut page| {
                for one in &mut page.repositories {
                    turn.mark(one);
                }
                page
            });
            if let Some(answer) = turn.settle(answer).await {
                return answer;
            }
        }
    }

    async fn repositories_if_changed(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
        held: Option<&HeldPage>,
    ) -> Result<CheckedPage, ProviderError> {
        let mut turn = self.turn();
        loop {
            let with = turn.access(access).await?;
            let answer = self
                .inner
                .repositories_if_changed(&with, query, cursor, held)
                .await;
            let answer = answer.map(|mut checked| {
                for one in &mut checked.page.repositories {
                    turn.mark(one);
                }
                checked
            });
            if let Some(answer) = turn.settle(answer).await {
                return answer;
            }
        }
    }

    fn pages_at_once(&self) -> usize {
        self.inner.pages_at_once()
    }

    fn walk_is_stable(&self) -> bool {
        self.inner.walk_is_stable()
    }

    async fn repository(
        &self,
        access: &Access,
        full_name: &str,
    ) -> Result<RemoteRepository, ProviderError> {
        let mut turn = self.turn();
        loop {
            let with = turn.access(access).await?;
            let answer = self.inner.repository(&with, full_name).await;
            let answer = answer.map(|mut one| {
                turn.mark(&mut one);
                one
            });
            if let Some(answer) = turn.settle(answer).await {
                return answer;
            }
        }
    }

    async fn branches(
        &self,
        access: &Access,
        query: &BranchQuery,
    ) -> Result<BranchPage, ProviderError> {
        let mut turn = self.turn();
        loop {
            let with = turn.access(access).await?;
            let answer = self.inner.branches(&with, query).await;
            if let Some(answer) = turn.settle(answer).await {
                return answer;
            }
        }
    }

    fn oauth(&self) -> &dyn OAuth {
        self.inner.oauth()
    }

    fn git_username(&self, scheme: Scheme) -> Option<&'static str> {
        self.inner.git_username(scheme)
    }

    fn token_page(&self, instance: &Instance) -> String {
        instance.web("/settings/apps")
    }
}

impl Turn<'_> {
    /// Whether the App may push follows from its permissions; what a repository says of the rights of
    /// a user means nothing here.
    fn mark(&self, repository: &mut RemoteRepository) {
        let level = self
            .held
            .as_ref()
            .and_then(|held| held.minted.permissions.get("contents"));
        repository.has_write_access = Some(level.is_some_and(|level| level == "write"));
    }
}
