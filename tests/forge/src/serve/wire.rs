//! Connections: accepting them, and cutting them the hard way where a fault says so.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::door::Door;
use super::handle::{Outcome, handle};
use crate::forge::Forge;

pub(super) async fn accept(
    forge: Forge,
    listener: TcpListener,
    door: Arc<Door>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = stop(&mut stopped) => return,
            accepted = listener.accept() => {
                // What fails here is one connection that went away before it was taken.
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(talk(forge.clone(), stream, door.clone(), stopped.clone()));
                }
            }
        }
    }
}

async fn talk(
    forge: Forge,
    stream: TcpStream,
    door: Arc<Door>,
    mut stopped: watch::Receiver<bool>,
) {
    // Without it small answers wait for acknowledgements; failing only costs time.
    let _ = stream.set_nodelay(true);
    let cut = Arc::new(AtomicBool::new(false));
    let wire = Wire {
        stream,
        cut: cut.clone(),
    };
    let serve = service_fn(move |request: hyper::Request<Incoming>| {
        let work = tokio::spawn(handle(forge.clone(), door.clone(), request));
        let cut = cut.clone();
        async move {
            match work.await {
                Ok(Outcome::Send(answer)) => Ok(answer),
                Ok(Outcome::Cut) => {
                    cut.store(true, Ordering::Release);
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                }
                Err(panicked) => Err(io::Error::other(panicked)),
            }
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(wire), serve);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop(&mut stopped) => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        // However a connection ends, the client is the one to notice.
        let _ = connection.await;
    }
}

async fn stop(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone has stopped too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// A stream that is reset instead of closed once it is cut.
struct Wire {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Wire {
    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.is_cut() {
            // Without it the client sees an orderly end, which is a fault too.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_cut() {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_shutdown(cx),
        }
    }
}
