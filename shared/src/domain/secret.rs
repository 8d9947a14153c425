//! Secrets in memory: wiped when dropped, never printed, never serialized.
//!
//! [`Secret`] has no `Display`, no `Serialize`, and a `Debug` that hides its content, so a secret
//! cannot reach a log, an answer or a job payload without a call to `expose_secret`, which is easy
//! to search for.

pub use secrecy::{ExposeSecret, SecretString as Secret};

/// A secret from text that somebody pasted: white space around it is not part of it.
///
/// The pasted text itself is wiped.
#[must_use]
pub fn pasted(text: Secret) -> Secret {
    Secret::from(text.expose_secret().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secret = pasted(Secret::from("  ghp_abc\n"));
        assert_eq!(secret.expose_secret(), "ghp_abc");
        assert!(!format!("{secret:?}").contains("ghp_abc"));
    }
}
