//! Hooks at the provider: installed, put right, taken away, and asked what they sent.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;
use crate::providers::{Access, App, ProviderError};

/// A repository that has, or is to have, a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookPlace {
    /// The provider's immutable id.
    pub repository_id: String,
    /// As the provider writes it.
    pub full_name: String,
}

/// What a hook is to be.
#[derive(Clone, Copy, Debug)]
pub struct HookSpec<'a> {
    /// Where it delivers.
    pub url: &'a str,
    /// What it proves itself with.
    pub secret: &'a Secret,
}

/// A delivery as the provider remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its number at the provider, by which its content is had.
    pub number: String,
    /// Its id, as it stands in the headers.
    pub delivery_id: String,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// Whether it was answered with success.
    pub arrived: bool,
}

/// A page of what a provider remembers, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RememberedPage {
    /// Deliveries.
    pub deliveries: Vec<Remembered>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The content of a delivery that never arrived.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// Its event.
    pub event: String,
    /// The action within it.
    pub action: Option<String>,
    /// What is kept of its headers.
    pub headers: DeliveryHeaders,
    /// Its body: the same JSON, not always the same bytes.
    pub body: Vec<u8>,
}

/// What is asked of a provider about the hooks of repositories.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Makes a repository's hook what it is to be: the one with this address is put right, whoever
    /// made it, and made where there is none. So asking twice is asking once, and a hook whose making
    /// was not answered is found. Its id, which may be of several parts.
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<String, ProviderError>;

    /// Takes every hook with this address away from a repository.
    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError>;
}

/// What is asked of a provider about what an App's hook has sent.
#[async_trait]
pub trait AppDeliveries: Send + Sync {
    /// A page of an App's deliveries, newest first.
    async fn remembered(
        &self,
        app: &App,
        from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError>;

    /// The content of one of them.
    async fn recall(&self, app: &App, number: &str) -> Result<Recalled, ProviderError>;
}
