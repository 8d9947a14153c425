//! Hooks at the provider: installed, put right, taken away, and asked what they sent.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;
use crate::providers::transport::failure;
use crate::providers::{Access, App, ErrorClass, ProviderError};

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

/// How a hook stands at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookStanding {
    /// It sends, and what it sent last was taken.
    Well,
    /// It sends, and what it sent last was refused or not answered.
    Failing,
    /// It sends nothing, until it is switched on again.
    Silenced,
    /// It is not there, or not in reach.
    Gone,
}

/// A hook that is now as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutHook {
    /// Its id, which may be of several parts, with spaces between them.
    pub id: String,
    /// How it stood before; `None` where there was none with this address.
    pub found: Option<HookStanding>,
}

/// A delivery as the provider remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its number at the provider, by which its content is had.
    pub number: String,
    /// Its id, as it stands in the headers.
    pub delivery_id: String,
    /// When it was sent; `None` where the provider does not tell.
    pub sent_at: Option<DateTime<Utc>>,
    /// Whether it was answered with success, or needed no answer.
    pub arrived: bool,
    /// Its content, where the list has it.
    pub content: Option<Recalled>,
}

/// A page of what a provider remembers, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RememberedPage {
    /// Deliveries.
    pub deliveries: Vec<Remembered>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// There may be older ones that cannot be asked for.
    pub cut: bool,
}

/// The content of a delivery that never arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// was not answered is found. One that the provider has switched off is switched on again.
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<PutHook, ProviderError>;

    /// Takes every hook with this address away from a repository.
    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError>;
}

/// What is asked of a provider about what the hook of a repository has sent.
#[async_trait]
pub trait HookDeliveries: Send + Sync {
    /// For how long what a hook sent is remembered; `None` where the provider keeps no list.
    fn memory(&self) -> Option<TimeDelta>;

    /// How a hook stands, by its id with all its parts. One question for all of them.
    async fn standing(
        &self,
        access: &Access,
        place: &HookPlace,
        id: &str,
    ) -> Result<HookStanding, ProviderError>;

    /// A page of what one part of a hook has sent, newest first. An instance that is too old for a list
    /// answers [`ErrorClass::NotFound`], as for a hook that is gone: [`standing`](Self::standing)
    /// tells which.
    async fn remembered(
        &self,
        _access: &Access,
        _place: &HookPlace,
        _part: &str,
        _from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError> {
        Err(no_list())
    }

    /// The content of one of them, where the list had it not.
    async fn recall(
        &self,
        _access: &Access,
        _place: &HookPlace,
        _part: &str,
        _number: &str,
    ) -> Result<Recalled, ProviderError> {
        Err(no_list())
    }
}

fn no_list() -> ProviderError {
    failure(ErrorClass::NotFound, "no list of deliveries is kept here")
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
