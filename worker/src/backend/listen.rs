//! The listener: hears the doorbell.
//!
//! A notification that is lost (the connection broke) is made up for by the survey; one that cannot
//! be read asks for a survey.

use std::sync::Arc;
use std::time::Duration;

use shared::queue::{CHANNEL, Lanes};
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::core::{Core, Signal};

const AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn run(core: Arc<Core>) {
    while !core.stopping.is_cancelled() {
        tokio::select! {
            () = core.stopping.cancelled() => break,
            heard = listen(&core) => {
                if let Err(error) = heard {
                    tracing::debug!(%error, "the listener lost its connection; trying again");
                }
            }
        }
        tokio::select! {
            () = core.stopping.cancelled() => break,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn listen(core: &Core) -> Result<(), sqlx::Error> {
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
            Some(ring) => match Lanes::decode(ring.payload()) {
                Lanes::Some(lanes) => core.signal(Signal::Ring(lanes)),
                Lanes::All => core.look.notify_one(),
            },
        }
    }
}
