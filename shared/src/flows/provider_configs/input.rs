//! What is needed to save a registration: each field by itself. What fits together is judged
//! after it was merged with what is stored (`merge`).

use chrono::{DateTime, Utc};

use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::secret::{ExposeSecret, Secret, pasted};
use crate::flows::{Context, Error, FieldError};

/// A field of a save: absent leaves what is stored, `Some(None)` clears it.
pub type Field<T> = Option<Option<T>>;

/// What a caller gives to save a registration.
#[derive(Clone, Debug)]
pub struct Save {
    /// The provider.
    pub provider: ProviderKind,
    /// Root of a self-hosted instance; the platform's configured one where absent.
    pub base_url: Option<String>,
    /// The OAuth app's public id.
    pub client_id: Field<String>,
    /// Its secret.
    pub client_secret: Field<Secret>,
    /// When the secret ends.
    pub client_secret_expires_at: Field<DateTime<Utc>>,
    /// Scopes to ask for instead of the usual ones.
    pub scopes: Field<Vec<String>>,
    /// The GitHub App's numeric id.
    pub github_app_id: Field<i64>,
    /// Its name in `github.com/apps/…`.
    pub github_app_slug: Field<String>,
    /// Its private key, PEM.
    pub github_app_private_key: Field<Secret>,
    /// Its webhook secret.
    pub webhook_secret: Field<Secret>,
    /// Certificates (PEM) of the instance's certificate authority.
    pub ca_certificate: Field<String>,
}

/// Longest secret, in bytes: no vendor's is near it.
const LONGEST_SECRET: usize = 4096;
/// Longest bundle of certificates, in bytes.
const LONGEST_BUNDLE: usize = 64 * 1024;

/// The fields as they are stored, with every fault of a single one in `faults`; where it is. An
/// unusable URL leaves nothing to go on with.
pub(super) fn check(
    context: &Context,
    mut save: Save,
    now: DateTime<Utc>,
    faults: &mut Vec<FieldError>,
) -> Result<(Save, Instance), Error> {
    let instance = instance(context, &save, faults);
    save.client_id = text(save.client_id, "client_id", 255, faults);
    save.github_app_slug = text(save.github_app_slug, "github_app_slug", 100, faults);
    save.client_secret = secret(save.client_secret, "client_secret", faults);
    save.webhook_secret = secret(save.webhook_secret, "webhook_secret", faults);
    check_slug(&save, faults);
    check_scopes(&save, faults);
    if matches!(save.github_app_id, Some(Some(id)) if id <= 0) {
        faults.push(FieldError::new(
            "github_app_id",
            "invalid_value",
            "An App's id is a positive whole number; its settings page shows it.",
        ));
    }
    if matches!(save.client_secret_expires_at, Some(Some(at)) if at <= now) {
        faults.push(FieldError::new(
            "client_secret_expires_at",
            "in_the_past",
            "A secret that has ended cannot be used. Make a new one at the provider.",
        ));
    }
    if let Some(Some(key)) = save.github_app_private_key.take() {
        match context.providers.apps().check_key(&key) {
            Ok(key) => save.github_app_private_key = Some(Some(key)),
            Err(error) => {
                // Given all the same: nothing else is to be said of it.
                save.github_app_private_key = Some(Some(key));
                faults.push(FieldError::new(
                    "github_app_private_key",
                    error.code,
                    error.message,
                ));
            }
        }
    } else if save.github_app_private_key.is_some() {
        save.github_app_private_key = Some(None);
    }
    check_certificate(context, &save, faults);
    match instance {
        Some(instance) => Ok((save, instance)),
        None => Err(Error::Invalid(std::mem::take(faults))),
    }
}

fn instance(context: &Context, save: &Save, faults: &mut Vec<FieldError>) -> Option<Instance> {
    match context
        .providers
        .instance(save.provider, save.base_url.as_deref())
    {
        Ok(instance) => Some(instance),
        Err(error) => {
            faults.push(FieldError::new("base_url", error.code, error.to_string()));
            None
        }
    }
}

fn text(
    field: Field<String>,
    name: &str,
    longest: usize,
    faults: &mut Vec<FieldError>,
) -> Field<String> {
    let Some(Some(text)) = field else {
        return field;
    };
    let text = text.trim().to_owned();
    if text.is_empty() {
        faults.push(empty(name));
    } else if text.chars().count() > longest {
        let message = format!("This has more than {longest} characters. Copy it again, alone.");
        faults.push(FieldError::new(name, "too_long", message));
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.push(FieldError::new(
            name,
            "invalid_characters",
            "This holds spaces or other characters that it cannot have. Copy it again, alone.",
        ));
    }
    Some(Some(text))
}

fn secret(field: Field<Secret>, name: &str, faults: &mut Vec<FieldError>) -> Field<Secret> {
    let Some(Some(secret)) = field else {
        return field;
    };
    let secret = pasted(secret);
    let text = secret.expose_secret();
    if text.is_empty() {
        faults.push(empty(name));
    } else if text.len() > LONGEST_SECRET {
        let message = format!("This has more than {LONGEST_SECRET} bytes. Copy the secret alone.");
        faults.push(FieldError::new(name, "too_long", message));
    } else if text.chars().any(char::is_control) {
        faults.push(FieldError::new(
            name,
            "invalid_characters",
            "A secret has no line breaks in it. Copy it again, alone.",
        ));
    }
    Some(Some(secret))
}

fn empty(name: &str) -> FieldError {
    FieldError::new(
        name,
        "required",
        "This is empty. Fill it in, leave it out to keep what is stored, or send null to clear it.",
    )
}

/// It becomes part of a link.
fn check_slug(save: &Save, faults: &mut Vec<FieldError>) {
    let fits = |slug: &str| {
        slug.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if matches!(&save.github_app_slug, Some(Some(slug)) if !slug.is_empty() && !fits(slug)) {
        faults.push(FieldError::new(
            "github_app_slug",
            "invalid_value",
            "A slug is the last part of https://github.com/apps/…: letters, digits and hyphens.",
        ));
    }
}

/// RFC 6749, section 3.3.
fn check_scopes(save: &Save, faults: &mut Vec<FieldError>) {
    let Some(Some(scopes)) = &save.scopes else {
        return;
    };
    if scopes.is_empty() || scopes.len() > 50 {
        faults.push(FieldError::new(
            "scopes",
            "invalid_value",
            "Name 1 to 50 scopes, or send null for those that Mooring asks for by itself.",
        ));
    }
    let fits = |scope: &str| {
        (1..=255).contains(&scope.len())
            && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b','))
    };
    for (at, scope) in scopes.iter().enumerate().take(50) {
        if !fits(scope) {
            faults.push(FieldError::new(
                &format!("scopes[{at}]"),
                "invalid_value",
                "A scope is one word without spaces, as the provider documents it.",
            ));
        }
    }
}

fn check_certificate(context: &Context, save: &Save, faults: &mut Vec<FieldError>) {
    let Some(Some(pem)) = &save.ca_certificate else {
        return;
    };
    let message = if pem.len() > LONGEST_BUNDLE {
        "This is too long. Paste the certificate of the authority alone, not a whole store."
            .to_owned()
    } else {
        match context.providers.check_certificate(pem) {
            Ok(()) => return,
            Err(message) => message,
        }
    };
    faults.push(FieldError::new(
        "ca_certificate",
        "invalid_certificate",
        message,
    ));
}
