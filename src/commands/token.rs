//! `mooring token create`: a signed user token.

use std::time::Duration;

use shared::authz::Assurance;
use shared::authz::jwt::{NewToken, Secret256};
use shared::clock::Clock;
use shared::config::{Config, Process};
use shared::domain::ids::UserId;
use shared::domain::secret::{ExposeSecret, Secret};

use crate::cli::TokenCreate;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::secrets;

/// Prints the token, and nothing else, so that `TOKEN=$(mooring token create …)` works.
pub fn create(environment: &Environment, asked: &TokenCreate) -> Result<(), Failure> {
    let config = environment.load(Process::Tool)?.config;
    let secret = match &config.user_tokens.secret {
        Some(secret) => secret.clone(),
        None => secrets::jwt_secret(&config.data_dir.path)?,
    };
    let claims = NewToken {
        name: asked.name.clone(),
        portal_admin: asked.portal_admin,
        aal: if asked.aal2 {
            Assurance::Aal2
        } else {
            Assurance::Aal1
        },
        organizations: (!asked.roles.is_empty()).then(|| asked.roles.iter().copied().collect()),
        ..blank(&config, asked.user, asked.ttl, &Clock::system())?
    };
    println!("{}", sign(&secret, &claims)?.expose_secret());
    Ok(())
}

/// The token that `up` and `demo` print: everything on this installation, for a day.
pub fn administrator(
    config: &Config,
    secret: &Secret,
    user: UserId,
    clock: &Clock,
) -> Result<Secret, Failure> {
    const DAY: Duration = Duration::from_secs(86_400);
    let claims = NewToken {
        name: Some("Administrator".to_owned()),
        portal_admin: true,
        aal: if config.user_tokens.require_aal2 {
            Assurance::Aal2
        } else {
            Assurance::Aal1
        },
        ..blank(config, user, DAY, clock)?
    };
    sign(secret, &claims)
}

fn blank(config: &Config, user: UserId, ttl: Duration, clock: &Clock) -> Result<NewToken, Failure> {
    let iat = clock.now().timestamp();
    let seconds = i64::try_from(ttl.as_secs()).ok();
    let exp = seconds
        .and_then(|seconds| iat.checked_add(seconds))
        .ok_or_else(|| Failure::usage("--ttl: is too long"))?;
    Ok(NewToken {
        sub: user,
        iat,
        exp,
        name: None,
        portal_admin: false,
        aal: Assurance::Aal1,
        organizations: None,
        iss: config.user_tokens.issuer.clone(),
        aud: config.user_tokens.audience.clone(),
    })
}

fn sign(secret: &Secret, claims: &NewToken) -> Result<Secret, Failure> {
    let key = Secret256::new(secret).ok_or_else(|| {
        Failure::usage("MOORING_JWT_SECRET: the stored secret has less than 32 bytes; remove the file jwt_secret from the data directory")
    })?;
    key.sign(claims)
        .map_err(|error| Failure::failed(format!("the token cannot be signed: {error}")))
}
