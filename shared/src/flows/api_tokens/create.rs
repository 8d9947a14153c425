//! A new API token: an explicit part of what its maker holds, in one organization.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::authz::{Permission, Permit};
use crate::domain::activity::Event;
use crate::domain::ids::ApiTokenId;
use crate::domain::organization::ApiToken;
use crate::domain::secret::{ExposeSecret, Secret};
use crate::flows::audit::{self, Change};
use crate::flows::callers::TOKEN_PREFIX;
use crate::flows::{Context, Error, FieldError, name};
use crate::store::{StoreError, api_tokens};
use crate::vault::random;

/// How much of the secret is kept to recognise it by: the prefix and 48 bits.
const SHOWN: usize = TOKEN_PREFIX.len() + 8;

/// What a caller gives to make a token.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// 1–100 characters after trimming.
    pub name: String,
    /// What it may do, at least one.
    pub permissions: Vec<String>,
    /// When it ends; never where absent.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token that was just made.
#[derive(Debug)]
pub struct Made {
    /// The token.
    pub token: ApiToken,
    /// Its secret: here and never again.
    pub secret: Secret,
}

/// Makes a token.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::PermissionDenied`] for a permission that the maker does not hold.
pub async fn create(context: &Context, permit: &Permit, new: &NewApiToken) -> Result<Made, Error> {
    let now = context.clock.now();
    let mut faults = Vec::new();
    let name = name::check(&new.name, "token", &mut faults);
    let permissions = check_permissions(&new.permissions, &mut faults);
    if new.expires_at.is_some_and(|end| end <= now) {
        faults.push(FieldError::new(
            "expires_at",
            "in_the_past",
            "Choose a time to come, or leave it out for a token without an end.",
        ));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    if let Some(lacking) = permissions.iter().find(|given| !permit.holds(**given)) {
        return Err(Error::PermissionDenied(*lacking));
    }
    let secret = random::token(TOKEN_PREFIX).map_err(|error| Error::Internal(error.to_string()))?;
    let digest: [u8; 32] = Sha256::digest(secret.expose_secret().as_bytes()).into();
    let token = ApiToken {
        id: ApiTokenId::new(now),
        organization_id: permit.organization().shown(),
        name,
        permissions: permissions
            .iter()
            .map(|permission| permission.as_str().to_owned())
            .collect(),
        prefix: secret.expose_secret().chars().take(SHOWN).collect(),
        expires_at: new.expires_at,
        last_used_at: None,
        created_by: permit.user(),
        created_at: now,
    };
    let mut tx = context.db.tenant(permit.organization()).await?;
    match api_tokens::insert(&mut *tx, permit.organization(), &token, &digest).await {
        Err(StoreError::Missing { .. }) => return Err(Error::NotFound("organization")),
        other => other?,
    }
    let change = Change::new(
        Event::ApiTokenCreated,
        "api_token",
        token.id,
        Some(&token.name),
    )
    .with("permissions", token.permissions.clone())
    .with("expires_at", token.expires_at.map(|end| end.to_rfc3339()));
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(Made { token, secret })
}

fn check_permissions(words: &[String], faults: &mut Vec<FieldError>) -> BTreeSet<Permission> {
    if words.is_empty() {
        faults.push(FieldError::new(
            "permissions",
            "required",
            "Name at least one permission; a token holds those and nothing else.",
        ));
    }
    let mut known = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        match word.parse() {
            Ok(permission) => {
                known.insert(permission);
            }
            Err(_) => faults.push(FieldError::new(
                &format!("permissions[{at}]"),
                "unknown_permission",
                "There is no such permission. The documentation lists them.",
            )),
        }
        if faults.len() > 20 {
            break;
        }
    }
    known
}
