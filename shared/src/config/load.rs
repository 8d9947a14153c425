//! Makes a [`Config`] out of [`Sources`], or tells every fault.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::fault::Faults;
use super::process::Process;
use super::reader::{Reader, address, base_url, flag, origins, web_url};
use super::settings::{self as names, Setting};
use super::sources::{Resolved, Sources};
use super::{Config, DataDir, Intervals, Jobs, LogFormat, Telemetry, UserTokens};
use crate::domain::outbound_allow::OutboundAllow;
use crate::domain::secret::Secret;
use crate::vault::Keyring;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Read and checked, so that a configuration can be complete before what uses it is; not used yet.
const NOT_USED_YET: &[&Setting] = &[&names::VALIDATION_INTERVAL, &names::BACKUP_URL];

/// The shortest HS256 secret: as long as the hash (RFC 7518, section 3.2).
const JWT_SECRET_BYTES: usize = 32;

/// A configuration that can be used, and what an operator should hear about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// One sentence each, for the log.
    pub warnings: Vec<String>,
}

/// Reads every setting for what is to start.
///
/// # Errors
/// Every fault at once.
pub fn load(sources: &Sources<'_>, process: Process) -> Result<Loaded, Faults> {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    let resolved = Resolved::new(sources, &mut faults, &mut warnings);
    let mut reader = Reader::new(resolved, faults, warnings);
    let config = reader.config(sources);
    reader.demand(&config, process);
    reader.advise(&config, process);
    if reader.faults.is_empty() {
        Ok(Loaded {
            config,
            warnings: reader.warnings,
        })
    } else {
        Err(Faults(reader.faults))
    }
}

impl Reader<'_> {
    fn config(&mut self, sources: &Sources<'_>) -> Config {
        let data_dir = self.text(&names::DATA_DIR).map(PathBuf::from);
        let data_dir = DataDir {
            chosen: data_dir.is_some(),
            path: data_dir.unwrap_or_else(|| sources.default_data_dir.clone()),
        };
        Config {
            database_url: self.optional(&names::DATABASE_URL, database_url),
            redis_url: self.optional(&names::REDIS_URL, redis_url),
            listen: self.value(&names::LISTEN, address),
            metrics_listen: self.optional(&names::METRICS_LISTEN, address),
            public_url: self.optional(&names::PUBLIC_URL, base_url),
            encryption_keys: self.optional(&names::ENCRYPTION_KEYS, str::parse::<Keyring>),
            user_tokens: self.user_tokens(),
            redirect_allowlist: self.optional(&names::REDIRECT_ALLOWLIST, origins),
            outbound_allow: self.value(&names::OUTBOUND_ALLOW, str::parse::<OutboundAllow>),
            providers: self.providers(),
            refresh_buffer: self.duration(&names::REFRESH_BUFFER, Duration::ZERO..=DAY),
            intervals: Intervals {
                refresh_sweep: self.duration(&names::REFRESH_SWEEP_INTERVAL, SECOND..=HOUR),
                validation: self.duration(&names::VALIDATION_INTERVAL, SECOND..=30 * DAY),
                sync: self.duration(&names::SYNC_INTERVAL, SECOND..=30 * DAY),
            },
            jobs: Jobs {
                concurrency: self.number(&names::WORKER_CONCURRENCY, 1..=4096),
                lease: self.duration(&names::JOB_LEASE, SECOND..=HOUR),
                retention: self.duration(&names::JOB_RETENTION, HOUR..=10 * YEAR),
                failed_retention: self.duration(&names::FAILED_JOB_RETENTION, HOUR..=10 * YEAR),
                delivery_retention: self.duration(&names::DELIVERY_RETENTION, HOUR..=10 * YEAR),
            },
            shutdown_grace: self.duration(&names::SHUTDOWN_GRACE, SECOND..=HOUR),
            backup_url: self
                .optional(&names::BACKUP_URL, backup_url)
                .unwrap_or_else(|| default_backup_url(&sources.working_dir.join(&data_dir.path))),
            telemetry: self.telemetry(sources.terminal),
            data_dir,
        }
    }

    fn user_tokens(&mut self) -> UserTokens {
        UserTokens {
            secret: self.optional(&names::JWT_SECRET, jwt_secret),
            jwks_url: self.optional(&names::JWT_JWKS_URL, web_url),
            issuer: self.text(&names::JWT_ISSUER),
            audience: self.text(&names::JWT_AUDIENCE),
            require_aal2: self.value(&names::REQUIRE_AAL2, flag),
        }
    }

    fn telemetry(&mut self, terminal: bool) -> Telemetry {
        let format = self.optional(&names::LOG_FORMAT, |text| match text.trim() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} must be text or json")),
        });
        Telemetry {
            filter: self.value(&names::LOG, |text| {
                crate::telemetry::check_filter(text).map(|()| text.to_owned())
            }),
            format: format.unwrap_or(if terminal {
                LogFormat::Text
            } else {
                LogFormat::Json
            }),
            otlp_endpoint: self.optional(&names::OTLP_ENDPOINT, base_url),
        }
    }

    /// What this process cannot do without. An embedded database brings its own secrets.
    fn demand(&mut self, config: &Config, process: Process) {
        if config.database_url.is_none() || self.has_fault(names::DATABASE_URL.name) {
            return;
        }
        let keys = config.encryption_keys.is_some() || self.has_fault(names::ENCRYPTION_KEYS.name);
        if process.seals() && !keys {
            self.fault(
                &names::ENCRYPTION_KEYS,
                "must be set where DATABASE_URL is; make a key with `mooring keys generate` and keep it safe: without it stored \
                 credentials are lost",
            );
        }
        let tokens = &config.user_tokens;
        let secret = tokens.secret.is_some() || self.has_fault(names::JWT_SECRET.name);
        let jwks = tokens.jwks_url.is_some() || self.has_fault(names::JWT_JWKS_URL.name);
        if process.verifies_callers() && !secret && !jwks {
            self.fault(
                &names::JWT_SECRET,
                "must be set where DATABASE_URL is (at least 32 random bytes, e.g. from `openssl rand -base64 48`), or \
                 MOORING_JWT_JWKS_URL where an identity provider signs the tokens",
            );
        }
    }

    /// What works, but probably not as meant.
    fn advise(&mut self, config: &Config, process: Process) {
        if process.verifies_callers()
            && config.listen.ip().is_unspecified()
            && config.public_url.is_none()
        {
            self.warnings.push(format!(
                "MOORING_LISTEN is {} and MOORING_PUBLIC_URL is not set: callback and webhook URLs will name this machine's \
                 loopback address; set MOORING_PUBLIC_URL to the address by which others reach it",
                config.listen
            ));
        }
        if process.verifies_callers()
            && config.user_tokens.jwks_url.is_some()
            && config.user_tokens.audience.is_none()
        {
            self.warnings.push(
                "MOORING_JWT_JWKS_URL is set without MOORING_JWT_AUDIENCE: tokens that the identity provider made for other \
                 services are accepted here too"
                    .to_owned(),
            );
        }
        for setting in NOT_USED_YET {
            if self.is_given(setting) {
                self.warnings.push(format!(
                    "{} is set and sound, but this version does not use it yet",
                    setting.name
                ));
            }
        }
        if config.telemetry.otlp_endpoint.is_some() {
            self.warnings.push(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build does not export traces; spans are in the log only"
                    .to_owned(),
            );
        }
    }

    fn has_fault(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.setting == name)
    }
}

