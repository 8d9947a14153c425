//! `mooring bench queue --storm`: on a private Postgres as `up` has it, which is ended and started
//! again on its data directory, as an operator would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mooring::embedded::{Embedded, EmbeddedError, EmbeddedOptions};
use rustix::process::{Pid, Signal, kill_process};
use shared::clock::Clock;
use tokio::sync::Mutex;
use worker::bench::{Outage, Storm, storm};

use super::queue::{Options, print, worker};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::scratch::Scratch;

/// Short, so that jobs of the dead are taken over while the storm goes on.
const LEASE: Duration = Duration::from_secs(2);
/// How long the server stays away.
const AWAY: Duration = Duration::from_secs(3);

/// The server, while it runs.
type Server = Arc<Mutex<Option<Embedded>>>;

/// Storms for so long. A promise that was broken is a failure.
pub(super) async fn run(
    _: &Environment,
    options: &Options,
    program: PathBuf,
    time: Duration,
) -> Result<(), Failure> {
    let scratch = Scratch::new("storm")?;
    let place = EmbeddedOptions::new(scratch.path(), true);
    let embedded = Embedded::start(&place).await?;
    let connect = embedded.connect_options();
    shared::store::migrate(&connect).await?;
    let server: Server = Arc::new(Mutex::new(Some(embedded)));
    let concurrency = options.concurrency;
    let wanted = Storm {
        connect,
        jobs: options.jobs.first().copied().unwrap_or(60_000),
        time,
        processes: options.processes.unwrap_or(6),
        kills: options.kills,
        lease: LEASE,
        organizations: options.organizations,
        seed: options.seed,
        clock: Clock::system(),
        worker: Box::new(move || worker(&program, concurrency, LEASE)),
        outage: {
            let server = Arc::clone(&server);
            Box::new(move |outage| {
                let (server, place) = (Arc::clone(&server), place.clone());
                Box::pin(async move {
                    let done = go_away(&server, &place, outage).await;
                    done.map_err(|error| format!("ended and started again: {error}"))
                })
            })
        },
    };
    let stormed = storm(&wanted).await;
    if let Some(embedded) = server.lock().await.take() {
        embedded.stop().await?;
    }
    let stormed = stormed.map_err(|error| Failure::failed(error.to_string()))?;
    print(&stormed);
    if stormed.holds {
        Ok(())
    } else {
        Err(Failure::failed(
            "a promise was broken: the line above says which",
        ))
    }
}

async fn go_away(
    server: &Server,
    place: &EmbeddedOptions,
    outage: Outage,
) -> Result<(), EmbeddedError> {
    let mut server = server.lock().await;
    if let Some(embedded) = server.take() {
        match outage {
            Outage::Stop => embedded.stop().await?,
            Outage::Crash => {
                let id = i32::try_from(embedded.server_pid()).ok();
                if let Some(id) = id.and_then(Pid::from_raw) {
                    // It may have ended by itself.
                    let _ = kill_process(id, Signal::KILL);
                }
                embedded.died().await;
            }
        }
    }
    tokio::time::sleep(AWAY).await;
    *server = Some(Embedded::start(place).await?);
    Ok(())
}
