//! Where values come from, and which of them counts.
//!
//! Flags win over the environment, which wins over `mooring.toml`, which wins over the default.
//! Within one source a setting may be given as itself or as a file that holds it, not as both. An
//! empty value is no value: `MOORING_REDIS_URL=` in a compose file means "not set".

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::nearest::nearest;
use super::settings::{CLIENT_VARIABLES, SETTINGS, Setting};

/// Everything a configuration is made from; nothing else is read.
pub struct Sources<'a> {
    /// What the command line says, by variable name (`MOORING_LISTEN`, `MOORING_JWT_SECRET_FILE`).
    pub flags: BTreeMap<String, String>,
    /// The process environment.
    pub environment: BTreeMap<String, String>,
    /// The text of `mooring.toml`, where there is one.
    pub toml: Option<&'a str>,
    /// Reads a file that a `…_FILE` variable names.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The data directory where none is set.
    pub default_data_dir: PathBuf,
    /// What a relative data directory is relative to; absolute.
    pub working_dir: PathBuf,
    /// Whether log lines go to a terminal.
    pub terminal: bool,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        f.debug_struct("Sources")
            .field("flags", &self.flags.keys())
            .field("environment", &self.environment.len())
            .finish_non_exhaustive()
    }
}

/// The three sources as maps from variable name to value, in order of precedence.
pub(super) struct Resolved<'a> {
    layers: [(Origin, BTreeMap<String, String>); 3],
    read_file: &'a dyn Fn(&Path) -> io::Result<String>,
}

#[derive(Clone, Copy)]
enum Origin {
    Flag,
    Environment,
    Toml,
}

impl Origin {
    fn suffix(self) -> &'static str {
        match self {
            Self::Flag => " (on the command line)",
            Self::Environment => "",
            Self::Toml => " (in mooring.toml)",
        }
    }
}

/// A value and where it came from, as a suffix for messages.
pub(super) struct Given {
    pub(super) value: String,
    pub(super) origin: &'static str,
}

impl<'a> Resolved<'a> {
    /// Takes the sources apart; names that nobody knows are faults in `mooring.toml`, which is
    /// ours alone, and warnings in the environment, which is not.
    pub(super) fn new(
        sources: &Sources<'a>,
        faults: &mut Vec<Fault>,
        warnings: &mut Vec<String>,
    ) -> Self {
        let known = known_names();
        let find = |name: &str| nearest(name, known.iter().map(String::as_str));
        for name in sources.environment.keys() {
            if name.starts_with("MOORING_") && !known.contains(name) {
                let hint = find(name).map(|near| format!(" (did you mean {near}?)"));
                warnings.push(format!(
                    "{name} is no setting of Mooring and is ignored{}",
                    hint.unwrap_or_default()
                ));
            }
        }
        let toml = super::toml_file::read(sources.toml, faults);
        for name in toml.keys().filter(|name| !known.contains(*name)) {
            let key = |name: &str| {
                name.strip_prefix("MOORING_")
                    .unwrap_or(name)
                    .to_ascii_lowercase()
            };
            let hint = find(name).map(|near| format!("; did you mean {}?", key(near)));
            faults.push(Fault {
                setting: "mooring.toml".to_owned(),
                problem: format!("{} is no setting{}", key(name), hint.unwrap_or_default()),
            });
        }
        Self {
            layers: [
                (Origin::Flag, sources.flags.clone()),
                (Origin::Environment, sources.environment.clone()),
                (Origin::Toml, toml),
            ],
            read_file: sources.read_file,
        }
    }

    /// The value that counts; `Err` where it cannot be told.
    pub(super) fn find(&self, setting: &Setting) -> Result<Option<Given>, Fault> {
        let fault = |problem| Fault {
            setting: setting.name.to_owned(),
            problem,
        };
        let file_name = setting.file_name();
        for (origin, layer) in &self.layers {
            let get = |name: &str| layer.get(name).filter(|value| !value.is_empty());
            match (get(setting.name), get(&file_name)) {
                (Some(_), Some(_)) => {
                    return Err(fault(format!(
                        "is set, and so is {file_name}{}; keep one of them",
                        origin.suffix()
                    )));
                }
                (Some(value), None) => {
                    return Ok(Some(Given {
                        value: value.clone(),
                        origin: origin.suffix(),
                    }));
                }
                (None, Some(path)) => {
                    let read = (self.read_file)(Path::new(path));
                    let text = read.map_err(|error| {
                        fault(format!(
                            "the file {path:?} of {file_name} cannot be read: {error}"
                        ))
                    })?;
                    let value = text.strip_suffix('\n').unwrap_or(&text);
                    let value = value.strip_suffix('\r').unwrap_or(value);
                    if value.is_empty() {
                        return Err(fault(format!("the file {path:?} of {file_name} is empty")));
                    }
                    return Ok(Some(Given {
                        value: value.to_owned(),
                        origin: origin.suffix(),
                    }));
                }
                (None, None) => {}
            }
        }
        Ok(None)
    }
}

fn known_names() -> Vec<String> {
    let settings = SETTINGS
        .iter()
        .flat_map(|setting| [setting.name.to_owned(), setting.file_name()]);
    let client = CLIENT_VARIABLES
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("{name}_FILE")]);
    settings.chain(client).collect()
}
