//! Reads one setting after the other and goes on after a fault, so that all are told at once.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::duration::{format_duration, parse_duration};
use super::fault::Fault;
use super::settings::Setting;
use super::sources::Resolved;
use crate::domain::secret::Secret;

pub(super) struct Reader<'a> {
    resolved: Resolved<'a>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(resolved: Resolved<'a>, faults: Vec<Fault>, warnings: Vec<String>) -> Self {
        Self {
            resolved,
            faults,
            warnings,
        }
    }

    pub(super) fn fault(&mut self, setting: &Setting, problem: impl Into<String>) {
        self.faults.push(Fault {
            setting: setting.name.to_owned(),
            problem: problem.into(),
        });
    }

    /// Whether any source gives it.
    pub(super) fn is_given(&self, setting: &Setting) -> bool {
        matches!(self.resolved.find(setting), Ok(Some(_)))
    }

    /// The value as `read` makes it; `None` where there is none or where it is a fault (now noted).
    pub(super) fn optional<T, E: Display>(
        &mut self,
        setting: &Setting,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let given = match self.resolved.find(setting) {
            Ok(given) => given?,
            Err(fault) => {
                self.faults.push(fault);
                return None;
            }
        };
        match read(&given.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(setting, format!("{problem}{}", given.origin));
                None
            }
        }
    }

    /// The value, else the default of the table. Not for settings without a default.
    pub(super) fn value<T, E: Display>(
        &mut self,
        setting: &Setting,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        self.optional(setting, &read).unwrap_or_else(|| {
            let read = setting.default.map(read);
            read.and_then(Result::ok)
                .expect("a test reads every default of the table")
        })
    }

    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        self.optional(setting, |text| Ok::<_, String>(text.trim().to_owned()))
    }

    pub(super) fn secret(&mut self, setting: &Setting) -> Option<Secret> {
        self.optional(setting, |text| Ok::<_, String>(Secret::from(text)))
    }

    pub(super) fn duration(
        &mut self,
        setting: &Setting,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.value(setting, |text| {
            let duration = parse_duration(text.trim())?;
            if range.contains(&duration) {
                return Ok(duration);
            }
            let (least, most) = (
                format_duration(*range.start()),
                format_duration(*range.end()),
            );
            Err(format!("{text} is out of range; give {least} to {most}"))
        })
    }

    pub(super) fn number<N: FromStr + PartialOrd + Display>(
        &mut self,
        setting: &Setting,
        range: RangeInclusive<N>,
    ) -> N {
        self.value(setting, |text| match text.trim().parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!(
                "{text:?} must be a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        })
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} must be true or false")),
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let numeric = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(text).parse().map_err(|_| {
        format!(
            "{text:?} is no address; give IP:port, like 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080"
        )
    })
}

/// A URL of http or https, without credentials and fragment.
pub(super) fn web_url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let url = Url::parse(text).map_err(|error| {
        format!("{text:?} is no URL ({error}); give one like https://git.example.org")
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!(
            "{text:?} must begin with https:// or http:// and name a host"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password, which does not belong there".to_owned());
    }
    if url.fragment().is_some() {
        return Err(format!("{text:?} must not contain a #"));
    }
    Ok(url)
}

/// A [`web_url`] to which paths are appended.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = web_url(text)?;
    if url.query().is_some() {
        return Err(format!("{text:?} must end with its path: no ?"));
    }
    Ok(url)
}

/// A comma-separated list of origins, as `Url::origin` writes them.
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let url = base_url(entry)?;
            if url.path() != "/" {
                return Err(format!("{entry:?} has a path; an origin is scheme, host and port, like https://app.example.org"));
            }
            Ok(url.origin().ascii_serialization())
        })
        .collect()
}
