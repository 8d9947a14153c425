//! Where a flow ends, for the browser that came back.

use url::Url;

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::provider::ProviderKind;
use crate::domain::text_enum::text_enum;

text_enum! {
    /// Why a flow made no connection.
    pub enum RefusalCode {
        /// The state is not ours, or another browser's.
        StateMismatch = "state_mismatch",
        /// It took longer than ten minutes.
        StateExpired = "state_expired",
        /// The state was used before.
        StateUsed = "state_used",
        /// The person said no.
        AccessDenied = "access_denied",
        /// The provider did not give a token, or it did not work.
        ExchangeFailed = "exchange_failed",
        /// The redirect URI is not the one that is registered.
        CallbackMismatch = "callback_mismatch",
        /// Another account gave its consent than the connection belongs to.
        AccountMismatch = "account_mismatch",
        /// An owner has to approve the installation.
        InstallationPending = "installation_pending",
    }
}

/// Why a flow made no connection, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: RefusalCode,
    /// What happened and what to do.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// What a flow has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub name: String,
    /// The provider.
    pub provider: ProviderKind,
    /// The account's login.
    pub account: String,
    /// Whose connection it is.
    pub organization: OrganizationId,
    /// Its organization's name; `None` for the platform.
    pub organization_name: Option<String>,
    /// Repositories of an installation, as its listing's first page told.
    pub repository_count: Option<i64>,
}

/// Where a browser that came back lands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// The state is not ours: nothing of it is believed, least of all where to go.
    NotOurs(Refusal),
    /// On a page of the front end that began it, with the outcome in its query.
    Redirect(Url),
    /// On a page of ours.
    Page(Result<Arrived, Refusal>),
}
