//! Every rule of the configuration, as plain functions of text.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::domain::secret::ExposeSecret;

const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const JWT: &str = "0123456789abcdef0123456789abcdef";
const DATABASE: &str = "postgres://mooring:s3cr3t-pw@db.example:5432/mooring";

fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/secrets/jwt") => Ok(format!("{JWT}\n")),
        Some("/run/secrets/empty") => Ok("\n".to_owned()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    }
}

fn load_with(
    flags: &[(&str, &str)],
    environment: &[(&str, &str)],
    toml: Option<&str>,
    process: Process,
) -> Result<Loaded, Faults> {
    let map = |pairs: &[(&str, &str)]| {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    };
    let sources = Sources {
        flags: map(flags),
        environment: map(environment),
        toml,
        read_file: &read_file,
        default_data_dir: PathBuf::from("./.mooring"),
        working_dir: PathBuf::from("/srv"),
        terminal: false,
    };
    load(&sources, process)
}

fn config(environment: &[(&str, &str)]) -> Config {
    load_with(&[], environment, None, Process::Up)
        .unwrap()
        .config
}

fn faults(environment: &[(&str, &str)]) -> Vec<Fault> {
    load_with(&[], environment, None, Process::Up)
        .unwrap_err()
        .0
}

#[test]
fn nothing_set_is_a_working_configuration() {
    let Loaded { config, warnings } = load_with(&[], &[], None, Process::Up).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(config.database_url.is_none() && config.redis_url.is_none());
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.public_url(config.listen).as_str(),
        "http://127.0.0.1:8080/"
    );
    assert_eq!(
        config.redirect_origins(config.listen),
        ["http://127.0.0.1:8080"]
    );
    assert_eq!(
        config.data_dir,
        DataDir {
            path: "./.mooring".into(),
            chosen: false
        }
    );
    assert_eq!(config.refresh_buffer, Duration::from_secs(600));
    assert_eq!(config.jobs.concurrency, 64);
    assert_eq!(config.jobs.lease, Duration::from_secs(60));
    assert_eq!(config.shutdown_grace, Duration::from_secs(25));
    assert_eq!(config.backup_url.as_str(), "file:///srv/.mooring/backups/");
    assert!(config.providers.github.api_url.is_none());
    assert_eq!(
        config.providers.bitbucket.api_url.as_str(),
        "https://api.bitbucket.org/2.0"
    );
    assert_eq!(config.telemetry.filter, "info");
    assert_eq!(config.telemetry.format, LogFormat::Json);
}

#[test]
fn flags_win_over_environment_over_toml() {
    let toml = Some("listen = \"127.0.0.1:1\"\njob_lease = \"30s\"\nworker_concurrency = 8\n");
    let environment = [
        ("MOORING_LISTEN", "127.0.0.1:2"),
        ("MOORING_JOB_LEASE", "40s"),
    ];
    let config = load_with(
        &[("MOORING_LISTEN", "127.0.0.1:3")],
        &environment,
        toml,
        Process::Up,
    )
    .unwrap()
    .config;
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.jobs.lease, Duration::from_secs(40));
    assert_eq!(config.jobs.concurrency, 8);
}

