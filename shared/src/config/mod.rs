//! Settings, from text to types.
//!
//! Needs: an operator who got three settings wrong wants to hear of three, once, each by its name
//! and with what to do; a typing mistake must not become a default in silence; a secret must not
//! show in the message about it.
//!
//! Properties: [`load()`] is a function of its [`Sources`] and reads nothing else, so every rule is
//! a plain test. Precedence is flag, environment, `mooring.toml`, default ([`sources`]). What is
//! required depends on the [`Process`] that is to start. Names nobody knows are told, with the
//! nearest that somebody does.

mod duration;
mod fault;
mod load;
mod nearest;
mod process;
mod providers;
mod reader;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod toml_file;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::domain::outbound_allow::OutboundAllow;
use crate::domain::secret::Secret;
use crate::vault::Keyring;

pub use duration::{format_duration, parse_duration};
pub use fault::{Fault, Faults};
pub use load::{Loaded, load};
pub use process::Process;
pub use providers::{Azure, Bitbucket, Github, Gitlab, ProviderApps};
pub use settings::{SETTINGS, Setting};
pub use sources::Sources;

/// The whole configuration of a process.
#[derive(Clone, Debug)]
pub struct Config {
    /// A Postgres URL; `None` for the embedded one.
    pub database_url: Option<Secret>,
    /// A Redis URL, which may hold a password.
    pub redis_url: Option<Secret>,
    /// Where the embedded database and generated secrets lie.
    pub data_dir: DataDir,
    /// Address of the API.
    pub listen: SocketAddr,
    /// Own address of `/metrics`, `/healthz` and `/readyz`.
    pub metrics_listen: Option<SocketAddr>,
    /// Base of callback and webhook URLs, where set; see [`Config::public_url`].
    pub public_url: Option<Url>,
    /// The keys of stored secrets; `None` where they are generated, or not needed.
    pub encryption_keys: Option<Keyring>,
    /// Who may call.
    pub user_tokens: UserTokens,
    /// Origins a `redirect_url` may have, where set; see [`Config::redirect_origins`].
    pub redirect_allowlist: Option<Vec<String>>,
    /// What user-supplied URLs may reach although it is not public.
    pub outbound_allow: OutboundAllow,
    /// The platform's own registrations at the providers.
    pub providers: ProviderApps,
    /// Tokens are refreshed this long before they expire.
    pub refresh_buffer: Duration,
    /// How often scheduled work is looked for.
    pub intervals: Intervals,
    /// The job engine.
    pub jobs: Jobs,
    /// How long running work may take to end.
    pub shutdown_grace: Duration,
    /// Object store for backups.
    pub backup_url: Url,
    /// Logs and traces.
    pub telemetry: Telemetry,
}

/// The data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    /// The directory.
    pub path: PathBuf,
    /// Whether an operator chose it; then its permissions are theirs.
    pub chosen: bool,
}

/// How user tokens are verified.
#[derive(Clone, Debug)]
pub struct UserTokens {
    /// HS256 secret, at least 32 bytes.
    pub secret: Option<Secret>,
    /// Keys of an identity provider.
    pub jwks_url: Option<Url>,
    /// The `iss` they must carry.
    pub issuer: Option<String>,
    /// The `aud` they must carry.
    pub audience: Option<String>,
    /// Whether changing calls need `"aal": "aal2"`.
    pub require_aal2: bool,
}

/// How often scheduled work is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// Tokens near their end.
    pub refresh_sweep: Duration,
    /// Each connection's credential.
    pub validation: Duration,
    /// Each connection's repositories.
    pub sync: Duration,
}

/// What holds where nothing is set.
impl Default for Intervals {
    fn default() -> Self {
        Self {
            refresh_sweep: Duration::from_secs(30),
            validation: Duration::from_secs(6 * 3600),
            sync: Duration::from_secs(4 * 3600),
        }
    }
}

/// The job engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Jobs in flight per worker process.
    pub concurrency: usize,
    /// A job whose holder died is taken over after this.
    pub lease: Duration,
    /// How long finished jobs are kept.
    pub retention: Duration,
    /// How long failed jobs are kept.
    pub failed_retention: Duration,
    /// How long deliveries of webhooks are kept.
    pub delivery_retention: Duration,
}

/// Logs and traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// What is logged; checked.
    pub filter: String,
    /// How.
    pub format: LogFormat,
    /// Where traces should go.
    pub otlp_endpoint: Option<Url>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Base of callback and webhook URLs, for the address that was bound (a port 0 is known only
    /// then). A listener on every address is called by loopback, which works on this machine.
    #[must_use]
    pub fn public_url(&self, bound: SocketAddr) -> Url {
        self.public_url.clone().unwrap_or_else(|| {
            let mut address = bound;
            if bound.ip().is_unspecified() {
                address.set_ip(match bound {
                    SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                    SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                });
            }
            Url::parse(&format!("http://{address}")).expect("a socket address is a URL's authority")
        })
    }

    /// Origins a `redirect_url` may have.
    #[must_use]
    pub fn redirect_origins(&self, bound: SocketAddr) -> Vec<String> {
        self.redirect_allowlist
            .clone()
            .unwrap_or_else(|| vec![self.public_url(bound).origin().ascii_serialization()])
    }
}
