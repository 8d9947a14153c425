//! The worker processes, and the forge that they take for their GitLab.

use std::process::Stdio;

use mooring_forge::{Forge, OAuthApp, OAuthAppSpec, Running, Serve};
use tokio::process::{Child, Command};

use super::super::rig::Rig;
use super::grants::LOGIN;
use crate::exit::Failure;

/// Registered, and never called: nobody consents here.
pub(super) const REDIRECT: &str = "http://127.0.0.1/callback";

/// A forge with a registration and an account.
pub(super) async fn provider() -> Result<(Forge, OAuthApp, Running), Failure> {
    let forge = Forge::default();
    forge.add_user(LOGIN);
    let app = forge.add_oauth_app(OAuthAppSpec::gitlab(REDIRECT));
    let running = forge.serve(Serve::default()).await?;
    Ok((forge, app, running))
}

/// Starts `mooring worker` over the rig's database.
pub(super) fn start(
    rig: &Rig,
    app: &OAuthApp,
    gitlab: &str,
    concurrency: usize,
    lease: &str,
) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("worker")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("MOORING_DATA_DIR", &rig.config.data_dir.path)
        .env("MOORING_GITLAB_URL", gitlab)
        .env("MOORING_GITLAB_CLIENT_ID", &app.client_id)
        .env("MOORING_GITLAB_CLIENT_SECRET", &app.client_secret)
        .env("MOORING_REFRESH_SWEEP_INTERVAL", "1s")
        .env("MOORING_WORKER_CONCURRENCY", concurrency.to_string())
        .env("MOORING_JOB_LEASE", lease)
        .env("MOORING_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}
