//! The command line.
//!
//! Every setting is a flag of every command: they are made from the table of settings, so that no
//! flag can be forgotten or mean something else than its variable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use shared::config::{SETTINGS, parse_duration};
use shared::domain::ids::{JobId, OrganizationId, UserId};
use shared::domain::organization::Role;

/// Keeps the Git connections of a platform.
///
/// Without a command: `up`, everything in one process, with a private Postgres where DATABASE_URL is not set.
#[derive(Debug, Parser)]
#[command(name = "mooring", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Settings as a file; default: mooring.toml in the working directory, where there is one
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Run>,
}

const AFTER_HELP: &str = "Every setting is a flag, a variable (--job-lease, MOORING_JOB_LEASE), a file with the value \
    (--job-lease-file, MOORING_JOB_LEASE_FILE) and a key of mooring.toml (job_lease). `--help` lists them all. \
    Others on the machine can read a command line: give secrets as variables or files.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Run {
    /// Everything in one process: migrations, API, workers, scheduler (the default)
    Up,
    /// The API only
    Api,
    /// Workers and scheduler only; any number may run side by side
    Worker,
    /// Applies the migrations and exits
    Migrate,
    /// `up` on a throw-away data directory beside a sandbox forge, with accounts connected and synced
    Demo(Demo),
    /// Signed user tokens
    #[command(subcommand)]
    Token(Token),
    /// Encryption keys
    #[command(subcommand)]
    Keys(Keys),
    /// The operator's view of the job table
    #[command(subcommand)]
    Jobs(Jobs),
    /// Prints the OpenAPI 3.1 description
    Openapi,
    /// Runs a built-in benchmark and prints one JSON line per figure
    Bench(Bench),
}

/// `mooring demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Exit when everything is synced: 0 where it went well, else 1
    #[arg(long)]
    pub once: bool,
}

/// `mooring token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Prints a signed user token
    Create(TokenCreate),
}

/// `mooring token create`
#[derive(Debug, Args)]
pub struct TokenCreate {
    /// The user's id
    #[arg(long, value_name = "UUID")]
    pub user: UserId,
    /// A name to show
    #[arg(long)]
    pub name: Option<String>,
    /// May do everything, in every organization and on the platform
    #[arg(long)]
    pub portal_admin: bool,
    /// A role in an organization; repeatable. Without one, stored memberships count
    #[arg(long = "role", value_name = "ORG_UUID=ROLE", value_parser = membership)]
    pub roles: Vec<(OrganizationId, Role)>,
    /// How long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = ttl)]
    pub ttl: Duration,
    /// The user signed in with a second factor ("aal": "aal2")
    #[arg(long)]
    pub aal2: bool,
}

/// `mooring keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Prints a new key for MOORING_ENCRYPTION_KEYS
    Generate {
        /// Its id, stored beside every value it seals
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

/// `mooring jobs …`
#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// The newest jobs, one line each
    List(JobsList),
    /// One job, as JSON
    Show {
        /// The job's id
        id: JobId,
    },
    /// Runs a failed or cancelled job again
    Retry {
        /// The job's id
        id: JobId,
    },
    /// Cancels a queued or running job
    Cancel {
        /// The job's id
        id: JobId,
    },
}

