//! Testing a credential before anything is stored.

use super::input::NewConnection;
use super::judge;
use super::present::present;
use super::validate::Validation;
use crate::authz::Permit;
use crate::domain::health::{Health, HealthCode};
use crate::flows::{Context, Error};
use crate::providers::ErrorClass;

/// Asks the provider who the credential is; stores nothing.
///
/// # Errors
/// [`Error::Invalid`] for what cannot work by its form alone. A refusal by the provider is an
/// answer, not an error.
pub async fn test(
    context: &Context,
    permit: &Permit,
    new: &NewConnection,
) -> Result<Validation, Error> {
    let mut checked = new.check(context, permit.organization())?;
    checked.trust(context, permit.organization()).await?;
    let answer = present(context, permit.organization(), &checked).await?;
    let since = context.clock.now();
    let health = |code: HealthCode, action_url: Option<String>| Health {
        code,
        message: code.message().to_owned(),
        action: judge::action(code, new.auth_method).to_owned(),
        action_url,
        since,
    };
    Ok(match answer {
        Ok(identity) => {
            let code = if identity.missing_scopes.is_empty() {
                HealthCode::Ok
            } else {
                HealthCode::ScopeMissing
            };
            Validation {
                valid: true,
                username: identity.account.login,
                scopes: identity.scopes,
                error: None,
                rate_limit_remaining: identity.rate_limit.remaining,
                health: health(code, None),
            }
        }
        Err(error) => {
            let code = match error.class {
                ErrorClass::RateLimited => HealthCode::RateLimited,
                ErrorClass::SsoBlocked => HealthCode::SsoBlocked,
                ErrorClass::Suspended => HealthCode::Suspended,
                ErrorClass::Uninstalled => HealthCode::Uninstalled,
                ErrorClass::Operator => HealthCode::OperatorConfiguration,
                ErrorClass::ScopeMissing | ErrorClass::Forbidden => HealthCode::ScopeMissing,
                ErrorClass::Unauthorized => HealthCode::InvalidCredential,
                _ => HealthCode::Unreachable,
            };
            let told = checked.provider.explain_refusal(&checked.access, &error);
            let said = told.map(|told| told.message);
            let page = checked.provider.token_page(&checked.access.instance);
            Validation {
                valid: false,
                username: None,
                scopes: None,
                error: Some(said.unwrap_or_else(|| {
                    let action = judge::action(code, new.auth_method);
                    format!("{} {action}", code.message())
                })),
                rate_limit_remaining: None,
                health: health(code, error.action_url.or(Some(page))),
            }
        }
    })
}
