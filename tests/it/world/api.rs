//! The API on a port of its own, over the world's context or a variation of it.

use std::sync::{Arc, Mutex};

use api::{ApiState, Settings};
use shared::authz::jwt::Verifier;
use shared::clock::Clock;
use shared::flows::Context;
use shared::outbound::{Limits, Outbound};
use shared::providers::{ConfiguredInstances, Providers};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::World;

/// An API at work until its last handle is dropped.
#[derive(Clone)]
pub struct Api {
    pub base: String,
    pub(super) http: reqwest::Client,
    /// Every answer that it gave, as sent.
    pub(super) transcript: Arc<Mutex<Vec<u8>>>,
    _stop: Option<Arc<DropGuard>>,
}

impl Api {
    /// Serves on a free port.
    pub async fn start(
        context: &Context,
        verifier: Verifier,
        set: impl FnOnce(&mut Settings),
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::new(&base);
        set(&mut settings);
        let state = ApiState::new(context.clone(), verifier, settings, Vec::new());
        let stop = CancellationToken::new();
        let router = api::router(state.clone());
        tokio::spawn(api::serve(
            listener,
            router,
            state,
            stop.clone().cancelled_owned(),
        ));
        Self {
            base,
            http: http_client(),
            transcript: Arc::default(),
            _stop: Some(Arc::new(stop.drop_guard())),
        }
    }

    /// One that another process serves.
    pub fn at(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            http: http_client(),
            transcript: Arc::default(),
            _stop: None,
        }
    }

    /// Everything that was answered so far: status lines, headers and bodies.
    pub fn transcript(&self) -> Vec<u8> {
        self.transcript.lock().unwrap().clone()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is a caller from outside, not an outgoing request of ours"
)]
pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// The way out, with these addresses allowed.
pub fn outbound(allow: &str) -> Outbound {
    Outbound::new(allow.parse().unwrap(), Limits::default()).unwrap()
}

/// The adapters, whose platform-level instances are the forge's.
pub fn providers(
    clock: &Clock,
    served: &mooring_forge::Running,
    outbound: Outbound,
) -> Arc<Providers> {
    let instances = ConfiguredInstances {
        github_url: served.github.web_url.parse().unwrap(),
        github_api_url: Some(served.github.api_url.parse().unwrap()),
        gitlab_url: served.gitlab.url.parse().unwrap(),
        bitbucket_url: served.bitbucket.web_url.parse().unwrap(),
        bitbucket_api_url: served.bitbucket.api_url.parse().unwrap(),
        azure_url: served.azure.url.parse().unwrap(),
        azure_login_url: served.azure.login_url.parse().unwrap(),
        azure_profile_url: served.azure.profile_url.parse().unwrap(),
    };
    Arc::new(Providers::new(outbound, clock.clone(), &instances))
}

/// A second API over the same world that may reach these addresses only.
pub async fn allowing(w: &World, allow: &str) -> Api {
    let context = Context {
        providers: providers(&w.clock, &w.served, outbound(allow)),
        ..w.context.clone()
    };
    Api::start(&context, super::callers::verifier(&w.clock), |_| {}).await
}
