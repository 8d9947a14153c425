//! What listens: the API, and the address for operators where it has its own.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::api::{ApiState, Check, MetricsSource, ServeError, Settings, ops_router, router, serve};
use shared::authz::jwt::{Jwks, Secret256, Verifier};
use shared::config::Config;
use shared::domain::secret::Secret;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::files;
use super::listen::Sockets;
use super::parts::Parts;
use crate::exit::Failure;

/// Servers at work, over one state.
pub struct Servers {
    address: Option<SocketAddr>,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), ServeError>>,
}

impl Servers {
    /// Serves on what was bound.
    pub fn start(
        config: &Config,
        parts: &Parts,
        jwt: Option<&Secret>,
        sockets: Sockets,
        (checks, sources): (Vec<(&'static str, Check)>, Vec<MetricsSource>),
    ) -> Result<Self, Failure> {
        let address = match &sockets.api {
            Some(listener) => Some(listener.local_addr()?),
            None => None,
        };
        let public_url = config.public_url(address.unwrap_or(config.listen));
        let defaults = Settings::new(public_url.as_str());
        let settings = Settings {
            require_aal2: config.user_tokens.require_aal2,
            serve_metrics: sockets.metrics.is_none(),
            connections: files::connections(defaults.connections),
            redirect_origins: config.redirect_origins(address.unwrap_or(config.listen)),
            ..defaults
        };
        let state = ApiState::new(
            parts.context.clone(),
            verifier(config, parts, jwt),
            settings,
            checks,
        );
        for source in sources {
            state.metrics.add_source(source);
        }
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        if sockets.api.is_some() {
            let (context, stop) = (parts.context.clone(), stop.clone());
            tasks.spawn(async move {
                shared::flows::webhooks::stay(&context, stop).await;
                Ok(())
            });
        }
        let pairs = [
            sockets
                .api
                .map(|listener| (listener, router(state.clone()))),
            sockets
                .metrics
                .map(|listener| (listener, ops_router(state.clone()))),
        ];
        for (listener, router) in pairs.into_iter().flatten() {
            tasks.spawn(serve(
                listener,
                router,
                state.clone(),
                stop.clone().cancelled_owned(),
            ));
        }
        Ok(Self {
            address,
            stop,
            tasks,
        })
    }

    /// Where the API listens, where it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Resolves when one of them has ended by itself.
    pub async fn ended(&mut self) -> Failure {
        match self.tasks.join_next().await {
            None => pending().await,
            Some(Ok(Ok(()))) => Failure::failed("a listener ended"),
            Some(Ok(Err(error))) => Failure::failed(error.to_string()),
            Some(Err(error)) => Failure::failed(format!("a listener ended: {error}")),
        }
    }

    /// Takes no connection any more, answers what runs, at most for `grace`.
    pub async fn end(mut self, grace: Duration) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!("the grace is over: calls that were not answered are cut");
            self.tasks.shutdown().await;
        }
    }
}

fn verifier(config: &Config, parts: &Parts, jwt: Option<&Secret>) -> Verifier {
    let tokens = &config.user_tokens;
    Verifier {
        clock: parts.context.clock.clone(),
        secret: jwt.and_then(Secret256::new),
        keys: tokens
            .jwks_url
            .clone()
            .map(|url| Jwks::new(url, Arc::new(parts.outbound.clone()))),
        issuer: tokens.issuer.clone(),
        audience: tokens.audience.clone(),
    }
}