#[test]
fn toml_tables_lists_and_foreign_names() {
    let toml = "database_url = \"postgres://u@h/d\"\nencryption_keys_file = \"/run/secrets/none\"\n\
                jwt_secret_file = \"/run/secrets/jwt\"\nredirect_allowlist = [\"https://a.example\", \"https://b.example\"]\n\
                [github]\nurl = \"https://ghe.example\"\n";
    let faults = load_with(&[], &[], Some(toml), Process::Up).unwrap_err();
    assert_eq!(faults.0.len(), 1, "{faults}");
    assert!(
        faults
            .to_string()
            .starts_with("MOORING_ENCRYPTION_KEYS: the file \"/run/secrets/none\""),
        "{faults}"
    );
    let rest = toml.replace(
        "encryption_keys_file = \"/run/secrets/none\"",
        &format!("encryption_keys = \"{KEY}\""),
    );
    let config = load_with(&[], &[], Some(&rest), Process::Up)
        .unwrap()
        .config;
    assert_eq!(
        config.redirect_allowlist.unwrap(),
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(config.providers.github.url.as_str(), "https://ghe.example/");
    assert_eq!(config.user_tokens.secret.unwrap().expose_secret(), JWT);
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let loaded = load_with(
        &[],
        &[("MOORING_LISTN", "x"), ("MOORING_URL", "x"), ("OTHER", "x")],
        None,
        Process::Up,
    )
    .unwrap();
    assert_eq!(
        loaded.warnings,
        ["MOORING_LISTN is no setting of Mooring and is ignored (did you mean MOORING_LISTEN?)"]
    );
    let faults = load_with(&[], &[], Some("listn = \"x\""), Process::Up).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "mooring.toml: listn is no setting; did you mean listen?"
    );
}

