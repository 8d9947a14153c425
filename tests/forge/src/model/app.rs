//! GitHub Apps: registrations, and their installations at accounts.
//!
//! Key pairs are made when an App is registered, so that none lies in the source; they are the one thing that differs
//! between two forges made by the same calls.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::{AppId, InstallationId, OwnerId, RepositoryId, State};
use crate::forge::Forge;

/// A registered App.
#[derive(Clone, Debug)]
pub struct App {
    /// Its number.
    pub id: AppId,
    /// Its name in addresses.
    pub slug: String,
    /// Its public id at the OAuth endpoints; good as issuer too.
    pub client_id: String,
    /// Who registered it.
    pub owner: OwnerId,
    /// Verifies its assertions: RSA, PKCS#1 DER. An App may have several keys.
    pub public_keys: Vec<Vec<u8>>,
    /// Signs its deliveries.
    pub webhook_secret: Option<String>,
    /// What it asks of those who install it: permission and level.
    pub permissions: BTreeMap<String, String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// An App to be registered.
#[derive(Clone, Debug)]
pub struct AppSpec {
    slug: String,
    webhook_secret: Option<String>,
    permissions: BTreeMap<String, String>,
}

/// What its owner is given when an App is registered.
#[derive(Clone, Debug)]
pub struct RegisteredApp {
    /// Its number.
    pub id: AppId,
    /// Its name in addresses.
    pub slug: String,
    /// Its public id at the OAuth endpoints.
    pub client_id: String,
    /// Its private key: RSA of 2,048 bits, PEM of PKCS#8.
    pub private_key: String,
}

impl RegisteredApp {
    /// What it shows to speak for itself: good from a minute ago and for nine minutes.
    pub fn assertion(&self, now: DateTime<Utc>) -> String {
        let claims = serde_json::json!({
            "iss": self.id.to_string(),
            "iat": now.timestamp() - 60,
            "exp": now.timestamp() + 540,
        });
        let key = EncodingKey::from_rsa_pem(self.private_key.as_bytes());
        let header = Header::new(Algorithm::RS256);
        let signed = key.and_then(|key| jsonwebtoken::encode(&header, &claims, &key));
        signed.unwrap_or_else(|_| panic!("the key of App {} does not sign", self.id))
    }
}

/// An App at work in an account.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Its number.
    pub id: InstallationId,
    /// The App.
    pub app: AppId,
    /// Where it is installed.
    pub account: OwnerId,
    /// The repositories that were chosen; `None` is all, also those to come.
    pub repositories: Option<BTreeSet<RepositoryId>>,
    /// What was granted.
    pub permissions: BTreeMap<String, String>,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
    /// When it was installed.
    pub created_at: DateTime<Utc>,
    /// When somebody last changed it.
    pub updated_at: DateTime<Utc>,
}

/// An installation to be made.
#[derive(Clone, Debug)]
pub struct InstallationSpec {
    app: AppId,
    login: String,
    repositories: Option<BTreeSet<RepositoryId>>,
    permissions: Option<BTreeMap<String, String>>,
}

impl AppSpec {
    /// An App that reads contents and metadata.
    pub fn new(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            webhook_secret: None,
            permissions: levels(&[("contents", "read"), ("metadata", "read")]),
        }
    }

    /// With these permissions and no others.
    pub fn permissions(mut self, permissions: &[(&str, &str)]) -> Self {
        self.permissions = levels(permissions);
        self
    }

    /// With a secret for its deliveries.
    pub fn webhook_secret(mut self, secret: &str) -> Self {
        self.webhook_secret = Some(secret.to_owned());
        self
    }
}

impl InstallationSpec {
    /// On all repositories of an account, with everything that the App asks for.
    pub fn all(app: AppId, login: &str) -> Self {
        Self {
            app,
            login: login.to_owned(),
            repositories: None,
            permissions: None,
        }
    }

    /// On these repositories alone.
    pub fn selected(mut self, ids: impl IntoIterator<Item = RepositoryId>) -> Self {
        self.repositories = Some(ids.into_iter().collect());
        self
    }

    /// With these permissions: the account has not accepted what the App asks for since.
    pub fn permissions(mut self, permissions: &[(&str, &str)]) -> Self {
        self.permissions = Some(levels(permissions));
        self
    }
}

fn levels(permissions: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = permissions.iter();
    pairs
        .map(|(name, level)| ((*name).to_owned(), (*level).to_owned()))
        .collect()
}

