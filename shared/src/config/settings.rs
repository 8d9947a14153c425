//! Every setting, on one screen. The command line's flags, the keys of `mooring.toml` and the
//! check for unknown names all come from this table; a test holds `.env.example` and
//! `docs/CONFIGURATION.md` to it.

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// The value where nothing is set, as it would be written; `None` where there is none or
    /// where it depends on something else (then `about` says on what).
    pub default: Option<&'static str>,
    /// Whether the value must not be shown.
    pub secret: bool,
    /// What it means, in one sentence.
    pub about: &'static str,
}

impl Setting {
    /// Its key in `mooring.toml`: `MOORING_JOB_LEASE` is `job_lease`.
    #[must_use]
    pub fn key(&self) -> String {
        self.name
            .strip_prefix("MOORING_")
            .unwrap_or(self.name)
            .to_ascii_lowercase()
    }

    /// Its flag, without the two hyphens: `MOORING_JOB_LEASE` is `job-lease`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key().replace('_', "-")
    }

    /// The variable that names a file with the value.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}_FILE", self.name)
    }
}

macro_rules! settings {
    ($($konst:ident $name:literal $kind:ident $default:expr, $about:literal;)+) => {
        $(pub(super) const $konst: Setting = Setting {
            name: $name, default: $default, secret: settings!(@ $kind), about: $about,
        };)+
        /// Every setting of the service.
        pub const SETTINGS: &[Setting] = &[$($konst),+];
    };
    (@ secret) => { true };
    (@ plain) => { false };
}

