//! Apps that are installed at accounts: GitHub's.
//!
//! Needs: an installation has no credential of its own. The App's private key signs an assertion, the
//! assertion buys a token that ends within the hour, and the token does what a pasted one does. So
//! there are two things to ask for, with two credentials: facts and tokens, by the key ([`Apps`]);
//! repositories and branches, by the token ([`Provider`](super::Provider), with
//! [`Scheme::Installation`](super::Scheme)).
//! Design: [`Apps`] beside [`Provider`](super::Provider), as [`OAuth`](super::OAuth) is. It keeps
//! nothing: who holds tokens, until when, and who waits for whom is `session`'s.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Access, ProviderError, TokenFormError};
use crate::domain::connection::Account;
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;

/// An App with what it signs with.
#[derive(Clone, Debug)]
pub struct App {
    /// Where it is registered.
    pub instance: Instance,
    /// Its number.
    pub id: i64,
    /// Its private key as [`Apps::check_key`] gave it.
    pub private_key: Secret,
}

/// What a provider tells of an App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppFacts {
    /// Its number.
    pub id: i64,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// Its public id at the OAuth endpoints.
    pub client_id: Option<String>,
    /// Where people install it.
    pub install_url: Option<String>,
}

/// Which repositories of its account an installation covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All, those to come too.
    All,
    /// Those that somebody chose.
    Selected,
}

/// What a provider tells of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Its number.
    pub id: i64,
    /// The App that is installed.
    pub app_id: i64,
    /// The account that it is installed at.
    pub account: Account,
    /// What was granted, as `contents:read`, in alphabetical order.
    pub permissions: Vec<String>,
    /// What reading repositories needs and was not granted, in the same form.
    pub missing_permissions: Vec<String>,
    /// Which repositories it covers.
    pub selection: Selection,
    /// When this was told, by the provider's own clock.
    pub told_at: Option<DateTime<Utc>>,
    /// Whether it is suspended.
    pub suspended: bool,
    /// The page at the provider where its settings are.
    pub settings_url: Option<String>,
    /// When it was installed.
    pub created_at: Option<DateTime<Utc>>,
    /// When somebody last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What a token is limited to, beyond what its installation is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Narrowing {
    /// Names without their owner, at most 500; none is all that the installation covers.
    pub repositories: BTreeSet<String>,
    /// Permission and level; none is all that was granted.
    pub permissions: BTreeMap<String, String>,
}

/// A token of an installation.
#[derive(Clone, Debug)]
pub struct InstallationToken {
    /// The token: long, with dots.
    pub token: Secret,
    /// Its end by our clock: as long from now as the provider's answer was from its own date.
    pub expires_at: DateTime<Utc>,
    /// What it may do: permission and level.
    pub permissions: BTreeMap<String, String>,
}

/// What a person has to do with an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Does not see it.
    None,
    /// Sees it, and does not administer all that it covers: a member, a collaborator.
    Part,
    /// Administers every repository of so many that it covers.
    Whole {
        /// Repositories.
        repositories: i64,
    },
}

/// What is asked of a provider in the name of an App.
#[async_trait]
pub trait Apps: Send + Sync {
    /// Reads a private key in any form that people paste, and gives it in one form.
    ///
    /// # Errors
    /// [`TokenFormError`] `invalid_private_key` with a sentence, where it is no RSA private key.
    fn check_key(&self, pasted: &Secret) -> Result<Secret, TokenFormError>;

    /// Where people install the App of this name.
    fn install_url(&self, app: &App, slug: &str) -> String;

    /// The App that the key belongs to.
    async fn app(&self, app: &App) -> Result<AppFacts, ProviderError>;

    /// An installation of this App.
    ///
    /// # Errors
    /// `Uninstalled` where the App has none of that number, `Unauthorized` where the key is not (or no
    /// longer) the App's.
    async fn installation(&self, app: &App, id: i64) -> Result<Installation, ProviderError>;

    /// A token for an installation.
    ///
    /// # Errors
    /// As [`Apps::installation`]; `Suspended`.
    async fn mint(
        &self,
        app: &App,
        installation: i64,
        narrowing: &Narrowing,
    ) -> Result<InstallationToken, ProviderError>;

    /// How far the person of a user token of the App holds an installation.
    async fn holding(&self, access: &Access, installation: i64) -> Result<Holding, ProviderError>;
}
