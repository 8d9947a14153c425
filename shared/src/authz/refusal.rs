//! The two ways to say no: "who are you?" and "not you".

use super::need::Need;

/// The caller is not known (401), or cannot be known just now (503).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No credential came with the call.
    #[error(
        "This call needs a credential: send `Authorization: Bearer …` with a user token or an API token."
    )]
    Missing,
    /// The credential is past its date.
    #[error("The token has expired; get a new one and repeat the call.")]
    Expired,
    /// The credential is not one, or not ours. The reason is for people who integrate; it tells
    /// nothing about keys or about which ids exist.
    #[error("The token is not accepted: {0}.")]
    Invalid(&'static str),
    /// The identity provider's keys cannot be had, so nothing can be said about the token.
    #[error(
        "The identity provider's keys cannot be fetched, so the token cannot be checked; repeat the call shortly."
    )]
    KeysUnavailable,
}

/// The caller is known and may not do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Another tenant: for this caller it does not exist (404).
    #[error("There is no such organization, or it is not one of yours.")]
    NotFound,
    /// Inside the caller's own tenant, without what the call needs (403).
    #[error("{}", sentence(*.0))]
    Lacks(Need),
    /// The change needs a sign-in with a second factor (403).
    #[error(
        "Changes need a sign-in with a second factor (aal2): sign in again with it and repeat the call."
    )]
    Assurance,
}

fn sentence(need: Need) -> String {
    match need {
        Need::Membership => "This call needs a membership in the organization.".to_owned(),
        Need::Permission(permission) => format!(
            "This call needs the permission {permission}; ask an owner of the organization for a role or token that holds it."
        ),
        Need::Ownership => {
            "Only an owner of the organization, signed in as a person, may do this.".to_owned()
        }
        Need::PortalAdmin => {
            "This call is for the platform and needs portal_admin in the user's token.".to_owned()
        }
    }
}
