//! An installation of a GitHub App whose key somebody pastes.

use super::input::Checked;
use super::keep::NewSecret;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error, FieldError};
use crate::providers::{App, ErrorClass, Identity, ProviderError};
use crate::session::{KeySource, installed};
use crate::store::TenantTx;
use crate::store::connections::{self, Installed};

/// An installation as it was pasted: all three are needed.
#[derive(Clone, Debug, Default)]
pub struct PastedInstallation {
    /// The App's number.
    pub app_id: Option<i64>,
    /// The number of the installation.
    pub installation_id: Option<i64>,
    /// The App's private key.
    pub private_key: Option<Secret>,
}

/// Two positive numbers and an RSA key, in the one form that is stored.
pub(super) fn check(
    context: &Context,
    pasted: Option<&PastedInstallation>,
    faults: &mut Vec<FieldError>,
) -> Option<(NewSecret, (i64, i64))> {
    let none = PastedInstallation::default();
    let pasted = pasted.unwrap_or(&none);
    let app = check_number(
        ("github_app_id", pasted.app_id),
        "Give the App's id: the number on its settings page at GitHub.",
        faults,
    );
    let installation = check_number(
        ("github_app_installation_id", pasted.installation_id),
        "Give the installation's id: the number at the end of its settings page's address at GitHub.",
        faults,
    );
    let key = check_key(context, pasted.private_key.as_ref(), faults);
    Some((key?, (app?, installation?)))
}

fn check_number(
    (field, number): (&str, Option<i64>),
    sentence: &str,
    faults: &mut Vec<FieldError>,
) -> Option<i64> {
    let code = match number {
        Some(number) if number > 0 => return Some(number),
        Some(_) => "invalid_value",
        None => "required",
    };
    faults.push(FieldError::new(field, code, sentence));
    None
}

/// A private key in the one form that is stored.
pub(super) fn check_key(
    context: &Context,
    key: Option<&Secret>,
    faults: &mut Vec<FieldError>,
) -> Option<NewSecret> {
    const FIELD: &str = "github_app_private_key";
    let Some(key) = key else {
        faults.push(FieldError::new(
            FIELD,
            "required",
            "Paste the App's private key: the .pem file of its settings page at GitHub.",
        ));
        return None;
    };
    match context.providers.apps().check_key(key) {
        Ok(key) => Some(NewSecret::pasted(key)),
        Err(error) => {
            faults.push(FieldError::new(FIELD, error.code, error.message));
            None
        }
    }
}

/// The installation with its key, ready to be asked about.
pub(super) fn checked(
    context: &Context,
    name: String,
    secret: NewSecret,
    instance: Instance,
    (app, installation): (i64, i64),
) -> Result<Checked, Error> {
    let opened = App {
        instance,
        id: app,
        private_key: secret.grant.access_token.clone(),
    };
    let parts = (&*context.providers, &context.minted, &context.clock);
    let (provider, access) = installed(parts, opened, KeySource::Pasted, installation);
    Ok(Checked {
        name,
        provider,
        access,
        secret,
        method: AuthMethod::GithubApp,
        installation: Some((app, installation)),
    })
}

/// The connection of this installation that the organization has already, locked.
pub(super) async fn existing(
    tx: &mut TenantTx,
    checked: &Checked,
    answer: &Result<Identity, ProviderError>,
) -> Result<Option<Connection>, Error> {
    let Some((app, installation)) = checked.installation else {
        return Ok(None);
    };
    let base_url = checked.access.instance.base_url();
    let which = Installed {
        base_url: &base_url,
        app,
        installation,
    };
    let account = answer
        .as_ref()
        .ok()
        .and_then(|told| told.account.id.as_deref());
    connections::lock_installation(&mut **tx, which).await?;
    Ok(connections::of_installation(&mut **tx, which, account).await?)
}

/// What a person who pasted an installation is told when GitHub refused it for good.
pub(super) fn refused((app, installation): (i64, i64), error: &ProviderError) -> Error {
    tracing::info!(app, installation, class = ?error.class, status = error.status,
        detail = %error.detail, "a pasted installation was not accepted");
    let (field, code, message) = match error.class {
        ErrorClass::Unauthorized => (
            "github_app_private_key",
            "invalid_token",
            format!("GitHub does not accept this key for the App {app}. Check both: the App's settings page shows its id and makes keys."),
        ),
        ErrorClass::Uninstalled => (
            "github_app_installation_id",
            "unknown_installation",
            format!("The App {app} has no installation {installation}: it is another App's, or was uninstalled. The number is in the address of the installation's settings page at GitHub."),
        ),
        ErrorClass::Suspended => (
            "github_app_installation_id",
            "suspended",
            "This installation is suspended at GitHub. Have an owner of the account lift the suspension, then try again.".to_owned(),
        ),
        ErrorClass::ScopeMissing | ErrorClass::Forbidden | ErrorClass::SsoBlocked => (
            "github_app_installation_id",
            "scope_missing",
            "GitHub does not let this installation list its repositories. Give the App the permissions contents: read and metadata: read.".to_owned(),
        ),
        ErrorClass::Blocked => (
            "base_url",
            "blocked_address",
            "This address, or where it redirects to, may not be reached. Check the URL, or ask the operator to allow it (MOORING_OUTBOUND_ALLOW).".to_owned(),
        ),
        _ => (
            "base_url",
            "not_this_provider",
            "What answers at this address is not GitHub. Check the base URL.".to_owned(),
        ),
    };
    Error::field(field, code, message)
}
