//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once.
//!
//! "At once" still loses nothing: the database is told of this process's death by the kernel and
//! shuts down in order, and jobs that ran are taken over when their leases end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;

/// The exit code of a program ended by SIGINT, by the shells' convention.
const INTERRUPTED: i32 = 130;

/// Listens from now on; the token is cancelled by the first signal.
pub fn listen() -> Result<CancellationToken, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = CancellationToken::new();
    let token = asked.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("asked to end: finishing what runs; a second signal ends at once");
        asked.cancel();
        either(&mut terminate, &mut interrupt).await;
        eprintln!("mooring: ended at once by a second signal");
        std::process::exit(INTERRUPTED);
    });
    Ok(token)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
