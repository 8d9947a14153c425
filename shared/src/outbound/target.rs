//! Where a URL may lead: its form, its scheme, the address it names.
//!
//! The transport does not ask its resolver for hosts that are addresses already, so those are
//! judged here, before every hop; names are judged by the resolver that belongs to the
//! [`Route`]. A URL is read by the URL standard's parser, so `http://2130706433/` and
//! `http://0x7f.1/` are seen as what they are.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::not_public;
use crate::domain::outbound_allow::{LOCALHOST, OutboundAllow};

/// Longest base URL that is accepted, in bytes.
const LONGEST: usize = 2048;

/// Which addresses a name may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    /// Public addresses and listed networks; HTTPS.
    Public,
    /// Listed networks only; plain HTTP too.
    Listed,
    /// Whatever the name leads to: a host pattern names it.
    Named,
}

/// A URL that may not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UrlError {
    /// `invalid_url`, `insecure_url` or `blocked_address`.
    pub code: &'static str,
    /// What to do.
    pub message: String,
}

fn invalid(message: impl Into<String>) -> UrlError {
    UrlError {
        code: "invalid_url",
        message: message.into(),
    }
}

/// Reads the base URL of an instance as somebody typed it: white space around it and a slash at
/// its end are not part of it.
///
/// A name is not resolved here; where it leads is judged when it is asked.
///
/// # Errors
/// [`UrlError`] with `invalid_url` (no URL, no host, a user name, a query or a fragment in it),
/// `insecure_url` (not HTTPS, and not allowed) or `blocked_address` (an address or name that is
/// not public, and not allowed).
pub fn check_url(text: &str, allow: &OutboundAllow) -> Result<Url, UrlError> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(invalid(format!("The URL is longer than {LONGEST} bytes.")));
    }
    let mut url = Url::parse(text).map_err(|_| {
        invalid("This is no URL. Write the address of the instance with its scheme, such as https://git.example.org.")
    })?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(invalid("The URL has to begin with https://."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "The URL holds a user name or password. Leave it out; the credential has a field of its own.",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(
            "The URL holds a query or a fragment. Write the root of the instance alone, such as https://git.example.org.",
        ));
    }
    route(&url, allow)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Which resolver serves a URL.
pub(super) fn route(url: &Url, allow: &OutboundAllow) -> Result<Route, UrlError> {
    let secure = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(invalid("Only HTTPS is spoken.")),
    };
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(invalid("The URL has no host."));
    };
    if allow.names(&host, port) {
        return Ok(Route::Named);
    }
    match host {
        Host::Ipv4(address) => literal(IpAddr::V4(address), secure, allow),
        Host::Ipv6(address) => literal(IpAddr::V6(address), secure, allow),
        Host::Domain(name) if is_localhost(name) => {
            if LOCALHOST.iter().any(|address| allow.contains(*address)) {
                Ok(Route::Listed)
            } else {
                Err(blocked(name, "a loopback address"))
            }
        }
        Host::Domain(_) if secure => Ok(Route::Public),
        Host::Domain(_) if allow.has_networks() => Ok(Route::Listed),
        Host::Domain(_) => Err(insecure()),
    }
}

fn literal(address: IpAddr, secure: bool, allow: &OutboundAllow) -> Result<Route, UrlError> {
    if allow.contains(address) {
        Ok(Route::Listed)
    } else if let Some(reason) = not_public(address) {
        Err(blocked(&address.to_string(), reason))
    } else if secure {
        Ok(Route::Public)
    } else {
        Err(insecure())
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || name.len() > 10 && name[name.len() - 10..].eq_ignore_ascii_case(".localhost")
}

fn insecure() -> UrlError {
    UrlError {
        code: "insecure_url",
        message: "The URL is not HTTPS, so the credential would travel in the open. Use https://, or ask the operator to allow this host in MOORING_OUTBOUND_ALLOW.".into(),
    }
}

fn blocked(host: &str, reason: &str) -> UrlError {
    UrlError {
        code: "blocked_address",
        message: format!(
            "{host} is {reason}, which may not be reached from here. Use a public address, or ask the operator to allow it in MOORING_OUTBOUND_ALLOW."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, allow: &str) -> String {
        let allow = allow.parse().expect("allow");
        match check_url(text, &allow) {
            Ok(url) => url.to_string(),
            Err(error) => error.code.to_owned(),
        }
    }

    #[test]
    fn base_urls() {
        for (text, expected) in [
            (" https://git.example.org/ ", "https://git.example.org/"),
            (
                "https://git.example.org/gitlab//",
                "https://git.example.org/gitlab",
            ),
            ("https://GIT.example.org:443", "https://git.example.org/"),
            ("git.example.org", "invalid_url"),
            ("", "invalid_url"),
            ("https://", "invalid_url"),
            ("ftp://git.example.org", "invalid_url"),
            ("https://user@git.example.org", "invalid_url"),
            ("https://:pw@git.example.org", "invalid_url"),
            ("https://git.example.org?x", "invalid_url"),
            ("https://git.example.org#x", "invalid_url"),
            ("http://git.example.org", "insecure_url"),
            ("http://140.82.121.3", "insecure_url"),
            ("https://140.82.121.3", "https://140.82.121.3/"),
            ("https://127.0.0.1", "blocked_address"),
            ("https://2130706433", "blocked_address"),
            ("https://0x7f.1", "blocked_address"),
            ("https://[::1]", "blocked_address"),
            ("https://[::ffff:169.254.169.254]", "blocked_address"),
            ("https://localhost", "blocked_address"),
            ("http://a.LOCALHOST.:3000", "blocked_address"),
        ] {
            assert_eq!(code(text, ""), expected, "{text}");
        }
        let long = format!("https://git.example.org/{}", "a".repeat(LONGEST));
        assert_eq!(code(&long, ""), "invalid_url");
    }

    #[test]
    fn what_the_operator_allows() {
        for (text, allow, expected) in [
            (
                "http://127.0.0.1:3000",
                "127.0.0.0/8",
                "http://127.0.0.1:3000/",
            ),
            (
                "http://127.0.0.1:3000",
                "127.0.0.1:3000",
                "http://127.0.0.1:3000/",
            ),
            ("http://127.0.0.1:3001", "127.0.0.1:3000", "blocked_address"),
            (
                "http://localhost:3000",
                "127.0.0.0/8",
                "http://localhost:3000/",
            ),
            ("http://localhost:3000", "10.0.0.0/8", "blocked_address"),
            (
                "http://git.corp.example",
                "git.corp.example:80",
                "http://git.corp.example/",
            ),
            (
                "http://git.corp.example",
                "git.corp.example:443",
                "insecure_url",
            ),
            // Where it leads is judged when it is resolved.
            (
                "http://git.corp.example",
                "10.0.0.0/8",
                "http://git.corp.example/",
            ),
        ] {
            assert_eq!(code(text, allow), expected, "{text} with {allow}");
        }
    }
}
