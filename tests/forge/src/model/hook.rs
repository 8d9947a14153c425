//! Webhooks that somebody set up, and what was sent to them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{AppId, RepositoryId, State};
use crate::face::Face;

/// Id of a webhook; unique over all faces.
pub type HookId = u64;

/// A webhook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Whose it is.
    pub face: Face,
    /// What it is about.
    pub place: HookPlace,
    /// Where it delivers.
    pub url: String,
    /// What it proves itself with.
    pub secret: Option<String>,
    /// GitLab: the secret signs and is not sent along.
    pub signs: bool,
    /// What it sends, in the provider's words.
    pub events: Vec<String>,
    /// Whether it sends at all.
    pub active: bool,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// When it was last changed at its provider's API.
    pub updated_at: DateTime<Utc>,
}

/// What a webhook is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookPlace {
    /// One repository.
    Repository(RepositoryId),
    /// Everything that an App is installed on.
    App(AppId),
}

/// A delivery as it was sent, or was to be.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its number at the provider.
    pub id: u64,
    /// Its id in the headers.
    pub guid: String,
    /// The hook.
    pub hook: HookId,
    /// The event.
    pub event: String,
    /// The action within it.
    pub action: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// What came back; `None` where nothing did.
    pub status: Option<u16>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) all: BTreeMap<HookId, Hook>,
    pub(crate) sent: Vec<Sent>,
    next: u64,
}

impl Hooks {
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl State {
    /// Every webhook.
    pub fn hooks(&self) -> impl Iterator<Item = &Hook> {
        self.hooks.all.values()
    }

    /// Everything that was sent, oldest first.
    pub fn sent(&self) -> &[Sent] {
        &self.hooks.sent
    }

    /// Sets up a webhook; its id.
    pub fn add_hook(&mut self, face: Face, place: HookPlace, url: &str, secret: &str) -> HookId {
        let id = self.hooks.number();
        let hook = Hook {
            id,
            face,
            place,
            url: url.to_owned(),
            secret: Some(secret.to_owned()),
            signs: false,
            events: Vec::new(),
            active: true,
            created_at: self.now(),
            updated_at: self.now(),
        };
        self.hooks.all.insert(id, hook);
        id
    }

    /// Lets a webhook deliver elsewhere: another process of the same service.
    pub fn set_hook_url(&mut self, id: HookId, url: &str) {
        if let Some(hook) = self.hooks.all.get_mut(&id) {
            hook.url = url.to_owned();
        }
    }

    /// Says what a webhook is to send, in the provider's words.
    pub fn set_hook_events(&mut self, id: HookId, events: &[&str]) {
        if let Some(hook) = self.hooks.all.get_mut(&id) {
            hook.events = events.iter().map(|&event| event.to_owned()).collect();
        }
    }

    /// Switches a webhook on or off, as a person does in the settings, or the provider after failures.
    pub fn set_hook_active(&mut self, id: HookId, active: bool) {
        if let Some(hook) = self.hooks.all.get_mut(&id) {
            hook.active = active;
        }
    }

    /// Takes a webhook away, as a person does in the settings.
    pub fn remove_hook(&mut self, id: HookId) -> bool {
        self.hooks.all.remove(&id).is_some()
    }
}
