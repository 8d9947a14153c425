//! Listening: HTTP/1 over TCP, with bounds on slow clients and an end that loses no call.
//!
//! What a client may hold has a bound before it has said who it is: a connection has one of
//! [`Settings::connections`](crate::Settings::connections) places, a buffer of [`READ_INTO`], and
//! [`Settings::head_within`](crate::Settings::head_within) to say what it wants. What bodies hold is the
//! business of those who read them.

use std::future::Future;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::middleware::{LineEnd, PeerAddress};
use crate::stall::Bounded;
use crate::state::ApiState;

/// What a connection reads into, at most, and with it the longest head: a client that sends a long one
/// and never ends it holds no more.
const READ_INTO: usize = 32 * 1024;

/// What is said where there is no place for another connection.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Pause after a failed accept (no file descriptors left): trying at once would only spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Why serving ended badly.
#[derive(Debug, thiserror::Error)]
#[error("the listener failed: {0}")]
pub struct ServeError(#[from] std::io::Error);

/// Serves `router` on `listener` until `shutdown` is ready: then no connection is taken any more,
/// calls under way are answered, and calls that go on without their client are waited for. The
/// caller bounds how long that may take by dropping the future.
///
/// # Errors
/// Where the listener is not usable.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    listener.local_addr()?;
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(state.settings.connections));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => converse((stream, place), peer, &router, &state, &graceful),
                Err(_) => turn_away(stream),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    // Streams have no end of their own.
    state.ending.cancel();
    graceful.shutdown().await;
    state.tasks.close();
    state.tasks.wait().await;
    Ok(())
}

/// Says that there is no place, as far as the socket takes it at once, and leaves. Of a client that has
/// much on its way already, the system may cut the line before that is read.
fn turn_away(stream: TcpStream) {
    tracing::debug!("a connection found no place");
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(FULL);
        let _ = stream.shutdown(Shutdown::Write);
    }
}

fn converse(
    (stream, place): (TcpStream, OwnedSemaphorePermit),
    peer: SocketAddr,
    router: &Router,
    state: &ApiState,
    graceful: &GracefulShutdown,
) {
    // Small answers must not wait for more to be said.
    let _ = stream.set_nodelay(true);
    let router = router.clone();
    let address = PeerAddress(peer.ip());
    let end = CancellationToken::new();
    let line = LineEnd(end.clone());
    let service =
        hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(address);
            request.extensions_mut().insert(line.clone());
            router.clone().oneshot(request)
        });
    let stream = Bounded::new(stream, state.settings.patience, state.ending.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.settings.head_within)
        .max_buf_size(READ_INTO)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            ended = watched => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            },
            () = end.cancelled() => tracing::debug!("a connection was cut: its client takes nothing"),
        }
        drop(place);
    });
}
