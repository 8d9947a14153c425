//! `mooring keys generate`: a new key for `MOORING_ENCRYPTION_KEYS`.

use shared::clock::Clock;
use shared::vault::Keyring;

use crate::exit::Failure;

/// Prints `id:base64`. Without an id it is the date, so that keys tell their age.
pub fn generate(id: Option<&str>) -> Result<(), Failure> {
    let id = match id {
        Some(id) => id.to_owned(),
        None => Clock::system().now().format("k%Y%m%d").to_string(),
    };
    let key = Keyring::generate(&id).map_err(|error| Failure::failed(error.to_string()))?;
    // What is printed must be what is read.
    key.parse::<Keyring>()
        .map_err(|error| Failure::usage(format!("--id: {error}")))?;
    println!("{}", key.as_str());
    Ok(())
}
