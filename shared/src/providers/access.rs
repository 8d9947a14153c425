//! An opened credential together with the place it is for.

use std::sync::Arc;

use crate::domain::meter::Meter;
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The same with the token of an installation of a GitHub App, which is no user: what it is and
    /// what it sees is asked elsewhere.
    Installation,
    /// GitLab's `PRIVATE-TOKEN: …`.
    PrivateToken,
    /// `Authorization: Basic user:token`.
    Basic,
}

/// An opened credential. Made by `session` alone; lives as long as one job or request.
#[derive(Clone, Debug)]
pub struct Access {
    /// The instance it is for: it is sent nowhere else.
    pub instance: Instance,
    /// The token.
    pub token: Secret,
    /// How it is presented.
    pub scheme: Scheme,
    /// The user name of [`Scheme::Basic`].
    pub username: Option<String>,
    /// The organization at Azure DevOps.
    pub azure_organization: Option<String>,
    /// Asked before each request, and told after it.
    pub meter: Arc<dyn Meter>,
}
