//! Identities: one type per thing, so that no two kinds of id can be mixed up.
//!
//! All are UUIDv7: their order is the order of creation, which lists and the activity chain use.

use std::fmt;
use std::str::FromStr;

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Uuid};

/// A word that is not in a closed vocabulary (a status, a provider, …).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {kind}")]
pub struct UnknownWord {
    /// The vocabulary.
    pub kind: &'static str,
    /// What was given.
    pub word: String,
}

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
                 serde::Serialize, serde::Deserialize, sqlx::Type, schemars::JsonSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schemars(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id whose order is that of `at`.
            #[must_use]
            pub fn new(at: DateTime<Utc>) -> Self { Self(v7(at)) }

            /// Not above any id made at `at` or later.
            #[must_use]
            pub fn floor(at: DateTime<Utc>) -> Self { Self(floor(at)) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl From<$name> for Uuid { fn from(id: $name) -> Uuid { id.0 } }
        impl From<Uuid> for $name { fn from(id: Uuid) -> Self { Self(id) } }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { Uuid::parse_str(text).map(Self) }
        }
    )+};
}

id! {
    /// A tenant. The platform itself is one, with a fixed id that is never shown.
    OrganizationId,
    /// A person known to the platform's identity provider.
    UserId,
    /// A connection to a provider.
    ConnectionId,
    /// A stored repository (ours, not the provider's).
    RepositoryId,
    /// A repository that scanners may touch.
    ConnectedRepositoryId,
    /// A run of the repository sync.
    SyncRunId,
    /// A job.
    JobId,
    /// An activity entry.
    ActivityId,
    /// An event that is told outside.
    OutboxEventId,
    /// An API token.
    ApiTokenId,
    /// A registration at a provider.
    ProviderConfigId,
    /// A consent or installation that was begun.
    OauthStateId,
    /// A git credential that was lent out.
    CredentialLeaseId,
    /// One opening of a credential, as hosts' failures are counted.
    TrialId,
    /// A delivery of a webhook (ours, not the provider's number of it).
    WebhookDeliveryId,
    /// What deliveries come from: the hook of a connection, or a GitHub App.
    WebhookSourceId,
    /// A secret that deliveries are verified with.
    WebhookSecretId,
    /// A request, for correlation.
    RequestId,
}

impl OrganizationId {
    /// The platform's own row. Outside it is rendered as `null`.
    pub const PLATFORM: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));

    /// Whether this is the platform.
    #[must_use]
    pub fn is_platform(self) -> bool {
        self == Self::PLATFORM
    }

    /// The id as shown outside: `None` for the platform.
    #[must_use]
    pub fn shown(self) -> Option<Self> {
        (!self.is_platform()).then_some(self)
    }
}

impl WebhookSourceId {
    /// The platform's GitHub App of the settings, which has no row that could name it.
    #[must_use]
    pub fn of_platform_app(app: i64) -> Self {
        let number = u128::from(app.unsigned_abs()) & 0xffff_ffff_ffff;
        Self(Uuid::from_u128(
            0x0000_0000_0000_7000_9000_0000_0000_0000 | number,
        ))
    }
}

impl JobId {
    /// Below every id made at `at` or later, and above every id made in an earlier millisecond: the
    /// bound by which a range of ids is a range of time. Where a clock is set back, ids go on from
    /// the latest: an id may be later than its making, and is never earlier.
    #[must_use]
    pub fn first_of(at: DateTime<Utc>) -> Self {
        let milliseconds = u128::try_from(at.timestamp_millis()).unwrap_or(0);
        Self(Uuid::from_u128(milliseconds << 80))
    }
}

/// A UUIDv7 for `at`. Within one process and one millisecond the order of calls is kept (a
/// 42-bit counter follows the time); a moved test clock moves the ids with it.
fn v7(at: DateTime<Utc>) -> Uuid {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(
        &CONTEXT,
        seconds,
        at.timestamp_subsec_nanos(),
    ))
}

fn floor(at: DateTime<Utc>) -> Uuid {
    // The first 48 bits of a UUIDv7 are its milliseconds.
    Uuid::from_u128(u128::from(u64::try_from(at.timestamp_millis()).unwrap_or(0)) << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_between_what_is_older_and_what_is_not() {
        let at = DateTime::from_timestamp_millis(1_790_000_000_000).unwrap();
        let older = JobId::new(at - chrono::TimeDelta::milliseconds(1));
        assert!(older < JobId::floor(at) && JobId::floor(at) < JobId::new(at));
    }

    #[test]
    fn ids_of_one_instant_keep_the_order_of_calls() {
        let at = DateTime::from_timestamp_millis(1_790_000_000_000).unwrap();
        let ids: Vec<_> = (0..1000).map(|_| ActivityId::new(at)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_later_instant_gives_a_greater_id() {
        let at = DateTime::from_timestamp_millis(1_790_000_000_000).unwrap();
        let earlier = JobId::new(at);
        let later = JobId::new(at + chrono::TimeDelta::milliseconds(1));
        assert!(earlier < later);
    }

    #[test]
    fn the_first_id_of_an_instant_parts_earlier_from_later() {
        let at = DateTime::from_timestamp_millis(1_790_000_000_000).unwrap();
        let first = JobId::first_of(at);
        let before = JobId::first_of(at - chrono::TimeDelta::milliseconds(1));
        let last_before = Uuid::from_u128(before.0.as_u128() | ((1 << 80) - 1));
        assert!(last_before < first.0);
        assert!(first < JobId::new(at));
    }
}