impl Forge {
    /// Registers an App and hands out its key.
    pub fn add_app(&self, owner: &str, spec: AppSpec) -> RegisteredApp {
        // Outside the lock: a key takes a while.
        let (public, private) = key_pair();
        self.edit(|state| state.register(owner, spec, public, private))
    }

    /// Gives an App one more key; the PEM of it.
    ///
    /// # Panics
    /// Where there is no such App.
    pub fn add_app_key(&self, app: AppId) -> String {
        let (public, private) = key_pair();
        self.edit(|state| state.app_mut(app).public_keys.push(public));
        private
    }

    /// Installs an App; see [`State::install`].
    pub fn install(&self, spec: InstallationSpec) -> InstallationId {
        self.edit(|state| state.install(spec))
    }

    /// Leaves an installation so many requests in an hour that begins now.
    pub fn set_installation_remaining(&self, id: InstallationId, remaining: u32) {
        self.set_budget(crate::face::Face::GitHub, id, remaining);
    }
}

fn key_pair() -> (Vec<u8>, String) {
    let made = KeyPair::generate(KeySize::Rsa2048);
    let pair = made.unwrap_or_else(|_| panic!("the machine makes no RSA key"));
    let der: Pkcs8V1Der<'_> = match pair.as_der() {
        Ok(der) => der,
        Err(_) => panic!("a new RSA key has no PKCS#8 form"),
    };
    let text = BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|at| &text[at..text.len().min(at + 64)])
        .collect();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    );
    (pair.public_key().as_ref().to_vec(), pem)
}

impl State {
    fn register(
        &mut self,
        owner: &str,
        spec: AppSpec,
        public: Vec<u8>,
        private_key: String,
    ) -> RegisteredApp {
        let id = self.next_app;
        self.next_app += 1;
        let app = App {
            id,
            client_id: format!("Iv23li{id:014}"),
            owner: self.known(owner),
            public_keys: vec![public],
            webhook_secret: spec.webhook_secret,
            permissions: spec.permissions,
            created_at: self.now(),
            slug: spec.slug,
        };
        let registered = RegisteredApp {
            id,
            slug: app.slug.clone(),
            client_id: app.client_id.clone(),
            private_key,
        };
        self.apps.insert(id, app);
        registered
    }

    /// The App, to be changed.
    ///
    /// # Panics
    /// Where there is no such App.
    pub fn app_mut(&mut self, id: AppId) -> &mut App {
        match self.apps.get_mut(&id) {
            Some(app) => app,
            None => panic!("{id} is no App of this forge"),
        }
    }

    /// Installs an App in an account.
    ///
    /// # Panics
    /// Where there is no such App or account.
    pub fn install(&mut self, spec: InstallationSpec) -> InstallationId {
        let id = self.next_installation;
        self.next_installation += 1;
        let now = self.now();
        let asked = self.app_mut(spec.app).permissions.clone();
        let installation = Installation {
            id,
            app: spec.app,
            account: self.known(&spec.login),
            repositories: spec.repositories,
            permissions: spec.permissions.unwrap_or(asked),
            suspended_at: None,
            created_at: now,
            updated_at: now,
        };
        self.installations.insert(id, installation);
        id
    }

    /// The installation of this id.
    pub fn installation(&self, id: InstallationId) -> Option<&Installation> {
        self.installations.get(&id)
    }

    /// The installation, to be changed.
    ///
    /// # Panics
    /// Where there is no such installation.
    pub fn installation_mut(&mut self, id: InstallationId) -> &mut Installation {
        match self.installations.get_mut(&id) {
            Some(installation) => installation,
            None => panic!("{id} is no installation of this forge"),
        }
    }

    /// Suspends an installation, or lifts the suspension. Its tokens are dead while it is suspended.
    pub fn suspend(&mut self, id: InstallationId, suspended: bool) {
        let now = self.now();
        let installation = self.installation_mut(id);
        installation.suspended_at = suspended.then_some(now);
        installation.updated_at = now;
    }

    /// Removes an installation and its tokens.
    pub fn uninstall(&mut self, id: InstallationId) {
        self.installations.remove(&id);
    }

    /// Somebody with the right to it saves the installation's settings.
    pub fn touch_installation(&mut self, id: InstallationId) {
        let now = self.now();
        self.installation_mut(id).updated_at = now;
    }
}