/// `mooring jobs list`
#[derive(Debug, Args)]
pub struct JobsList {
    /// Only jobs of this organization
    #[arg(long, value_name = "UUID")]
    pub organization: Option<OrganizationId>,
    /// Only jobs of this kind
    #[arg(long)]
    pub kind: Option<String>,
    /// Only jobs in this state: queued, running, succeeded, failed, cancelled
    #[arg(long)]
    pub status: Option<shared::domain::job::JobStatus>,
    /// How many
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// `mooring bench NAME`
#[derive(Debug, Args)]
pub struct Bench {
    /// Which
    pub name: String,
    /// What it takes; `mooring bench NAME --help` tells
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// A parsed command line.
#[derive(Debug)]
pub struct Parsed {
    /// The command.
    pub run: Run,
    /// The file of `--config`.
    pub config: Option<PathBuf>,
    /// Settings given as flags, by variable name.
    pub flags: BTreeMap<String, String>,
}

/// Reads a command line; its first word is the program's name.
///
/// # Errors
/// Bad usage, and also the answers to `--help` and `--version`.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Parsed, clap::Error> {
    let matches = command().try_get_matches_from(words)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok(Parsed {
        run: cli.command.unwrap_or(Run::Up),
        config: cli.config,
        flags: flags(&matches),
    })
}

fn command() -> Command {
    let common = [
        "DATABASE_URL",
        "MOORING_LISTEN",
        "MOORING_DATA_DIR",
        "MOORING_LOG",
    ];
    let flag = |name: String, flag: String| {
        Arg::new(name)
            .long(flag)
            .value_name("VALUE")
            .global(true)
            .help_heading("Settings")
    };
    let settings = SETTINGS.iter().flat_map(|setting| {
        let default = setting.default.filter(|default| !default.is_empty());
        let default = default
            .map(|default| format!(" [default: {default}]"))
            .unwrap_or_default();
        let value = flag(setting.name.to_owned(), setting.flag())
            .help(format!("{}{default} [{}]", setting.about, setting.name))
            .hide_short_help(!common.contains(&setting.name));
        let file = flag(setting.file_name(), format!("{}-file", setting.flag())).hide(true);
        [value, file]
    });
    Cli::command().args(settings)
}

/// A flag may stand before or after the command; the innermost command knows both.
fn flags(matches: &ArgMatches) -> BTreeMap<String, String> {
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let names = SETTINGS
        .iter()
        .flat_map(|setting| [setting.name.to_owned(), setting.file_name()]);
    names
        .filter_map(|name| {
            let value = innermost
                .try_get_one::<String>(&name)
                .ok()
                .flatten()?
                .clone();
            Some((name, value))
        })
        .collect()
}

fn membership(text: &str) -> Result<(OrganizationId, Role), String> {
    let (organization, role) = text.split_once('=').ok_or("give ORGANIZATION_UUID=ROLE")?;
    let organization = organization
        .parse()
        .map_err(|_| format!("{organization:?} is no UUID"))?;
    let role = role.parse().map_err(|_| {
        let known: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("{role:?} is no role; give one of {}", known.join(", "))
    })?;
    Ok((organization, role))
}

fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = parse_duration(text)?;
    if ttl.is_zero() {
        Err("a token must be valid for at least 1s".to_owned())
    } else {
        Ok(ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn no_command_is_up() {
        assert!(matches!(parsed("mooring").unwrap().run, Run::Up));
        assert!(matches!(
            parsed("mooring --listen 127.0.0.1:1").unwrap().run,
            Run::Up
        ));
    }

    #[test]
    fn settings_may_stand_on_either_side() {
        let both =
            parsed("mooring --listen 127.0.0.1:1 worker --job-lease 5s --jwt-secret-file /x")
                .unwrap();
        assert!(matches!(both.run, Run::Worker));
        let flags: Vec<_> = both
            .flags
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            flags,
            [
                ("MOORING_JOB_LEASE", "5s"),
                ("MOORING_JWT_SECRET_FILE", "/x"),
                ("MOORING_LISTEN", "127.0.0.1:1")
            ]
        );
    }

    #[test]
    fn roles_of_a_token() {
        let id = "0192f0c1-0000-7000-8000-000000000001";
        let line = format!(
            "mooring token create --user {id} --role {id}=admin --role {id}=viewer --ttl 2d"
        );
        let Run::Token(Token::Create(token)) = parsed(&line).unwrap().run else {
            panic!()
        };
        assert_eq!(token.roles.len(), 2);
        assert_eq!(token.ttl, Duration::from_secs(172_800));
        for bad in ["x=admin", &format!("{id}=king"), id] {
            let error =
                parsed(&format!("mooring token create --user {id} --role {bad}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn a_bench_takes_the_rest_of_the_line() {
        let Run::Bench(bench) = parsed("mooring bench queue --jobs 10 -v").unwrap().run else {
            panic!()
        };
        assert_eq!((bench.name.as_str(), bench.arguments.len()), ("queue", 3));
    }
}
