use chrono::Utc;
use mooring_forge::{
    Face, Forge, Match, OAuthApp as Registration, OAuthAppSpec, Running, Serve, TokenKind,
};
use shared::clock::Clock;
use shared::domain::provider::{Instance, ProviderKind};
use shared::domain::secret::{ExposeSecret, Secret};
use shared::outbound::{Limits, Outbound};
use shared::providers::{
    AuthorizeRequest, ConfiguredInstances, Grant, GrantError, OAuth, OAuthApp, Provider, Providers,
};
use std::sync::Arc;
use url::Url;

/// Kinds of registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    GithubOAuthApp,
    GithubApp,
    Gitlab,
    Bitbucket,
    Entra,
}

pub struct World {
    pub way: Way,
    pub forge: Forge,
    pub at: Running,
    pub registration: Registration,
    /// The same as the adapters know it.
    pub app: OAuthApp,
    configured: ConfiguredInstances,
    /// The adapter as it is used.
    usual: Arc<dyn Provider>,
}

pub const REDIRECT: &str = "https://mooring.example/auth/callback?from=there";
const STATE: &str = "st/a+te&x=1";
/// The vector of GitLab's documentation.
const VERIFIER: &str = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";
const CHALLENGE: &str = "2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U";
const LOOPBACK: &str = "127.0.0.0/8";

impl World {
    /// A forge with a registration to which `ada` will consent.
    pub async fn start(way: Way) -> Self {
        let forge = Forge::default();
        forge.add_user("ada");
        let how = Serve {
            gitlab_path: "/gitlab".to_owned(),
            ..Serve::default()
        };
        let at = forge.serve(how).await.expect("free ports");
        let registration = forge.add_oauth_app(match way {
            Way::GithubOAuthApp => OAuthAppSpec::github(REDIRECT),
            Way::GithubApp => OAuthAppSpec::github_app(REDIRECT),
            Way::Gitlab => OAuthAppSpec::gitlab(REDIRECT),
            Way::Bitbucket => OAuthAppSpec::bitbucket(REDIRECT),
            Way::Entra => OAuthAppSpec::entra(REDIRECT),
        });
        forge.consents_as(registration.kind.face(), "ada");
        let app = OAuthApp {
            instance: instance(way, &at),
            client_id: registration.client_id.clone(),
            client_secret: Secret::from(registration.client_secret.clone()),
            redirect_uri: url(REDIRECT),
            scopes: None,
        };
        let configured = configured(&at);
        Self {
            way,
            usual: adapter(way, &configured, LOOPBACK, Limits::API),
            configured,
            forge,
            at,
            registration,
            app,
        }
    }

    pub fn face(&self) -> Face {
        self.registration.kind.face()
    }

    /// It gives refresh tokens.
    pub fn renews(&self) -> bool {
        self.way != Way::GithubOAuthApp
    }

    /// The adapter's other half.
    pub fn provider(&self) -> &dyn Provider {
        self.usual.as_ref()
    }

    fn oauth(&self) -> &dyn OAuth {
        self.usual.oauth()
    }

    /// The same with the registration at other addresses.
    pub fn moved(mut self, at: &Running) -> Self {
        self.app.instance = instance(self.way, at);
        self.configured = configured(at);
        self.usual = self.adapter(LOOPBACK, Limits::API);
        self
    }

    fn adapter(&self, allow: &str, limits: Limits) -> Arc<dyn Provider> {
        adapter(self.way, &self.configured, allow, limits)
    }

    /// With an adapter of other permissions.
    pub async fn exchange_under(&self, allow: &str, code: &str) -> Result<Grant, GrantError> {
        let adapter = self.adapter(allow, Limits::API);
        exchange(adapter.oauth(), &self.app, code).await
    }

    pub async fn exchange(&self, code: &str) -> Result<Grant, GrantError> {
        self.exchange_as(&self.app, code).await
    }

    pub async fn exchange_as(&self, app: &OAuthApp, code: &str) -> Result<Grant, GrantError> {
        exchange(self.oauth(), app, code).await
    }

    pub async fn refresh(&self, token: &Secret) -> Result<Grant, GrantError> {
        self.refresh_as(&self.app, token).await
    }

    pub async fn refresh_as(&self, app: &OAuthApp, token: &Secret) -> Result<Grant, GrantError> {
        told(self.oauth().refresh(app, token).await, app, token)
    }

    /// With impatience: the answer is late.
    pub async fn refresh_impatiently(&self, token: &Secret) -> Result<Grant, GrantError> {
        let limits = Limits {
            deadline: std::time::Duration::from_millis(150),
            ..Limits::API
        };
        let adapter = self.adapter(LOOPBACK, limits);
        let outcome = adapter.oauth().refresh(&self.app, token).await;
        told(outcome, &self.app, token)
    }

    pub async fn revoke(&self, app: &OAuthApp, token: &Secret) -> Result<bool, String> {
        let outcome = self.oauth().revoke(app, token).await;
        outcome.map_err(|error| {
            assert!(!error.detail.contains(token.expose_secret()));
            format!("{:?}", error.class)
        })
    }

    pub fn rotation(&self) -> shared::providers::Rotation {
        self.oauth().rotation()
    }

    pub fn authorize_url(&self, app: &OAuthApp, login_hint: Option<&str>) -> Url {
        let request = AuthorizeRequest {
            state: STATE,
            code_challenge: CHALLENGE,
            login_hint,
        };
        self.oauth().authorize_url(app, &request)
    }

