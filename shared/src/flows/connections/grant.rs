//! A grant that somebody obtained elsewhere and pastes.

use chrono::{DateTime, Utc};
use url::Url;

use super::input::check_pasted;
use super::keep::{NewSecret, Through};
use crate::domain::ids::OrganizationId;
use crate::domain::provider::Instance;
use crate::domain::secret::{ExposeSecret, Secret, pasted};
use crate::flows::{Context, Error, FieldError};
use crate::providers::{Grant, Provider};
use crate::session::app;

/// Longer than any vendor's refresh token, in bytes.
const LONGEST_TOKEN: usize = 8192;

/// A grant as it was pasted.
#[derive(Clone, Debug, Default)]
pub struct PastedGrant {
    /// The access token: required.
    pub access_token: Option<Secret>,
    /// Its refresh token.
    pub refresh_token: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// The redirect URI of our own registrations, for the provider that wants it with a refresh.
    pub redirect_uri: Option<Url>,
}

impl PastedGrant {
    /// The fields that it came in, and whether each was given.
    pub(super) fn fields(&self) -> [(&'static str, bool); 3] {
        [
            ("access_token", self.access_token.is_some()),
            ("refresh_token", self.refresh_token.is_some()),
            ("token_expires_at", self.expires_at.is_some()),
        ]
    }
}

/// An access token of a form that can work, a refresh token on one line, an end to come.
pub(super) fn check(
    provider: &dyn Provider,
    grant: &PastedGrant,
    now: DateTime<Utc>,
    faults: &mut Vec<FieldError>,
) -> Option<NewSecret> {
    let before = faults.len();
    let access = check_pasted(
        provider,
        "access_token",
        (grant.access_token.as_ref(), None),
        faults,
    );
    let refresh = grant.refresh_token.clone().map(pasted);
    let fits = |token: &Secret| {
        let text = token.expose_secret();
        (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if refresh.as_ref().is_some_and(|token| !fits(token)) {
        faults.push(FieldError::new(
            "refresh_token",
            "malformed_token",
            "The refresh token is empty, too long, or holds spaces or line breaks. Copy it again, alone, or leave it out.",
        ));
    }
    if grant.expires_at.is_some_and(|end| end <= now) {
        faults.push(FieldError::new(
            "token_expires_at",
            "in_the_past",
            "This token has ended. Paste one that works, with its own end.",
        ));
    }
    let access_token = access.filter(|_| faults.len() == before)?;
    Some(NewSecret {
        grant: Grant {
            access_token,
            refresh_token: refresh,
            expires_at: grant.expires_at,
            refresh_expires_at: None,
            scopes: None,
        },
        through: None,
        app_config: None,
    })
}

/// Notes the registration that a pasted grant will be renewed through, where there is one: the
/// first that a new flow would take. Without one it is used until it ends.
pub(super) async fn find_registration(
    context: &Context,
    organization: OrganizationId,
    instance: &Instance,
    grant: Option<&PastedGrant>,
    secret: &mut NewSecret,
) -> Result<(), Error> {
    let redirect_uri = grant.and_then(|grant| grant.redirect_uri.as_ref());
    let (Some(redirect_uri), Some(_)) = (redirect_uri, &secret.grant.refresh_token) else {
        return Ok(());
    };
    match app::for_flow(context, organization, instance, redirect_uri).await {
        Ok(found) => {
            secret.through = Some(Through {
                config: found.config,
                client_id: found.app.client_id,
                redirect_uri: redirect_uri.to_string(),
            });
            Ok(())
        }
        Err(Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
