//! A connection whose other side takes nothing ends.
//!
//! HTTP sets no bound: a client that asks and does not read keeps its answer, what waits behind it
//! and the connection for as long as it likes, and an end in order would wait for it. So a write
//! may find no room for [`Settings::patience`](crate::Settings::patience) at most, and for a moment
//! only once the server ends. Every byte that is taken begins the time anew; who takes a stream of
//! events too slowly is dealt with there.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What a client gets to take the rest when the server ends.
const LAST: Duration = Duration::from_secs(2);

/// A stream that gives up on a reader who does not read.
pub(crate) struct Bounded<S> {
    stream: S,
    patience: Duration,
    ending: CancellationToken,
    /// Since a write found no room: until when that may last.
    stalled: Option<BoxFuture<'static, ()>>,
}

impl<S: AsyncWrite + Unpin> Bounded<S> {
    pub(crate) fn new(stream: S, patience: Duration, ending: CancellationToken) -> Self {
        Self {
            stream,
            patience,
            ending,
            stalled: None,
        }
    }

    /// A write or flush, unless it has been without room for too long.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), cx) {
            self.stalled = None;
            return Poll::Ready(done);
        }
        let (patience, ending) = (self.patience, &self.ending);
        let stalled = self.stalled.get_or_insert_with(|| {
            let ending = ending.clone();
            async move {
                tokio::select! {
                    () = sleep(patience) => {}
                    () = ending.cancelled_owned().then(|()| sleep(LAST)) => {}
                }
            }
            .boxed()
        });
        stalled.poll_unpin(cx).map(|()| {
            let words = "the client takes nothing";
            Err(Error::new(ErrorKind::TimedOut, words))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.bounded(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.bounded(cx, |stream, cx| stream.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.bounded(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.bounded(cx, AsyncWrite::poll_shutdown)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_and_who_takes_a_little_is_not() {
        let (ours, mut theirs) = duplex(16);
        let patience = Duration::from_millis(300);
        let mut line = Bounded::new(ours, patience, CancellationToken::new());
        let slow = tokio::spawn(async move {
            let mut some = [0; 4];
            for _ in 0..8 {
                sleep(Duration::from_millis(60)).await;
                theirs.read_exact(&mut some).await.unwrap();
            }
            theirs
        });
        line.write_all(&[7; 40]).await.unwrap();
        let _open = slow.await.unwrap();
        let error = line.write_all(&[7; 40]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_end_of_the_server_waits_a_moment_only() {
        let (ours, _theirs) = duplex(16);
        let ending = CancellationToken::new();
        let patience = Duration::from_secs(3600);
        let mut line = Bounded::new(ours, patience, ending.clone());
        let began = Instant::now();
        let write = tokio::spawn(async move { line.write_all(&[7; 40]).await });
        ending.cancel();
        assert!(write.await.unwrap().is_err());
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