/// Neither message shows the URL: it usually holds a password.
fn database_url(text: &str) -> Result<Secret, &'static str> {
    let text = text.trim();
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))
        .ok_or("must be a URL like postgres://user:password@host:5432/name")?;
    text.parse::<sqlx::postgres::PgConnectOptions>()
        .map_err(|_| "is a Postgres URL with a part that is not understood; the form is postgres://user:password@host:5432/name")?;
    // The driver takes a missing name for the user's; two processes could then disagree in silence.
    if url.path().trim_matches('/').is_empty() && !url.query_pairs().any(|(key, _)| key == "dbname")
    {
        return Err(
            "names no database; end it with one, like postgres://user:password@host:5432/mooring",
        );
    }
    Ok(Secret::from(text))
}

fn redis_url(text: &str) -> Result<Secret, &'static str> {
    let text = text.trim();
    redis::IntoConnectionInfo::into_connection_info(text)
        .ok()
        .map(|_| Secret::from(text))
        .ok_or("must be a URL like redis://host:6379 or rediss://user:password@host:6379/0")
}

fn jwt_secret(text: &str) -> Result<Secret, String> {
    if text.len() >= JWT_SECRET_BYTES {
        return Ok(Secret::from(text));
    }
    Err(format!(
        "has {} bytes and needs at least {JWT_SECRET_BYTES}; make one with `openssl rand -base64 48`",
        text.len()
    ))
}

fn backup_url(text: &str) -> Result<Url, String> {
    Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "file" | "s3" | "az" | "gs"))
        .ok_or_else(|| "must be a URL like file:///var/backups/mooring, s3://bucket/prefix, az://container or gs://bucket".to_owned())
}

fn default_backup_url(data_dir: &Path) -> Url {
    Url::from_directory_path(data_dir.join("backups"))
        .unwrap_or_else(|()| Url::parse("file:///backups/").expect("a constant URL parses"))
}
