//! The live picker: what people may connect, over all active connections at once.
//!
//! An exception to "flows do not talk to providers": a person waits for it. Each connection has ten
//! seconds, some are asked at once, and one that fails leaves the others as they are. Connections
//! whose credential is known to be dead are not asked: their health says what to do.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::listings::Writable;
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::provider::ProviderKind;
use crate::flows::{Context, Error};
use crate::store::connections::{self, ListFilter};

/// How long a connection has.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections asked at once.
const AT_ONCE: usize = 8;
/// Connections that are listed: more than anybody picks from, and a bound for what one call does.
const MOST_CONNECTIONS: u32 = 500;

/// A repository that may be picked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AvailableRepository {
    /// The connection that sees it.
    pub connection_id: ConnectionId,
    /// The provider.
    pub provider: ProviderKind,
    /// As the provider writes it.
    pub full_name: String,
    /// `null` for an empty repository.
    pub default_branch: Option<String>,
    /// Main language where the provider's listing tells it.
    pub language: Option<String>,
    /// Not readable by everybody.
    pub is_private: bool,
    /// Where people open it.
    pub html_url: String,
    /// Whether the connection's identity may push; `null` where the listing does not tell.
    pub has_write_access: Option<bool>,
}

/// A connection that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct UnavailableConnection {
    /// The connection.
    pub connection_id: ConnectionId,
    /// The provider.
    pub provider: ProviderKind,
    /// A stable code.
    pub code: String,
    /// What is the matter and what to do.
    pub message: String,
}

/// Everything that may be picked, and what could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Available {
    /// By connection, the most recently pushed first.
    pub repositories: Vec<AvailableRepository>,
    /// Connections that could not be listed.
    pub errors: Vec<UnavailableConnection>,
}

/// What the identities of the permit's active connections, own and shared ones, may write to now.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer. What a provider refuses is told in
/// the answer.
pub async fn available(context: &Context, permit: &Permit) -> Result<Available, Error> {
    let connections = active(context, permit.organization()).await?;
    let asked = connections.into_iter().map(|connection| async move {
        let (id, provider) = (connection.id, connection.provider);
        (id, provider, ask(context, connection).await)
    });
    let mut answers = stream::iter(asked).buffered(AT_ONCE);
    let mut available = Available::default();
    while let Some((connection_id, provider, answer)) = answers.next().await {
        match answer {
            Ok(rows) => available.repositories.extend(
                rows.into_iter()
                    .map(|row| shown(connection_id, provider, row)),
            ),
            Err((code, message)) => available.errors.push(UnavailableConnection {
                connection_id,
                provider,
                code,
                message,
            }),
        }
    }
    Ok(available)
}

async fn active(context: &Context, own: OrganizationId) -> Result<Vec<Connection>, Error> {
    let most = MOST_CONNECTIONS.min(crate::domain::page::MAX_PER_PAGE);
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < MOST_CONNECTIONS as usize {
        let stretch =
            connections::list_at_once(&context.db, own, ListFilter::Active, after, most).await?;
        after = stretch.connections.last().map(|last| last.id);
        found.extend(stretch.connections);
        if !stretch.more {
            break;
        }
    }
    if !own.is_platform() {
        let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
        let limit = i64::from(MOST_CONNECTIONS);
        found.extend(connections::list_shared(&mut *tx, ListFilter::Active, 0, limit).await?);
    }
    found.retain(|connection| connection.status != ConnectionStatus::Disconnected);
    Ok(found)
}

async fn ask(context: &Context, connection: Connection) -> Result<Vec<Writable>, (String, String)> {
    if connection.status != ConnectionStatus::Active {
        let health = connection.health_code;
        let message = format!("{} {}", health.message(), health.action());
        return Err((health.as_str().to_owned(), message));
    }
    let listed = context.listings.writable(context, connection);
    match tokio::time::timeout(PATIENCE, listed).await {
        Ok(answer) => answer.map_err(|error| told(&error)),
        Err(_) => Err((
            "timed_out".to_owned(),
            "The provider did not answer within ten seconds. Try again, or use what syncs have stored.".to_owned(),
        )),
    }
}

fn told(error: &Error) -> (String, String) {
    let (code, message) = match error {
        Error::Provider { code, message, .. } | Error::Conflict { code, message } => {
            (*code, message.clone())
        }
        Error::ProviderRateLimited { .. } => (
            "provider_rate_limited",
            "The provider's rate limit is used up. Try again when its window starts anew."
                .to_owned(),
        ),
        Error::NotFound(_) => (
            "not_found",
            "The connection or its listing is gone.".to_owned(),
        ),
        other => {
            tracing::error!(error = %other, "a connection could not be listed by a fault of Mooring");
            (
                "internal",
                "A fault of Mooring; its log has the cause. Try again.".to_owned(),
            )
        }
    };
    (code.to_owned(), message)
}

fn shown(
    connection_id: ConnectionId,
    provider: ProviderKind,
    row: Writable,
) -> AvailableRepository {
    AvailableRepository {
        connection_id,
        provider,
        full_name: row.full_name.to_string(),
        default_branch: row.default_branch.as_deref().map(str::to_owned),
        language: row.language.as_deref().map(str::to_owned),
        is_private: row.is_private,
        html_url: row.html_url.to_string(),
        has_write_access: row.has_write_access,
    }
}
