//! Names to addresses, once per connection, with what may not be reached taken out.
//!
//! The transport connects to exactly the addresses that are returned here, so there is no second
//! look-up between the check and the connection that a hostile name server could answer otherwise
//! (DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::not_public;
use super::target::Route;
use crate::domain::outbound_allow::OutboundAllow;

/// Where names are looked up.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of a name.
    ///
    /// # Errors
    /// Where the name does not resolve.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// A name that leads only where nothing may be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to {reason}, which may not be reached; MOORING_OUTBOUND_ALLOW can open it")]
pub struct NotAdmitted {
    /// The name.
    pub host: String,
    /// What its addresses are.
    pub reason: &'static str,
}

/// The resolver of one [`Route`].
pub(super) struct GuardedResolver {
    pub(super) route: Route,
    pub(super) allow: Arc<OutboundAllow>,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (route, allow, lookup) = (self.route, self.allow.clone(), self.lookup.clone());
        Box::pin(async move {
            let host = name.as_str();
            let found = lookup.lookup(host).await?;
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no address").into());
            }
            let admitted = admit(host, found, route, &allow)?;
            let addresses = admitted
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// Keeps the addresses that the route may reach.
fn admit(
    host: &str,
    found: Vec<IpAddr>,
    route: Route,
    allow: &OutboundAllow,
) -> Result<Vec<IpAddr>, NotAdmitted> {
    let mut reason = "a public address over plain HTTP";
    let admitted: Vec<IpAddr> = found
        .into_iter()
        .filter(|address| {
            if route == Route::Named || allow.contains(*address) {
                return true;
            }
            let refusal = not_public(*address);
            reason = refusal.unwrap_or(reason);
            route == Route::Public && refusal.is_none()
        })
        .collect();
    if admitted.is_empty() {
        return Err(NotAdmitted {
            host: host.to_owned(),
            reason,
        });
    }
    Ok(admitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(found: &[&str], route: Route, allow: &str) -> Result<Vec<String>, &'static str> {
        let found = found.iter().map(|text| text.parse().unwrap()).collect();
        match admit("host.example", found, route, &allow.parse().unwrap()) {
            Ok(admitted) => Ok(admitted.iter().map(ToString::to_string).collect()),
            Err(refusal) => Err(refusal.reason),
        }
    }

    #[test]
    fn what_may_not_be_reached_is_taken_out() {
        let both = ["10.0.0.1", "140.82.121.3"];
        assert_eq!(
            admitted(&both, Route::Public, ""),
            Ok(vec!["140.82.121.3".into()])
        );
        assert_eq!(
            admitted(&both, Route::Listed, "10.0.0.0/8"),
            Ok(vec!["10.0.0.1".into()])
        );
        assert_eq!(
            admitted(&["127.0.0.1"], Route::Named, "").map(|a| a.len()),
            Ok(1)
        );
        assert_eq!(
            admitted(&["127.0.0.1", "::1"], Route::Public, ""),
            Err("a loopback address")
        );
        assert_eq!(
            admitted(&["140.82.121.3"], Route::Listed, "10.0.0.0/8"),
            Err("a public address over plain HTTP")
        );
    }
}
