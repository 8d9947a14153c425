//! The one reader of the process environment: variables, the terminal, the working directory and
//! `mooring.toml`. What it read goes on as values.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use shared::config::{Loaded, Process, Sources, load};

use crate::exit::Failure;

/// Where `mooring.toml` is looked for, unless `--config` names another file.
const CONFIG_FILE: &str = "mooring.toml";

/// What the process was started with.
pub struct Environment {
    variables: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
    toml: Option<String>,
    working_dir: PathBuf,
    /// Whether log lines go to a terminal.
    pub terminal: bool,
}

impl Environment {
    /// Reads everything, once. `config_file` is what `--config` says.
    pub fn read(
        flags: BTreeMap<String, String>,
        config_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            variables: variables()?,
            flags,
            toml: toml(config_file)?,
            working_dir: std::env::current_dir().map_err(|error| {
                Failure::usage(format!("the working directory cannot be used: {error}"))
            })?,
            terminal: io::stderr().is_terminal(),
        })
    }

    /// The configuration for what is to start.
    pub fn load(&self, process: Process) -> Result<Loaded, Failure> {
        let sources = Sources {
            flags: self.flags.clone(),
            environment: self.variables.clone(),
            toml: self.toml.as_deref(),
            read_file: &|path| std::fs::read_to_string(path),
            default_data_dir: mooring::embedded::default_data_dir(),
            working_dir: self.working_dir.clone(),
            terminal: self.terminal,
        };
        load(&sources, process).map_err(|faults| Failure::usage(faults.to_string()))
    }

    /// Only these settings of the operator's, and `given` on top: for a run that must not touch
    /// anything of theirs.
    pub fn confined(
        mut self,
        kept: &[&str],
        given: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let is_kept = |name: &str| {
            let setting = name.strip_suffix("_FILE").unwrap_or(name);
            kept.contains(&setting)
        };
        self.variables.retain(|name, _| is_kept(name));
        self.flags.retain(|name, _| is_kept(name));
        self.toml = None;
        for (name, value) in given {
            self.flags.entry(name.to_owned()).or_insert(value);
        }
        self
    }

    /// A value that the environment or the command line gives.
    pub fn is_set(&self, name: &str) -> bool {
        [&self.flags, &self.variables]
            .iter()
            .any(|layer| layer.get(name).is_some_and(|value| !value.is_empty()))
    }
}

fn variables() -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                variables.insert(name, value);
            }
            Err(_) if name.starts_with("MOORING_") || name == "DATABASE_URL" => {
                return Err(Failure::usage(format!(
                    "{name}: the value is not UTF-8 text"
                )));
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}

fn toml(chosen: Option<&Path>) -> Result<Option<String>, Failure> {
    let path = chosen.unwrap_or(Path::new(CONFIG_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && chosen.is_none() => Ok(None),
        Err(error) => Err(Failure::usage(format!(
            "{}: cannot be read: {error}",
            path.display()
        ))),
    }
}