#[test]
fn a_broken_toml_is_told_by_line_without_its_text() {
    let faults = load_with(
        &[],
        &[],
        Some("listen = \"127.0.0.1:1\"\njwt_secret = \"hush\" hush\n"),
        Process::Up,
    )
    .unwrap_err();
    let text = faults.to_string();
    assert!(
        text.starts_with("mooring.toml: cannot be read") && text.contains("line 2"),
        "{text}"
    );
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn a_value_and_its_file_exclude_each_other() {
    let both = [
        ("MOORING_JWT_SECRET", JWT),
        ("MOORING_JWT_SECRET_FILE", "/run/secrets/jwt"),
    ];
    assert_eq!(
        faults(&both)[0].to_string(),
        "MOORING_JWT_SECRET: is set, and so is MOORING_JWT_SECRET_FILE; keep one of them"
    );
    assert!(
        faults(&[("MOORING_JWT_SECRET_FILE", "/run/secrets/empty")])[0]
            .problem
            .contains("is empty")
    );
    let empty = config(&[
        ("MOORING_JWT_SECRET", ""),
        ("MOORING_JWT_SECRET_FILE", "/run/secrets/jwt"),
    ]);
    assert_eq!(empty.user_tokens.secret.unwrap().expose_secret(), JWT);
}

#[test]
fn all_faults_come_at_once_each_with_its_name() {
    let bad = [
        ("DATABASE_URL", "mysql://u:s3cr3t-pw@h/d"),
        ("MOORING_REDIS_URL", "s3cr3t-pw"),
        ("MOORING_LISTEN", "8080"),
        ("MOORING_METRICS_LISTEN", "x:y"),
        ("MOORING_PUBLIC_URL", "mooring.example"),
        ("MOORING_ENCRYPTION_KEYS", "s3cr3t-pw"),
        ("MOORING_JWT_SECRET", "s3cr3t-pw"),
        ("MOORING_JWT_JWKS_URL", "ftp://idp.example"),
        ("MOORING_REQUIRE_AAL2", "maybe"),
        ("MOORING_REDIRECT_ALLOWLIST", "https://a.example/path"),
        ("MOORING_GITHUB_URL", "https://user:s3cr3t-pw@github.com"),
        ("MOORING_GITHUB_APP_ID", "my-app"),
        ("MOORING_GITHUB_APP_PRIVATE_KEY", "s3cr3t-pw"),
        ("MOORING_GITLAB_CLIENT_ID", "id"),
        ("MOORING_AZURE_CLIENT_SECRET", "s3cr3t-pw"),
        ("MOORING_REFRESH_BUFFER", "10"),
        ("MOORING_SYNC_INTERVAL", "0s"),
        ("MOORING_WORKER_CONCURRENCY", "0"),
        ("MOORING_JOB_LEASE", "2d"),
        ("MOORING_BACKUP_URL", "ftp://x"),
        ("MOORING_LOG", "loud"),
        ("MOORING_LOG_FORMAT", "xml"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
    ];
    let found = faults(&bad);
    let names: std::collections::BTreeSet<_> =
        found.iter().map(|fault| fault.setting.as_str()).collect();
    for (name, _) in bad {
        let blamed = match name {
            "MOORING_GITLAB_CLIENT_ID" => "MOORING_GITLAB_CLIENT_SECRET",
            "MOORING_AZURE_CLIENT_SECRET" => "MOORING_AZURE_CLIENT_ID",
            name => name,
        };
        assert!(names.contains(blamed), "{blamed} is not among {names:?}");
    }
    assert_eq!(found.len(), bad.len(), "{}", Faults(found));
    assert!(
        !Faults(found.clone()).to_string().contains("s3cr3t-pw"),
        "{}",
        Faults(found)
    );
}

#[test]
fn what_is_required_depends_on_the_process() {
    let with_database = [("DATABASE_URL", DATABASE)];
    let missing = |process| match load_with(&[], &with_database, None, process) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.into_iter().map(|fault| fault.setting).collect(),
    };
    assert_eq!(
        missing(Process::Up),
        ["MOORING_ENCRYPTION_KEYS", "MOORING_JWT_SECRET"]
    );
    assert_eq!(
        missing(Process::Api),
        ["MOORING_ENCRYPTION_KEYS", "MOORING_JWT_SECRET"]
    );
    assert_eq!(missing(Process::Worker), ["MOORING_ENCRYPTION_KEYS"]);
    assert_eq!(missing(Process::Tool), [""; 0]);
    config(&[
        ("DATABASE_URL", DATABASE),
        ("MOORING_ENCRYPTION_KEYS", KEY),
        ("MOORING_JWT_SECRET", JWT),
    ]);
    let jwks = [
        ("DATABASE_URL", DATABASE),
        ("MOORING_ENCRYPTION_KEYS", KEY),
        ("MOORING_JWT_JWKS_URL", "https://idp.example/jwks"),
    ];
    config(&jwks);
}

#[test]
fn a_listener_on_every_address_is_advised_to_have_a_public_url() {
    let environment = [("MOORING_LISTEN", "0.0.0.0:80")];
    let loaded = load_with(&[], &environment, None, Process::Api).unwrap();
    assert!(
        loaded.warnings[0].contains("MOORING_PUBLIC_URL"),
        "{:?}",
        loaded.warnings
    );
    assert_eq!(
        loaded.config.public_url(loaded.config.listen).as_str(),
        "http://127.0.0.1/"
    );
    assert!(
        load_with(&[], &environment, None, Process::Worker)
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[test]
fn the_debug_output_shows_no_secret() {
    let config = config(&[
        ("DATABASE_URL", DATABASE),
        ("MOORING_REDIS_URL", "redis://:s3cr3t-pw@h"),
        ("MOORING_ENCRYPTION_KEYS", KEY),
        ("MOORING_JWT_SECRET", JWT),
        ("MOORING_GITHUB_CLIENT_ID", "id"),
        ("MOORING_GITHUB_CLIENT_SECRET", "s3cr3t-pw"),
    ]);
    let shown = format!("{config:?}");
    for secret in ["s3cr3t-pw", JWT, &KEY[3..]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn every_default_of_the_table_can_be_read() {
    for setting in SETTINGS {
        if let Some(default) = setting.default.filter(|default| !default.is_empty()) {
            config(&[(setting.name, default)]);
        }
    }
}

#[test]
fn a_setting_that_is_not_used_yet_is_told() {
    let loaded = load_with(
        &[],
        &[("MOORING_VALIDATION_INTERVAL", "1h")],
        None,
        Process::Up,
    )
    .unwrap();
    assert!(
        loaded.warnings[0].starts_with("MOORING_VALIDATION_INTERVAL is set and sound"),
        "{:?}",
        loaded.warnings
    );
}
