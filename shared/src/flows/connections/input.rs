//! What is needed to make a connection, and which combinations cannot work.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::grant::{self, PastedGrant};
use super::installation::{self, PastedInstallation};
use super::keep::NewSecret;
use crate::domain::auth_method::AuthMethod;
use crate::domain::ids::OrganizationId;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::secret::{ExposeSecret, Secret, pasted};
use crate::flows::{Context, Error, FieldError, name};
use crate::providers::{Access, Provider};
use crate::session::{access_for, trusting};

/// What a caller gives to make (or test) a connection.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// 1–100 characters after trimming.
    pub name: String,
    /// At most 1,000 characters.
    pub description: Option<String>,
    /// The provider.
    pub provider: ProviderKind,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// The pasted token.
    pub api_token: Option<Secret>,
    /// The pasted grant (`oauth`).
    pub grant: Option<PastedGrant>,
    /// The installation of an App, with the App's key (`github_app`).
    pub installation: Option<PastedInstallation>,
    /// Bitbucket: the e-mail of an API token, or the `workspace` or `workspace/repository` of an
    /// access token that does not tell it.
    pub username: Option<String>,
    /// Root of a self-hosted instance; the public one where absent.
    pub base_url: Option<String>,
    /// The organization at Azure DevOps; its tokens need one.
    pub azure_organization: Option<String>,
    /// Whether a GitLab token rotates itself.
    pub auto_rotate: bool,
    /// Whether every organization may use it (platform only).
    pub allow_org_usage: bool,
}

/// An input that can work as far as its form tells.
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) access: Access,
    pub(super) secret: NewSecret,
    pub(super) method: AuthMethod,
    /// The App and the installation of it (`github_app`).
    pub(super) installation: Option<(i64, i64)>,
}

impl Checked {
    /// With the authority that the organization has named for the instance.
    pub(super) async fn trust(
        &mut self,
        context: &Context,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        let instance = self.access.instance.clone();
        self.access.instance = trusting(context, organization, instance).await?;
        Ok(())
    }

    /// The field that the token came in.
    pub(super) fn token_field(&self) -> &'static str {
        match self.method {
            AuthMethod::Pat | AuthMethod::GitlabToken => "api_token",
            AuthMethod::Oauth => "access_token",
            AuthMethod::GithubApp => "github_app_private_key",
        }
    }
}

impl NewConnection {
    /// Checks everything that can be checked without asking the provider, and reports all faults
    /// at once.
    pub(super) fn check(
        &self,
        context: &Context,
        organization: OrganizationId,
    ) -> Result<Checked, Error> {
        let mut faults = Vec::new();
        let name = check_name(&self.name, &mut faults);
        check_description(self.description.as_deref(), &mut faults);
        let provider = context.providers.of(self.provider);
        self.check_method(&mut faults);
        let azure_organization = self.check_organization(&*provider, &mut faults);
        let (secret, installation) = if self.auth_method == AuthMethod::GithubApp {
            let pasted = self.installation.as_ref();
            installation::check(context, pasted, &mut faults).unzip()
        } else {
            let now = context.clock.now();
            (self.check_secret(&*provider, now, &mut faults), None)
        };
        let instance = self.check_instance(context, &mut faults);
        if self.allow_org_usage && !organization.is_platform() {
            faults.push(FieldError::new(
                "allow_org_usage",
                "platform_only",
                "Only a connection of the platform can be shared with every organization.",
            ));
        }
        if self.auto_rotate && self.provider != ProviderKind::Gitlab {
            faults.push(FieldError::new(
                "auto_rotate",
                "unsupported_combination",
                "Only GitLab tokens can rotate themselves. Leave this out.",
            ));
        }
        match (faults.is_empty(), secret, instance) {
            (true, Some(secret), Some(instance)) => {
                if let Some(ids) = installation {
                    return installation::checked(context, name, secret, instance, ids);
                }
                let access = access_for(
                    &*provider,
                    instance,
                    self.auth_method,
                    secret.grant.access_token.clone(),
                    self.username.clone(),
                    azure_organization,
                );
                Ok(Checked {
                    name,
                    provider,
                    access,
                    secret,
                    method: self.auth_method,
                    installation: None,
                })
            }
            _ => Err(Error::Invalid(faults)),
        }
    }

    fn check_method(&self, faults: &mut Vec<FieldError>) {
        let (provider, method) = (self.provider.display_name(), self.auth_method);
        if !method.fits(self.provider) {
            faults.push(FieldError::new(
                "auth_method",
                "unsupported_combination",
                format!("{provider} does not know the method {method}. Use pat."),
            ));
        }
    }

    fn check_organization(
        &self,
        provider: &dyn Provider,
        faults: &mut Vec<FieldError>,
    ) -> Option<String> {
        let given = self.azure_organization.as_deref().map(str::trim);
        let given = given.filter(|name| !name.is_empty());
        provider
            .check_organization(self.auth_method, given)
            .unwrap_or_else(|error| {
                faults.push(FieldError::new(
                    "azure_organization",
                    error.code,
                    error.message,
                ));
                None
            })
    }

    fn check_secret(
        &self,
        provider: &dyn Provider,
        now: DateTime<Utc>,
        faults: &mut Vec<FieldError>,
    ) -> Option<NewSecret> {
        match self.auth_method {
            AuthMethod::Pat | AuthMethod::GitlabToken => {
                let token = (self.api_token.as_ref(), self.username.as_deref());
                check_pasted(provider, "api_token", token, faults).map(NewSecret::pasted)
            }
            AuthMethod::Oauth => {
                let none = PastedGrant::default();
                grant::check(provider, self.grant.as_ref().unwrap_or(&none), now, faults)
            }
            AuthMethod::GithubApp => None,
        }
    }

    fn check_instance(&self, context: &Context, faults: &mut Vec<FieldError>) -> Option<Instance> {
        match context
            .providers
            .instance(self.provider, self.base_url.as_deref())
        {
            Ok(instance) => Some(instance),
            Err(error) => {
                faults.push(FieldError::new("base_url", error.code, error.to_string()));
                None
            }
        }
    }
}

/// A pasted token: trimmed, not empty, of a form that can work with the user name beside it.
pub(super) fn check_pasted(
    provider: &dyn Provider,
    field: &str,
    (token, username): (Option<&Secret>, Option<&str>),
    faults: &mut Vec<FieldError>,
) -> Option<Secret> {
    let token = token.map(|token| pasted(token.clone()));
    let Some(token) = token.filter(|token| !token.expose_secret().is_empty()) else {
        faults.push(FieldError::new(field, "required", "Paste the token here."));
        return None;
    };
    let text = token.expose_secret();
    let checked = match provider.check_token_form(text) {
        // A grant needs nothing beside it.
        Ok(()) if field != "api_token" => Ok(()),
        Ok(()) => provider
            .check_username(text, username)
            .map_err(|error| ("username", error)),
        Err(error) => Err((field, error)),
    };
    match checked {
        Ok(()) => Some(token),
        Err((field, error)) => {
            faults.push(FieldError::new(field, error.code, error.message));
            None
        }
    }
}

/// A name: 1–100 characters after trimming.
pub(super) fn check_name(name: &str, faults: &mut Vec<FieldError>) -> String {
    name::check(name, "connection", faults)
}

/// A description: at most 1,000 characters.
pub(super) fn check_description(description: Option<&str>, faults: &mut Vec<FieldError>) {
    if description.is_some_and(|text| text.chars().count() > 1000) {
        faults.push(FieldError::new(
            "description",
            "too_long",
            "A description has at most 1,000 characters.",
        ));
    }
}
