//! The private key of an App, in whatever form it was pasted.
//!
//! Source: GitHub, "Managing private keys for GitHub Apps": RSA, a PEM of PKCS#1. Converters make
//! PKCS#8 of it; environment files and forms make its line breaks `\n`, spaces, or nothing.

use jsonwebtoken::{Algorithm, EncodingKey, Header};

use crate::domain::secret::{ExposeSecret, Secret};
use crate::providers::TokenFormError;

/// Longer than any key of 8,192 bits.
const LONGEST: usize = 16 * 1024;
/// Characters per line of a PEM.
const LINE: usize = 64;

/// The key in one form: its PEM with lines of 64.
pub(super) fn check(pasted: &Secret) -> Result<Secret, TokenFormError> {
    let pem = rewritten(pasted.expose_secret()).map_err(malformed)?;
    let pem = Secret::from(pem);
    let key = read(&pem).map_err(|()| {
        malformed(if is_of_another_kind(&pem) {
            "This is a private key of elliptic curves, not an RSA key. Paste the .pem file of the App's settings page."
        } else {
            "This private key cannot be read; part of it may be missing. Paste the whole .pem file of the App's settings page."
        })
    })?;
    // Reading looks at the outside alone; what cannot sign is no key.
    let claims = serde_json::json!({});
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(|_| {
        malformed("This RSA key cannot sign. Paste the whole .pem file of the App's settings page.")
    })?;
    Ok(pem)
}

/// The key as the signer takes it.
pub(super) fn read(pem: &Secret) -> Result<EncodingKey, ()> {
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_| ())
}

fn rewritten(text: &str) -> Result<String, &'static str> {
    const NOT_A_KEY: &str = "This is no private key in PEM form, which begins with -----BEGIN. Paste the .pem file of the App's settings page.";
    if text.len() > LONGEST {
        return Err("This is longer than any private key. Paste one .pem file alone.");
    }
    let (_, rest) = text.split_once("-----BEGIN ").ok_or(NOT_A_KEY)?;
    let (label, rest) = rest.split_once("-----").ok_or(NOT_A_KEY)?;
    let wrong = match label {
        "RSA PRIVATE KEY" | "PRIVATE KEY" => None,
        "EC PRIVATE KEY" => Some(
            "This is a private key of elliptic curves, not an RSA key. Paste the .pem file of the App's settings page.",
        ),
        "ENCRYPTED PRIVATE KEY" => Some(
            "This key is locked with a passphrase. Paste the .pem file as GitHub gave it, without one.",
        ),
        "OPENSSH PRIVATE KEY" => {
            Some("This is an SSH key. Paste the .pem file of the App's settings page.")
        }
        label if label.contains("PUBLIC KEY") || label.contains("CERTIFICATE") => Some(
            "This is the public half. Paste the private key: the .pem file that GitHub let you download.",
        ),
        _ => Some(NOT_A_KEY),
    };
    if let Some(sentence) = wrong {
        return Err(sentence);
    }
    let (body, _) = rest
        .split_once(&format!("-----END {label}-----"))
        .ok_or("The end of this key is missing. Paste the whole .pem file.")?;
    if body.contains("ENCRYPTED") {
        return Err(
            "This key is locked with a passphrase. Paste the .pem file as GitHub gave it, without one.",
        );
    }
    let body = zeroize::Zeroizing::new(body.replace("\\r", "").replace("\\n", ""));
    let mut pem = format!("-----BEGIN {label}-----\n");
    let characters = body.chars().filter(|c| !c.is_whitespace());
    for (place, character) in characters.enumerate() {
        if place > 0 && place % LINE == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str(&format!("\n-----END {label}-----\n"));
    Ok(pem)
}

fn is_of_another_kind(pem: &Secret) -> bool {
    let bytes = pem.expose_secret().as_bytes();
    EncodingKey::from_ec_pem(bytes).is_ok() || EncodingKey::from_ed_pem(bytes).is_ok()
}

fn malformed(message: &str) -> TokenFormError {
    TokenFormError {
        code: "invalid_private_key",
        message: message.to_owned(),
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
