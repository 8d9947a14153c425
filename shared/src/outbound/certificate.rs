//! Certificates of an instance's own authority, as somebody pasted them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reqwest::Certificate;

use super::target::Route;
use crate::domain::ca_certificate::CaCertificate;

/// Clients that are kept, the least used going first: each holds the machine's certificates and
/// connections.
const KEPT: usize = 64;

/// By the certificates' SHA-256, and where a name may lead.
type Key = ([u8; 32], Route);

/// One client per authority and route.
#[derive(Default)]
pub(super) struct OwnAuthorities(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    clients: HashMap<Key, (u64, reqwest::Client)>,
    uses: u64,
}

impl OwnAuthorities {
    /// The client of this key, or a new one. It is made outside the lock; of two that are made at
    /// once, the first one that is kept serves.
    pub(super) fn get(
        &self,
        key: Key,
        make: impl FnOnce() -> Result<reqwest::Client, reqwest::Error>,
    ) -> Result<reqwest::Client, reqwest::Error> {
        if let Some(client) = self.kept(key) {
            return Ok(client);
        }
        let made = make()?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        if kept.clients.len() >= KEPT {
            let oldest = kept.clients.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                kept.clients.remove(&oldest);
            }
        }
        Ok(kept.clients.entry(key).or_insert((now, made)).1.clone())
    }

    fn kept(&self, key: Key) -> Option<reqwest::Client> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let (used, client) = kept.clients.get_mut(&key)?;
        *used = now;
        Some(client.clone())
    }
}

/// Checks certificates (PEM) before they are stored: there is one, and TLS takes each of them as an
/// authority's.
///
/// # Errors
/// A sentence that says what to do.
pub fn check_certificate(pem: &str) -> Result<(), String> {
    const WHAT: &str = "Paste the certificate of the authority as PEM, beginning with -----BEGIN CERTIFICATE-----; several may follow one another.";
    if pem.contains("PRIVATE KEY-----") {
        return Err(format!(
            "This holds a private key, which does not belong here. Change that key, for it was sent. {WHAT}"
        ));
    }
    let certificates = Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|_| format!("These certificates cannot be read. {WHAT}"))?;
    if certificates.is_empty() {
        return Err(format!("This is no certificate. {WHAT}"));
    }
    trial(certificates).map_err(|_| format!("TLS does not take this certificate. {WHAT}"))
}

/// A client that is thrown away: only its making reads a certificate to its end.
#[expect(
    clippy::disallowed_methods,
    reason = "it is built to see whether it can be, and sends nothing"
)]
fn trial(certificates: Vec<Certificate>) -> Result<(), reqwest::Error> {
    let built = reqwest::Client::builder()
        .tls_certs_only(certificates)
        .build();
    built.map(drop)
}

/// The certificates for a client that shall trust them besides the machine's own.
pub(super) fn read(certificate: &CaCertificate) -> Result<Vec<Certificate>, reqwest::Error> {
    Certificate::from_pem_bundle(certificate.pem().as_bytes())
}
