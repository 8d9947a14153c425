//! Redis as the wire of the bell, where it is configured.
//!
//! It carries rings by pub/sub and keeps nothing: a restart, a FLUSHALL or an eviction has nothing
//! to take. Installations that share a server hear each other's rings, which costs a look at lanes
//! that are empty; numbered databases do not separate channels.

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError};
use tokio::time::{Instant, timeout};

use super::CHANNEL;
use crate::domain::lane::Lanes;

/// A server that takes longer to hear a ring is of no use for wake-ups.
const PROMPT: Duration = Duration::from_millis(250);
/// How long a server that failed is left alone, so that rings do not wait for it one by one.
const LEFT_ALONE: Duration = Duration::from_secs(1);
/// A subscription is asked whether it still stands this often: a host that vanished says nothing.
const PING_EVERY: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// A Redis or Valkey server. Cheap to clone; connects when it is used.
#[derive(Clone)]
pub struct Redis(Client);

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its URL may hold a password.
        f.write_str("Redis")
    }
}

/// What went wrong with the server; never shows its URL.
#[derive(Debug, thiserror::Error)]
pub enum RedisFault {
    /// The driver says so.
    #[error("{0}")]
    Driver(#[from] RedisError),
    /// It did not answer in time.
    #[error("no answer in time")]
    Slow(#[from] tokio::time::error::Elapsed),
    /// It ended the subscription.
    #[error("the subscription ended")]
    Ended,
}

impl Redis {
    /// The server of a URL: `redis://`, `rediss://` (TLS), `redis+unix://` and the same for Valkey.
    ///
    /// # Errors
    /// Where it is no such URL.
    pub fn new(url: &str) -> Result<Self, RedisFault> {
        Ok(Self(Client::open(url.into_connection_info()?)?))
    }

    /// Its client, for others than the bell.
    #[must_use]
    pub fn client(&self) -> Client {
        self.0.clone()
    }

    /// Subscribes to the rings of all processes.
    ///
    /// # Errors
    /// Where the server cannot be reached.
    pub async fn listen(&self) -> Result<RedisRings, RedisFault> {
        let mut subscription = timeout(CONNECT_WITHIN, self.0.get_async_pubsub()).await??;
        timeout(CONNECT_WITHIN, subscription.subscribe(CHANNEL)).await??;
        let (sink, rings) = subscription.split();
        Ok(RedisRings {
            sink,
            rings,
            ping_at: Instant::now() + PING_EVERY,
        })
    }
}

/// Rings as they are heard.
pub struct RedisRings {
    sink: PubSubSink,
    rings: PubSubStream,
    ping_at: Instant,
}

impl fmt::Debug for RedisRings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisRings")
    }
}

impl RedisRings {
    /// The next ring. Nothing is lost where the future is dropped.
    ///
    /// # Errors
    /// Where the subscription no longer stands: subscribe anew, and look for what was missed.
    pub async fn next(&mut self) -> Result<Lanes, RedisFault> {
        loop {
            tokio::select! {
                ring = self.rings.next() => {
                    let ring = ring.ok_or(RedisFault::Ended)?;
                    // What is no text is another version's: look everywhere.
                    return Ok(ring.get_payload::<String>().map_or(Lanes::All, |text| Lanes::decode(&text)));
                }
                () = tokio::time::sleep_until(self.ping_at) => {
                    self.ping_at = Instant::now() + PING_EVERY;
                    timeout(CONNECT_WITHIN, self.sink.ping::<redis::Value>()).await??;
                }
            }
        }
    }
}

/// Rings through the server.
pub(super) struct RedisBell {
    redis: Redis,
    connection: Option<MultiplexedConnection>,
    not_before: Option<Instant>,
}

impl RedisBell {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            redis,
            connection: None,
            not_before: None,
        }
    }

    /// Whether somebody heard it.
    pub(super) async fn ring(&mut self, payload: &str) -> bool {
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        match self.publish(payload).await {
            Ok(listeners) => listeners > 0,
            Err(error) => {
                tracing::debug!(%error, "Redis does not take the ring; Postgres carries it");
                self.connection = None;
                self.not_before = Some(Instant::now() + LEFT_ALONE);
                false
            }
        }
    }

    async fn publish(&mut self, payload: &str) -> Result<i64, RedisFault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PROMPT))
                    .set_response_timeout(Some(PROMPT));
                let client = &self.redis.0;
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                // The driver's bound leaves out the handshake.
                self.connection
                    .insert(timeout(PROMPT * 2, connecting).await??)
            }
        };
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(CHANNEL).arg(payload);
        Ok(publish.query_async(connection).await?)
    }
}