    /// Opens a consent page as a browser does, and answers where it is sent to.
    #[expect(
        clippy::disallowed_methods,
        reason = "a browser is none of the service's own requests"
    )]
    pub async fn open(&self, url: Url) -> Url {
        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a browser");
        let answer = browser.get(url).send().await.expect("an answer");
        let location = answer.headers().get("location").expect("a redirect");
        self::url(location.to_str().expect("text"))
    }

    /// Consents, and answers the code.
    pub async fn code(&self) -> String {
        let back = self.open(self.authorize_url(&self.app, None)).await;
        let get = |name| {
            let mut pairs = back.query_pairs();
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        assert_eq!(get("state").as_deref(), Some(STATE), "{back}");
        assert_eq!(get("from").as_deref(), Some("there"), "{back}");
        get("code").expect("a code")
    }

    pub async fn grant(&self) -> Grant {
        let code = self.code().await;
        self.exchange(&code).await.expect("a grant")
    }

    /// A refresh token; only where there are any.
    pub async fn refresh_token(&self) -> Secret {
        self.grant().await.refresh_token.expect("a refresh token")
    }

    /// Whether the provider still takes an access token.
    pub fn is_alive(&self, token: &Secret) -> bool {
        self.forge.read(|state| {
            let token = state.token_of_secret(token.expose_secret());
            let token = token.expect("a token of the forge");
            assert_eq!(token.kind.face(), self.face());
            token.is_active(Clock::system().now())
        })
    }

    pub fn is_of_the_right_kind(&self, token: &Secret) -> bool {
        let expected = match self.way {
            Way::GithubOAuthApp => TokenKind::GitHubOAuth,
            Way::GithubApp => TokenKind::GitHubUser,
            Way::Gitlab => TokenKind::GitLabOAuth,
            Way::Bitbucket => TokenKind::BitbucketOAuth,
            Way::Entra => TokenKind::AzureEntra,
        };
        self.forge.read(|state| {
            let token = state.token_of_secret(token.expose_secret());
            token.is_some_and(|token| token.kind == expected)
        })
    }

    /// Requests to the token endpoint.
    pub fn asks_for_tokens(&self) -> Match {
        Match::face(self.face())
            .method(http::Method::POST)
            .path(match self.way {
                Way::GithubOAuthApp | Way::GithubApp => "/login/oauth/access_token",
                Way::Gitlab => "/oauth/token",
                Way::Bitbucket => "/site/oauth2/access_token",
                Way::Entra => "/organizations/oauth2/v2.0/token",
            })
    }

    /// The registration as somebody else has it.
    pub fn app_with(&self, change: impl FnOnce(&mut OAuthApp)) -> OAuthApp {
        let mut app = self.app.clone();
        change(&mut app);
        app
    }
}

fn adapter(
    way: Way,
    configured: &ConfiguredInstances,
    allow: &str,
    limits: Limits,
) -> Arc<dyn Provider> {
    let outbound = Outbound::new(allow.parse().expect("a list"), limits).expect("a client");
    let providers = Providers::new(outbound, Clock::system(), configured);
    let kind = match way {
        Way::GithubOAuthApp | Way::GithubApp => ProviderKind::Github,
        Way::Gitlab => ProviderKind::Gitlab,
        Way::Bitbucket => ProviderKind::Bitbucket,
        Way::Entra => ProviderKind::AzureDevops,
    };
    providers.of(kind)
}

async fn exchange(oauth: &dyn OAuth, app: &OAuthApp, code: &str) -> Result<Grant, GrantError> {
    let (code, verifier) = (Secret::from(code), Secret::from(VERIFIER));
    told(oauth.exchange(app, &code, &verifier).await, app, &code)
}

/// Every failure goes through here: none may tell a secret.
fn told(
    outcome: Result<Grant, GrantError>,
    app: &OAuthApp,
    presented: &Secret,
) -> Result<Grant, GrantError> {
    if let Err(error) = &outcome {
        for secret in [presented, &app.client_secret] {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(secret.expose_secret()), "{shown}");
        }
    }
    outcome
}

/// Left of a lifetime, in seconds.
pub fn left(end: Option<chrono::DateTime<Utc>>) -> Option<i64> {
    end.map(|end| (end - Clock::system().now()).num_seconds())
}

fn instance(way: Way, at: &Running) -> Instance {
    let (kind, web, api) = match way {
        Way::GithubOAuthApp | Way::GithubApp => (
            ProviderKind::Github,
            &at.github.web_url,
            &at.github.enterprise_api_url,
        ),
        Way::Gitlab => (ProviderKind::Gitlab, &at.gitlab.url, &at.gitlab.api_url),
        Way::Bitbucket => (
            ProviderKind::Bitbucket,
            &at.bitbucket.web_url,
            &at.bitbucket.api_url,
        ),
        Way::Entra => (ProviderKind::AzureDevops, &at.azure.url, &at.azure.url),
    };
    Instance {
        kind,
        web_url: url(web),
        api_url: url(api),
        certificate: None,
    }
}

/// What has one place per platform.
fn configured(at: &Running) -> ConfiguredInstances {
    ConfiguredInstances {
        bitbucket_url: url(&at.bitbucket.web_url),
        bitbucket_api_url: url(&at.bitbucket.api_url),
        azure_url: url(&at.azure.url),
        azure_profile_url: url(&at.azure.profile_url),
        azure_login_url: url(&at.azure.login_url),
        ..ConfiguredInstances::default()
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}
