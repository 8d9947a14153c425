//! Finding Postgres: `PATH`, then what `pg_config --bindir` says, then the folders where packages put it. Each candidate is asked
//! for its version as the user who will run it, so one that this user cannot execute, or that lacks a library, does not count.

use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::EmbeddedError;
use super::fetch;
use super::launch;
use super::layout::Layout;
use super::surroundings::{Surroundings, is_executable};

/// The oldest major version that has all we use.
pub(super) const MINIMUM: u32 = 13;

/// A folder with `postgres` and `initdb`.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    folder: PathBuf,
    pub(super) major: u32,
}

impl Programs {
    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// Asks the programs in `folder` who they are; the error is a reason for the operator.
    pub(super) fn ask(
        folder: PathBuf,
        account: Option<&Account>,
        surroundings: &Surroundings,
    ) -> Result<Self, String> {
        let mut command = launch::command(&folder.join("postgres"), account, surroundings);
        command.arg("--version");
        let output = launch::run(command, "postgres", None).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            return Err(format!(
                "{} does not run: {}",
                folder.join("postgres").display(),
                launch::tail(&output.stderr)
            ));
        }
        let major = parse_major(&text)
            .ok_or_else(|| format!("{} says {text:?}", folder.join("postgres").display()))?;
        if major < MINIMUM {
            return Err(format!(
                "{} is version {major}",
                folder.join("postgres").display()
            ));
        }
        Ok(Self { folder, major })
    }
}

/// Programs that can run a data directory made by `made_by`, or any new one. Where there are none they are fetched.
pub(super) fn programs(
    layout: &Layout,
    made_by: Option<u32>,
    account: Option<&Account>,
    surroundings: &Surroundings,
) -> Result<Programs, EmbeddedError> {
    let mut refused = Vec::new();
    let mut others = Vec::new();
    let fetched = fetch::unpacked(layout);
    for folder in candidates(surroundings).into_iter().chain(fetched) {
        match Programs::ask(folder, account, surroundings) {
            Ok(found) if made_by.is_none_or(|major| major == found.major) => return Ok(found),
            Ok(found) => others.push(found.major.to_string()),
            Err(reason) => refused.push(reason),
        }
    }
    let fetch = match made_by {
        Some(major) if major != fetch::MAJOR => {
            Err(format!("the data directory needs version {major}"))
        }
        _ => fetch::fetch(layout, surroundings)?
            .and_then(|folder| Programs::ask(folder, account, surroundings)),
    };
    match (fetch, made_by) {
        (Ok(programs), _) => Ok(programs),
        (Err(_), Some(made_by)) if !others.is_empty() => Err(EmbeddedError::WrongVersion {
            data_dir: layout.root.clone(),
            made_by,
            found: others.join(", "),
        }),
        (Err(fetch), _) => {
            let refused = if refused.is_empty() {
                String::new()
            } else {
                format!(" ({})", refused.join("; "))
            };
            Err(EmbeddedError::NoPrograms {
                minimum: MINIMUM,
                refused,
                fetch,
            })
        }
    }
}

/// Folders that hold both programs, best first, each once.
fn candidates(surroundings: &Surroundings) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&surroundings.path)
        .filter(|folder| folder.is_absolute())
        .collect();
    folders.extend(pg_config_bindir(surroundings));
    for pattern in &surroundings.folders {
        folders.extend(expand(pattern));
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        // A link in PATH may point at `postgres` alone; its companions lie where the link points to.
        let Some(home) = folder
            .join("postgres")
            .canonicalize()
            .ok()
            .and_then(|file| file.parent().map(Path::to_owned))
        else {
            continue;
        };
        let complete = is_executable(&home.join("postgres")) && is_executable(&home.join("initdb"));
        if complete && !found.contains(&home) {
            found.push(home);
        }
    }
    found
}

fn pg_config_bindir(surroundings: &Surroundings) -> Option<PathBuf> {
    let mut command = launch::command(&surroundings.find("pg_config")?, None, surroundings);
    command.arg("--bindir");
    let output = launch::run(command, "pg_config", None)
        .ok()
        .filter(|output| output.status.success())?;
    Some(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim(),
    ))
}

/// Folders that a pattern with at most one `*` per component stands for, newest version first.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str().to_string_lossy();
        let Some((before, after)) = name.split_once('*') else {
            folders.iter_mut().for_each(|folder| folder.push(component));
            continue;
        };
        folders = folders
            .iter()
            .flat_map(|folder| matching(folder, before, after))
            .collect();
    }
    folders
}

fn matching(folder: &Path, before: &str, after: &str) -> Vec<PathBuf> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            name.strip_prefix(before)
                .is_some_and(|rest| rest.ends_with(after))
        })
        .collect();
    let number = |name: &String| {
        name.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse::<u32>()
            .unwrap_or(0)
    };
    names.sort_by_key(|name| std::cmp::Reverse(number(name)));
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// The major version in `postgres (PostgreSQL) 15.20 (…)`, `17devel` and `18beta1` included.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL)")?.1.trim_start();
    version
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_kind() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(parse_major("something else 17"), None);
    }
}
