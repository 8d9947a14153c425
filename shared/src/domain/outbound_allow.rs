//! What an operator lets user-supplied URLs reach although it is not public
//! (`MOORING_OUTBOUND_ALLOW`).
//!
//! Two forms, because operators know their networks in two ways. A *network* (`10.0.0.0/8`,
//! `::1`) opens addresses, whatever name leads there. A *host pattern* (`git.corp.example:8443`,
//! `*.corp.example:443`, `127.0.0.1:*`) opens one name on one port, whatever address it has.
//! Everything that is not listed stays closed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// The networks and hosts that are open although they are not public. Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundAllow {
    networks: Vec<IpNet>,
    hosts: Vec<HostPattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HostPattern {
    host: HostMatch,
    /// `None` for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostMatch {
    /// Exactly this host, in the spelling of the URL standard.
    Exact(String),
    /// Every name under this one; starts with a dot.
    Under(String),
}

/// Entries of the list that could not be read, each with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .faults.join("; "))]
pub struct OutboundAllowError {
    /// One sentence per entry.
    pub faults: Vec<String>,
}

impl OutboundAllow {
    /// The same list with the host and port of an operator's own URL added: what the
    /// configuration names as an instance needs no second permission.
    #[must_use]
    pub fn with_origin(mut self, url: &Url) -> Self {
        if let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) {
            self.hosts.push(HostPattern {
                host: HostMatch::Exact(spelling(&host)),
                port: Some(port),
            });
        }
        self
    }

    /// Whether an address lies in a listed network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether a host pattern names this host and port.
    #[must_use]
    pub fn names(&self, host: &Host<&str>, port: u16) -> bool {
        let spelled = spelling(host);
        self.hosts.iter().any(|pattern| {
            pattern.port.is_none_or(|open| open == port)
                && match &pattern.host {
                    HostMatch::Exact(name) => *name == spelled,
                    HostMatch::Under(suffix) => spelled.ends_with(suffix.as_str()),
                }
        })
    }

    /// Whether any network is listed, so that a name may lead into one.
    #[must_use]
    pub fn has_networks(&self) -> bool {
        !self.networks.is_empty()
    }

    /// Whether any host pattern is listed.
    #[must_use]
    pub fn has_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }
}

/// One spelling per host: addresses canonical, names without the root's dot.
fn spelling(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().to_string(),
    }
}

impl FromStr for OutboundAllow {
    type Err = OutboundAllowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut allow = Self::default();
        let mut faults = Vec::new();
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        for entry in entries.filter(|entry| !entry.is_empty()) {
            match read_entry(entry) {
                Ok(Entry::Network(network)) => allow.networks.push(network),
                Ok(Entry::Host(pattern)) => allow.hosts.push(pattern),
                Err(reason) => faults.push(format!("`{entry}` {reason}")),
            }
        }
        if faults.is_empty() {
            Ok(allow)
        } else {
            Err(OutboundAllowError { faults })
        }
    }
}

enum Entry {
    Network(IpNet),
    Host(HostPattern),
}

fn read_entry(entry: &str) -> Result<Entry, String> {
    if entry.contains("//") {
        return Err(
            "is a URL: write its host and port alone, such as `git.corp.example:443`".into(),
        );
    }
    if entry.contains('/') {
        return entry
            .parse::<IpNet>()
            .map(|network| Entry::Network(network.trunc()))
            .map_err(|_| {
                "is not a network in CIDR form, such as `10.0.0.0/8` or `fd00::/8`".into()
            });
    }
    if let Ok(address) = entry
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
    {
        return Ok(Entry::Network(IpNet::from(address.to_canonical())));
    }
    let Some((host, port)) = entry.rsplit_once(':') else {
        return Err(format!(
            "names no port: write `{entry}:443`, or `{entry}:*` for every port"
        ));
    };
    let port = match port {
        "*" => None,
        digits => match digits.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(format!("has `{digits}` for a port: write 1–65535 or `*`")),
        },
    };
    let host = read_host(host)?;
    Ok(Entry::Host(HostPattern { host, port }))
}

