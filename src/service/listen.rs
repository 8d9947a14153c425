//! Binding the addresses that settings name, before anything else is started: a port in use is
//! found in no time, and whoever connects early waits instead of being refused.

use std::io::ErrorKind;
use std::net::SocketAddr;

use shared::config::Config;
use tokio::net::TcpListener;

use crate::exit::Failure;

/// What a process listens on.
pub struct Sockets {
    /// For the API.
    pub api: Option<TcpListener>,
    /// For operators, where that is an address of its own.
    pub metrics: Option<TcpListener>,
}

impl Sockets {
    /// Binds both, where they are wanted.
    pub async fn bind(config: &Config, with_api: bool) -> Result<Self, Failure> {
        let api = match with_api {
            true => Some(bind("MOORING_LISTEN", config.listen).await?),
            false => None,
        };
        let metrics = match config.metrics_listen {
            Some(address) => Some(bind("MOORING_METRICS_LISTEN", address).await?),
            None => None,
        };
        Ok(Self { api, metrics })
    }
}

/// What an operator has to change is exit code 2 and names the setting.
async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "is in use by another program; choose another port".to_owned(),
            ErrorKind::AddrNotAvailable => "is no address of this machine".to_owned(),
            ErrorKind::PermissionDenied => {
                "may not be bound by this user; choose a port from 1024 on".to_owned()
            }
            _ => format!("cannot be bound: {error}"),
        };
        Failure::usage(format!("{setting}: {address} {why}"))
    })
}
