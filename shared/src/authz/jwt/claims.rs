//! The claims of a user token.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LEEWAY;
use crate::authz::caller::{Assurance, Memberships, User};
use crate::authz::refusal::Unauthenticated;
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::organization::Role;

/// Organization id → role.
pub type OrganizationsClaim = BTreeMap<OrganizationId, Role>;

/// Claims as received, after the signature was checked.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    sub: Uuid,
    /// Seconds since 1970; fractions are allowed by RFC 7519.
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    portal_admin: bool,
    aal: Option<String>,
    organizations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

impl Claims {
    /// Dates, issuer, audience.
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since 1970 are far below 2^53"
    )]
    pub(super) fn check(
        &self,
        now: DateTime<Utc>,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<(), Unauthenticated> {
        let seconds = now.timestamp_micros() as f64 / 1e6;
        let ahead = seconds + LEEWAY as f64;
        // JSON has neither NaN nor infinity.
        if self.exp <= seconds {
            return Err(Unauthenticated::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > ahead) {
            return Err(Unauthenticated::Invalid("it is not valid yet (nbf)"));
        }
        if self.iat.is_some_and(|iat| iat > ahead) {
            return Err(Unauthenticated::Invalid(
                "it was issued in the future (iat)",
            ));
        }
        if issuer.is_some_and(|issuer| self.iss.as_deref() != Some(issuer)) {
            return Err(Unauthenticated::Invalid("its issuer (iss) is another one"));
        }
        if let Some(audience) = audience
            && !self.aud.as_ref().is_some_and(|aud| aud.names(audience))
        {
            return Err(Unauthenticated::Invalid(
                "it is meant for another audience (aud)",
            ));
        }
        Ok(())
    }

    /// A role or an organization id that is none of ours (the identity provider may serve other
    /// products too) gives nothing; it does not void the rest.
    pub(super) fn into_user(self) -> User {
        let organizations = self.organizations.map(|claimed| {
            claimed
                .into_iter()
                .filter_map(|(id, role)| Some((id.parse().ok()?, role.parse().ok()?)))
                .collect::<Memberships>()
        });
        User {
            id: UserId(self.sub),
            name: self.name.and_then(shown),
            email: self.email.and_then(shown),
            portal_admin: self.portal_admin,
            aal: self
                .aal
                .and_then(|aal| aal.parse().ok())
                .unwrap_or(Assurance::Aal1),
            organizations,
        }
    }
}

/// Text to show and store: without control characters, of a bounded length.
fn shown(text: String) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The claims of a token to be signed here.
#[derive(Clone, Debug, Serialize)]
pub struct NewToken {
    /// The person.
    pub sub: UserId,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// A name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the person runs the platform.
    pub portal_admin: bool,
    /// How sure the sign-in was.
    pub aal: Assurance,
    /// Memberships; `None` leaves it to the stored ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations: Option<OrganizationsClaim>,
    /// The configured issuer, which the check will ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The configured audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}
