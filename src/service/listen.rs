//! Binding an address that a setting names.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::exit::Failure;

/// Binds it; what an operator has to change is exit code 2 and names the setting.
pub async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "is in use by another program; choose another port".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "is no address of this machine".to_owned(),
            std::io::ErrorKind::PermissionDenied => "may not be bound by this user; choose a port from 1024 on".to_owned(),
            _ => format!("cannot be bound: {error}"),
        };
        Failure::usage(format!("{setting}: {address} {why}"))
    })
}
