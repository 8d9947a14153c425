//! An installation of a GitHub App: what it shares with every token, and what it alone does.

mod refusals;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use mooring_forge::{
    Action, AppSpec, Canned, Face, Fault, Forge, InstallationId, InstallationSpec, Match,
    RegisteredApp, RepositorySpec, Role, Running, Serve,
};
use serde_json::json;
use shared::clock::Clock;
use shared::domain::secret::Secret;
use shared::outbound::{Limits, Outbound};
use shared::providers::{
    Access, App, BranchQuery, ConfiguredInstances, ErrorClass, ListQuery, Provider, Providers,
    Selection,
};
use shared::session::{KeySource, MintedTokens, installed};

use crate::world::{branches_of, hundred};

struct World {
    forge: Forge,
    /// Ours; the forge's differs by `apart`.
    clock: Clock,
    /// Seconds that the forge's clock is ahead.
    apart: Arc<AtomicI64>,
    app: RegisteredApp,
    installation: InstallationId,
    providers: Providers,
    tokens: MintedTokens,
    at: Running,
}

impl World {
    /// An organization `acme` of `ada`'s, with an App installed on all of it.
    async fn start() -> Self {
        let (clock, apart) = (Clock::movable(), Arc::new(AtomicI64::new(0)));
        let (ours, ahead) = (clock.clone(), apart.clone());
        let now = move || ours.now() + TimeDelta::seconds(ahead.load(Ordering::SeqCst));
        let forge = Forge::new(Arc::new(now), 1);
        forge.add_user("ada");
        forge.add_organization("acme", &[("ada", Role::Owner)]);
        let app = forge.add_app("ada", AppSpec::new("mooring"));
        let installation = forge.install(InstallationSpec::all(app.id, "acme"));
        let at = forge.serve(Serve::default()).await.expect("free ports");
        let outbound = Outbound::new("127.0.0.0/8".parse().expect("a list"), Limits::API);
        let configured = ConfiguredInstances {
            github_url: at.github.web_url.parse().expect("a URL"),
            github_api_url: Some(at.github.api_url.parse().expect("a URL")),
            ..ConfiguredInstances::default()
        };
        let outbound = outbound.expect("a client");
        Self {
            providers: Providers::new(outbound, clock.clone(), &configured),
            tokens: MintedTokens::default(),
            forge,
            clock,
            apart,
            app,
            installation,
            at,
        }
    }

    fn app(&self) -> App {
        let key = Secret::from(self.app.private_key.as_str());
        App {
            instance: self
                .providers
                .instance(shared::domain::provider::ProviderKind::Github, None)
                .expect("an instance"),
            id: number(self.app.id),
            private_key: self.providers.apps().check_key(&key).expect("a key"),
        }
    }

    fn with(&self, app: App, source: KeySource) -> (Arc<dyn Provider>, Access) {
        let parts = (&self.providers, &self.tokens, &self.clock);
        installed(parts, app, source, number(self.installation))
    }

    fn open(&self) -> (Arc<dyn Provider>, Access) {
        self.with(self.app(), KeySource::Pasted)
    }

    /// How often a token was asked for.
    fn mintings(&self) -> usize {
        let path = format!("/app/installations/{}/access_tokens", self.installation);
        self.forge.count(&Match::face(Face::GitHub).path(path))
    }

    async fn error_of_identity(&self) -> shared::providers::ProviderError {
        let (provider, access) = self.open();
        provider.identity(&access).await.expect_err("a failure")
    }
}

fn number(id: u64) -> i64 {
    i64::try_from(id).expect("a small number")
}

fn lists() -> Match {
    Match::face(Face::GitHub).path("/installation/repositories")
}

#[tokio::test]
async fn who_an_installation_is() {
    let world = World::start().await;
    let (provider, access) = world.open();
    let identity = provider.identity(&access).await.expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("acme"));
    assert_eq!(identity.account.kind.as_deref(), Some("organization"));
    assert!(identity.account.id.is_some() && identity.account.avatar_url.is_some());
    let scopes = ["contents:read", "metadata:read"].map(str::to_owned);
    assert_eq!(identity.scopes.as_deref(), Some(&scopes[..]));
    assert!(identity.missing_scopes.is_empty());
    assert_eq!(identity.token_expires_at, None);
    assert!(identity.rate_limit.remaining < identity.rate_limit.limit);
    let facts = world.providers.apps().app(&world.app()).await;
    let facts = facts.expect("facts");
    let page = format!("{}/apps/mooring/installations/new", world.at.github.web_url);
    assert_eq!(facts.install_url, Some(page));
    assert_eq!(facts.client_id.as_ref(), Some(&world.app.client_id));
}

