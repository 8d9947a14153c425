//! The status of a connection and the table of its legal moves.

use super::health::HealthCode;
use super::text_enum::text_enum;

text_enum! {
    /// The coarse status of a connection; [`HealthCode`] is finer.
    pub enum ConnectionStatus {
        /// Works, as far as is known.
        Active = "active",
        /// A refresh is impossible or the token is past its date.
        Expired = "expired",
        /// The provider says that the grant or token was revoked.
        Revoked = "revoked",
        /// Validation fails for another cause.
        Error = "error",
        /// Ended by a person, or uninstalled at the provider.
        Disconnected = "disconnected",
    }
}

use ConnectionStatus::{Active, Disconnected, Error, Expired, Revoked};

impl ConnectionStatus {
    /// Every legal move. Only a new credential ([`heals`](Self::heals)) leaves `disconnected`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Active, _) | (Error, _) => true,
            // A success by the same token proves the verdict wrong (a provider's outage).
            (Expired, Expired | Active | Revoked | Error | Disconnected) => true,
            (Revoked, Revoked | Active | Disconnected) => true,
            (Revoked, Expired | Error) => false,
            (Disconnected, Disconnected) => true,
            (Disconnected, _) => false,
        }
    }

    /// The status after a new credential was accepted: every state heals in place.
    #[must_use]
    pub const fn heals(self) -> Self {
        Active
    }

    /// The status that a health code stands for; `None` leaves the status as it is.
    #[must_use]
    pub const fn of(code: HealthCode, past_its_date: bool) -> Option<Self> {
        match code {
            HealthCode::Ok => Some(Active),
            HealthCode::ReauthRequired => Some(if past_its_date { Expired } else { Revoked }),
            HealthCode::Suspended
            | HealthCode::SsoBlocked
            | HealthCode::Unreachable
            | HealthCode::InvalidCredential => Some(Error),
            HealthCode::Uninstalled => Some(Disconnected),
            HealthCode::Expiring
            | HealthCode::Degraded
            | HealthCode::Uncertain
            | HealthCode::ScopeMissing
            | HealthCode::RateLimited
            | HealthCode::OperatorConfiguration => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_credential_leaves_disconnected() {
        for next in ConnectionStatus::ALL {
            assert_eq!(Disconnected.may_become(*next), *next == Disconnected);
            assert_eq!(next.heals(), Active);
        }
    }

    #[test]
    fn a_revocation_is_not_softened() {
        assert!(!Revoked.may_become(Expired));
        assert!(!Revoked.may_become(Error));
    }
}
