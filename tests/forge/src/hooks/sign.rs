//! How each provider signs what it delivers.
//!
//! Sources: GitHub, "Validating webhook deliveries"; GitLab, "Webhooks" (signing tokens are Standard Webhooks; the older
//! secret token is sent along); Atlassian, "Manage webhooks"; Microsoft, "Webhooks with Azure DevOps".

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};

/// How a hook proves whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `X-Hub-Signature-256`.
    GitHub,
    /// Standard Webhooks, with a `whsec_…` secret.
    GitLabSigned,
    /// The secret itself in `X-Gitlab-Token`.
    GitLabToken,
    /// `X-Hub-Signature`.
    Bitbucket,
    /// Basic authentication as `mooring`.
    Azure,
}

/// A delivery before it is sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its id, as the provider gives ids.
    pub id: String,
    /// The event, as the provider names it.
    pub event: String,
    /// The body, byte by byte.
    pub body: Vec<u8>,
    /// When it is sent.
    pub at: DateTime<Utc>,
}

impl Letter {
    /// Its headers under a scheme and a secret.
    pub fn headers(&self, scheme: Scheme, secret: &str) -> Vec<(String, String)> {
        let hex = |text: &[u8]| {
            let key = Key::new(HMAC_SHA256, secret.as_bytes());
            format!("sha256={}", hex::encode(sign(&key, text)))
        };
        let mut headers = vec![("content-type", "application/json".to_owned())];
        match scheme {
            Scheme::GitHub => headers.extend([
                ("user-agent", "GitHub-Hookshot/044aadd".to_owned()),
                ("x-github-event", self.event.clone()),
                ("x-github-delivery", self.id.clone()),
                ("x-hub-signature-256", hex(&self.body)),
            ]),
            Scheme::GitLabToken => headers.extend([
                ("user-agent", "GitLab/17.4.0".to_owned()),
                ("x-gitlab-event", self.event.clone()),
                ("idempotency-key", self.id.clone()),
                ("x-gitlab-token", secret.to_owned()),
            ]),
            Scheme::GitLabSigned => {
                let key = secret.strip_prefix("whsec_").unwrap_or(secret);
                let key = BASE64_STANDARD.decode(key).unwrap_or_default();
                let key = Key::new(HMAC_SHA256, &key);
                let time = self.at.timestamp();
                let mut signed = format!("{}.{time}.", self.id).into_bytes();
                signed.extend_from_slice(&self.body);
                let signature = BASE64_STANDARD.encode(sign(&key, &signed));
                headers.extend([
                    ("user-agent", "GitLab/19.0.0".to_owned()),
                    ("x-gitlab-event", self.event.clone()),
                    ("idempotency-key", self.id.clone()),
                    ("webhook-id", self.id.clone()),
                    ("webhook-timestamp", time.to_string()),
                    ("webhook-signature", format!("v1,{signature}")),
                ]);
            }
            Scheme::Bitbucket => headers.extend([
                ("user-agent", "Bitbucket-Webhooks/2.0".to_owned()),
                ("x-event-key", self.event.clone()),
                ("x-request-uuid", self.id.clone()),
                ("x-attempt-number", "1".to_owned()),
                ("x-hub-signature", hex(&self.body)),
            ]),
            Scheme::Azure => {
                let pair = BASE64_STANDARD.encode(format!("mooring:{secret}"));
                headers.push(("authorization", format!("Basic {pair}")));
            }
        }
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}