fn read_host(text: &str) -> Result<HostMatch, String> {
    const FORM: &str = "has no host that could be matched: write `git.corp.example`, `*.corp.example` or an address";
    if text == "*" {
        return Err("would open everything: if that is meant, write `0.0.0.0/0, ::/0`".into());
    }
    let (name, under) = text
        .strip_prefix("*.")
        .map_or((text, false), |rest| (rest, true));
    if name.is_empty() || name.contains('*') {
        return Err(FORM.into());
    }
    let host = Host::parse(name).map_err(|_| FORM.to_owned())?;
    match (&host, under) {
        (Host::Domain(name), true) => Ok(HostMatch::Under(format!(
            ".{}",
            spelling(&Host::Domain(name.as_str()))
        ))),
        (Host::Domain(name), false) => Ok(HostMatch::Exact(spelling(&Host::Domain(name.as_str())))),
        (_, true) => Err(FORM.into()),
        (Host::Ipv4(address), false) => Ok(exact_address(IpAddr::V4(*address))),
        (Host::Ipv6(address), false) => Ok(exact_address(IpAddr::V6(*address))),
    }
}

fn exact_address(address: IpAddr) -> HostMatch {
    HostMatch::Exact(address.to_canonical().to_string())
}

/// The addresses that the name `localhost` stands for, whatever a resolver says (RFC 6761).
pub const LOCALHOST: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

impl fmt::Display for OutboundAllow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(ToString::to_string);
        let hosts = self.hosts.iter().map(|pattern| {
            let host = match &pattern.host {
                HostMatch::Exact(name) if name.contains(':') => format!("[{name}]"),
                HostMatch::Exact(name) => name.clone(),
                HostMatch::Under(suffix) => format!("*{suffix}"),
            };
            match pattern.port {
                Some(port) => format!("{host}:{port}"),
                None => format!("{host}:*"),
            }
        });
        f.write_str(&networks.chain(hosts).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(text: &str) -> OutboundAllow {
        text.parse().expect(text)
    }

    fn names(allow: &OutboundAllow, url: &str) -> bool {
        let url = Url::parse(url).expect(url);
        allow.names(
            &url.host().expect("host"),
            url.port_or_known_default().expect("port"),
        )
    }

    #[test]
    fn networks_open_addresses() {
        let allow = allow("10.1.0.0/8, 127.0.0.1 ::1\n[fd00::1]");
        for open in [
            "10.250.0.1",
            "127.0.0.1",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(allow.contains(open.parse().unwrap()), "{open}");
        }
        for closed in ["11.0.0.1", "127.0.0.2", "fd00::2"] {
            assert!(!allow.contains(closed.parse().unwrap()), "{closed}");
        }
    }

    #[test]
    fn host_patterns_open_a_name_on_a_port() {
        let allow =
            allow("Git.Corp.Example:8443,*.lab.example:443,localhost:*,127.0.0.1:3000,[::1]:80");
        for open in [
            "https://git.corp.example:8443/x",
            "https://git.corp.example.:8443",
            "https://a.b.lab.example",
            "http://localhost:1",
            "http://127.0.0.1:3000",
            "http://2130706433:3000",
            "http://[::1]",
        ] {
            assert!(names(&allow, open), "{open}");
        }
        for closed in [
            "https://git.corp.example",
            "https://lab.example",
            "https://evillab.example",
            "http://127.0.0.1:3001",
            "https://a.git.corp.example:8443",
        ] {
            assert!(!names(&allow, closed), "{closed}");
        }
    }

    #[test]
    fn every_fault_is_told_with_what_to_write() {
        let text =
            "10.0.0.0/99, git.example, *:443, git.example:0, a*b:1, https://x:1/, *.1.2.3.4:80";
        let error = text.parse::<OutboundAllow>().unwrap_err();
        assert_eq!(error.faults.len(), 7, "{error}");
        assert!(
            error
                .to_string()
                .contains("`git.example` names no port: write `git.example:443`")
        );
        assert!(error.to_string().contains("0.0.0.0/0"));
    }

    #[test]
    fn it_prints_as_it_is_read() {
        let text = "10.0.0.0/8,git.corp.example:8443,*.lab.example:*,[::1]:80";
        assert_eq!(allow(text).to_string(), text);
        assert_eq!(allow(""), OutboundAllow::default());
    }

    #[test]
    fn an_operators_own_url_is_open() {
        let url = Url::parse("http://10.0.0.5:3000/gitlab").unwrap();
        let allow = OutboundAllow::default().with_origin(&url);
        assert!(names(&allow, "http://10.0.0.5:3000/other"));
        assert!(!names(&allow, "http://10.0.0.5:3001"));
    }
}
