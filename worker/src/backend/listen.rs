//! The listener: hears the doorbell, by NOTIFY and, where it is configured, by Redis.
//!
//! Both wires are listened to all the time, each for itself: whoever rings chooses the wire by what
//! it sees of Redis, which may be more or less than what we see of it. A ring that is lost (a wire
//! broke) is made up for by the survey; one that cannot be read asks for a survey.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use shared::queue::{CHANNEL, Lanes, Redis, RedisFault};
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::core::{Core, Signal};

const AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn run(core: Arc<Core>, redis: Option<Redis>) {
    let by_redis = async {
        if let Some(redis) = redis {
            while !core.stopping.is_cancelled() {
                tokio::select! {
                    () = core.stopping.cancelled() => break,
                    Err(error) = hear_redis(&core, &redis) => pause(&core, "Redis", &error).await,
                }
            }
        }
    };
    let by_notify = async {
        while !core.stopping.is_cancelled() {
            tokio::select! {
                () = core.stopping.cancelled() => break,
                Err(error) = hear_notify(&core) => pause(&core, "Postgres", &error).await,
            }
        }
    };
    tokio::join!(by_redis, by_notify);
}

async fn pause(core: &Core, wire: &str, error: &(dyn Display + Sync)) {
    tracing::debug!(wire, %error, "the listener lost its connection; trying again");
    tokio::select! {
        () = core.stopping.cancelled() => {}
        () = tokio::time::sleep(AGAIN) => {}
    }
}

fn heard(core: &Core, ring: Lanes) {
    match ring {
        Lanes::Some(lanes) => core.signal(Signal::Ring(lanes)),
        Lanes::All => core.look.notify_one(),
    }
}

async fn hear_notify(core: &Core) -> Result<(), sqlx::Error> {
    let options = core.connect.clone().application_name("mooring listen");
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    // What was rung while nobody listened.
    core.look.notify_one();
    loop {
        match listener.try_recv().await? {
            None => core.look.notify_one(),
            Some(ring) => heard(core, Lanes::decode(ring.payload())),
        }
    }
}

async fn hear_redis(core: &Core, redis: &Redis) -> Result<(), RedisFault> {
    let mut rings = redis.listen().await?;
    core.look.notify_one();
    loop {
        heard(core, rings.next().await?);
    }
}