settings! {
    DATABASE_URL "DATABASE_URL" secret None, "Postgres 13 or later; unset: a private embedded Postgres in the data directory";
    REDIS_URL "MOORING_REDIS_URL" secret None, "Redis 6.2 or later, or Valkey: workers are woken through it, and by Postgres where it is away";
    DATA_DIR "MOORING_DATA_DIR" plain None, "embedded database and generated secrets; default ./.mooring, as root /var/lib/mooring";
    LISTEN "MOORING_LISTEN" plain Some("127.0.0.1:8080"), "address of the API";
    METRICS_LISTEN "MOORING_METRICS_LISTEN" plain None, "own address for /metrics, /healthz and /readyz; unset: on the API's address, a worker serves none";
    PUBLIC_URL "MOORING_PUBLIC_URL" plain None, "base of callback and webhook URLs; default http:// and the listen address";
    ENCRYPTION_KEYS "MOORING_ENCRYPTION_KEYS" secret None, "id:base64(32 bytes), comma separated; the first encrypts, all decrypt (`mooring keys generate` prints one)";
    JWT_SECRET "MOORING_JWT_SECRET" secret None, "HS256 secret of user tokens, at least 32 bytes";
    JWT_JWKS_URL "MOORING_JWT_JWKS_URL" plain None, "keys of an identity provider, for RS256, ES256 and EdDSA user tokens";
    JWT_ISSUER "MOORING_JWT_ISSUER" plain None, "the `iss` that user tokens must carry";
    JWT_AUDIENCE "MOORING_JWT_AUDIENCE" plain None, "the `aud` that user tokens must carry";
    REQUIRE_AAL2 "MOORING_REQUIRE_AAL2" plain Some("false"), "changing calls need \"aal\": \"aal2\" in the user's token";
    REDIRECT_ALLOWLIST "MOORING_REDIRECT_ALLOWLIST" plain None, "origins that a redirect_url may have, comma separated; default the public URL's";
    OUTBOUND_ALLOW "MOORING_OUTBOUND_ALLOW" plain Some(""), "CIDRs or host:port patterns that user-supplied URLs may reach although they are not public";
    GITHUB_URL "MOORING_GITHUB_URL" plain Some("https://github.com"), "GitHub, or a GitHub Enterprise Server";
    GITHUB_API_URL "MOORING_GITHUB_API_URL" plain None, "its API; default https://api.github.com, for another MOORING_GITHUB_URL its /api/v3";
    GITHUB_CLIENT_ID "MOORING_GITHUB_CLIENT_ID" plain None, "platform-level GitHub OAuth app";
    GITHUB_CLIENT_SECRET "MOORING_GITHUB_CLIENT_SECRET" secret None, "its secret";
    GITHUB_APP_ID "MOORING_GITHUB_APP_ID" plain None, "platform-level GitHub App";
    GITHUB_APP_SLUG "MOORING_GITHUB_APP_SLUG" plain None, "its name in github.com/apps/…";
    GITHUB_APP_PRIVATE_KEY "MOORING_GITHUB_APP_PRIVATE_KEY" secret None, "its private key, PEM";
    GITHUB_APP_WEBHOOK_SECRET "MOORING_GITHUB_APP_WEBHOOK_SECRET" secret None, "its webhook secret";
    GITLAB_URL "MOORING_GITLAB_URL" plain Some("https://gitlab.com"), "GitLab, or a self-managed instance (a sub-path is fine)";
    GITLAB_CLIENT_ID "MOORING_GITLAB_CLIENT_ID" plain None, "platform-level GitLab OAuth application";
    GITLAB_CLIENT_SECRET "MOORING_GITLAB_CLIENT_SECRET" secret None, "its secret";
    BITBUCKET_URL "MOORING_BITBUCKET_URL" plain Some("https://bitbucket.org"), "Bitbucket Cloud";
    BITBUCKET_API_URL "MOORING_BITBUCKET_API_URL" plain Some("https://api.bitbucket.org/2.0"), "its API";
    BITBUCKET_CLIENT_ID "MOORING_BITBUCKET_CLIENT_ID" plain None, "platform-level Bitbucket OAuth consumer";
    BITBUCKET_CLIENT_SECRET "MOORING_BITBUCKET_CLIENT_SECRET" secret None, "its secret";
    AZURE_URL "MOORING_AZURE_URL" plain Some("https://dev.azure.com"), "Azure DevOps Services";
    AZURE_LOGIN_URL "MOORING_AZURE_LOGIN_URL" plain Some("https://login.microsoftonline.com"), "Microsoft Entra, where tokens are got; a path names the one tenant whose accounts may come";
    AZURE_PROFILE_URL "MOORING_AZURE_PROFILE_URL" plain Some("https://app.vssps.visualstudio.com"), "where profiles are read";
    AZURE_CLIENT_ID "MOORING_AZURE_CLIENT_ID" plain None, "platform-level Entra application";
    AZURE_CLIENT_SECRET "MOORING_AZURE_CLIENT_SECRET" secret None, "its secret";
    REFRESH_BUFFER "MOORING_REFRESH_BUFFER" plain Some("10m"), "tokens are refreshed this long before they expire";
    REFRESH_SWEEP_INTERVAL "MOORING_REFRESH_SWEEP_INTERVAL" plain Some("30s"), "how often tokens near their end are looked for";
    VALIDATION_INTERVAL "MOORING_VALIDATION_INTERVAL" plain Some("6h"), "how often each connection's credential is checked";
    SYNC_INTERVAL "MOORING_SYNC_INTERVAL" plain Some("4h"), "how often each connection's repositories are listed";
    WORKER_CONCURRENCY "MOORING_WORKER_CONCURRENCY" plain Some("64"), "jobs in flight per worker process";
    JOB_LEASE "MOORING_JOB_LEASE" plain Some("60s"), "a job or a refresh whose holder died is taken over after this";
    SHUTDOWN_GRACE "MOORING_SHUTDOWN_GRACE" plain Some("25s"), "how long running work may take to end after SIGTERM";
    JOB_RETENTION "MOORING_JOB_RETENTION" plain Some("14d"), "how long finished jobs are kept";
    FAILED_JOB_RETENTION "MOORING_FAILED_JOB_RETENTION" plain Some("90d"), "how long failed jobs are kept";
    DELIVERY_RETENTION "MOORING_DELIVERY_RETENTION" plain Some("30d"), "how long deliveries of webhooks are kept";
    BACKUP_URL "MOORING_BACKUP_URL" plain None, "object store for backups: file://, s3://, az:// or gs://; default file:// and backups in the data directory";
    LOG "MOORING_LOG" plain Some("info"), "what is logged: a level, or directives like info,worker=debug";
    LOG_FORMAT "MOORING_LOG_FORMAT" plain None, "text or json; default text on a terminal, else json";
    OTLP_ENDPOINT "OTEL_EXPORTER_OTLP_ENDPOINT" plain None, "where traces should go";
}

/// Variables that client commands read (`git-credential`), known so that they raise no warning.
pub(super) const CLIENT_VARIABLES: [&str; 2] = ["MOORING_URL", "MOORING_API_TOKEN"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keys_and_flags() {
        assert_eq!(JOB_LEASE.key(), "job_lease");
        assert_eq!(JOB_LEASE.flag(), "job-lease");
        assert_eq!(JOB_LEASE.file_name(), "MOORING_JOB_LEASE_FILE");
        assert_eq!(DATABASE_URL.flag(), "database-url");
    }

    #[test]
    fn no_name_twice() {
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }

    #[test]
    fn no_secret_has_a_default() {
        assert!(
            SETTINGS
                .iter()
                .all(|setting| !setting.secret || setting.default.is_none())
        );
    }
}