#[tokio::test]
async fn which_permissions_are_missing() {
    let world = World::start().await;
    let id = world.installation;
    let reduce = |state: &mut mooring_forge::State| {
        state.installation_mut(id).permissions.remove("contents")
    };
    world.forge.edit(reduce);
    let (provider, access) = world.open();
    let identity = provider.identity(&access).await.expect("an identity");
    assert_eq!(identity.missing_scopes, ["contents:read"]);
    world.forge.add_repositories("acme", 1);
    let branches = provider
        .branches(&access, &branches_of("acme/repo-00001"))
        .await;
    assert_eq!(
        branches.expect_err("refused").class,
        ErrorClass::ScopeMissing
    );
}

#[tokio::test]
async fn every_repository_is_seen_once() {
    let world = World::start().await;
    world.forge.add_repositories("acme", 250);
    world.forge.add_repositories("ada", 3);
    let (provider, access) = world.open();
    let mut seen = BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = provider
            .repositories(&access, &hundred(), cursor.as_ref())
            .await
            .expect("a page");
        assert_eq!((page.total, page.partial), (Some(250), false));
        for one in page.repositories {
            assert_eq!(one.has_write_access, Some(false));
            assert!(seen.insert(one.provider_repository_id));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 250);
    assert_eq!((world.mintings(), world.forge.count(&lists())), (1, 3));
}

#[tokio::test]
async fn what_was_chosen_is_what_is_seen() {
    let world = World::start().await;
    let ids = world.forge.add_repositories("acme", 3);
    let id = world.installation;
    world.forge.edit(|state| {
        let installation = state.installation_mut(id);
        installation.repositories = Some([ids[1]].into());
        let levels = installation.permissions.iter_mut();
        levels.for_each(|(_, level)| *level = "write".to_owned());
    });
    let (provider, access) = world.open();
    let page = provider.repositories(&access, &hundred(), None).await;
    let page = page.expect("a page");
    assert_eq!(page.total, Some(1));
    assert_eq!(page.repositories[0].has_write_access, Some(true));
    let told = world
        .providers
        .apps()
        .installation(&world.app(), number(id))
        .await
        .expect("it");
    assert_eq!(told.selection, Selection::Selected);
    let hidden = provider.repository(&access, "acme/repo-00001").await;
    assert_eq!(hidden.expect_err("hidden").class, ErrorClass::NotFound);
}

#[tokio::test]
async fn pages_by_number_and_by_search() {
    let world = World::start().await;
    world.forge.add_repositories("acme", 45);
    world
        .forge
        .add_repository("acme", RepositorySpec::named("Harbour"));
    let (provider, access) = world.open();
    let ask = async |page, search: Option<&str>| {
        let query = ListQuery {
            per_page: 20,
            page: Some(page),
            search: search.map(str::to_owned),
        };
        let page = provider.repositories(&access, &query, None).await;
        page.map(|page| (page.repositories.len(), page.next.is_some(), page.total))
            .expect("a page")
    };
    assert_eq!(ask(1, None).await, (20, true, Some(46)));
    assert_eq!(ask(3, None).await, (6, false, Some(46)));
    assert_eq!(ask(1, Some("harb")).await, (1, false, Some(1)));
}

#[tokio::test]
async fn one_broken_item_and_a_failed_page() {
    let world = World::start().await;
    let good = json!({
        "id": 7, "name": "good", "full_name": "acme/good", "html_url": "https://h/acme/good",
        "clone_url": "https://h/acme/good.git", "private": false,
    });
    let body = json!({ "total_count": 3, "repositories": [good, { "id": 8 }, "no object"] });
    let broken = Action::Answer(Canned::json(200, body));
    world.forge.fault(Fault::on(lists(), broken).once());
    let (provider, access) = world.open();
    let page = provider.repositories(&access, &hundred(), None).await;
    let page = page.expect("a page");
    assert_eq!((page.repositories.len(), page.undecodable.len()), (1, 2));
    let failure = Action::Answer(Canned::html(502));
    world.forge.fault(Fault::on(lists(), failure).once());
    let failed = provider.repositories(&access, &hundred(), None).await;
    assert_eq!(failed.expect_err("failed").class, ErrorClass::Unavailable);
}

#[tokio::test]
async fn branches_and_renames() {
    let world = World::start().await;
    let spec = RepositorySpec::named("boat").branches(["main", "topic/one"]);
    let id = world.forge.add_repository("acme", spec);
    world.forge.edit(|state| state.rename(id, "ship"));
    let (provider, access) = world.open();
    let found = provider.repository(&access, "acme/boat").await;
    assert_eq!(found.expect("it").full_name, "acme/ship");
    let query = BranchQuery {
        search: Some("topic".to_owned()),
        ..branches_of("acme/ship")
    };
    let page = provider.branches(&access, &query).await.expect("a page");
    assert_eq!(page.branches.len(), 1);
}

#[tokio::test]
async fn a_spent_window_is_the_installations_own() {
    let world = World::start().await;
    let (provider, access) = world.open();
    world
        .forge
        .set_installation_remaining(world.installation, 0);
    let limited = provider.repositories(&access, &hundred(), None).await;
    let limited = limited.expect_err("limited");
    assert_eq!(limited.class, ErrorClass::RateLimited);
    assert!(limited.retry_at.is_some());
}
