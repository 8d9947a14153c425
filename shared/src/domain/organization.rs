//! Tenants, their members and API tokens.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ids::{ApiTokenId, OrganizationId, UserId};
use super::text_enum::text_enum;

text_enum! {
    /// A role inside an organization. What each holds is a table in `authz::roles`.
    pub enum Role {
        /// Everything.
        Owner = "owner",
        /// Everything.
        Admin = "admin",
        /// Reads, and manages connected repositories and syncs.
        Member = "member",
        /// Reads.
        Viewer = "viewer",
        /// Nothing of Git.
        Billing = "billing",
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Organization {
    /// Its id: the platform's own, or one of ours.
    pub id: OrganizationId,
    /// 1–100 characters.
    pub name: String,
    /// A short name for URLs: lower-case letters, digits and hyphens; unique.
    pub slug: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A member of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Member {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The person.
    pub user_id: UserId,
    /// The role.
    pub role: Role,
    /// A name to show.
    pub name: Option<String>,
    /// An address to show.
    pub email: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When last changed.
    pub updated_at: DateTime<Utc>,
}

/// An API token, without its secret (which is shown once and stored as a SHA-256).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The organization it belongs to; `null` for a token of the platform.
    pub organization_id: Option<OrganizationId>,
    /// 1–100 characters.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// The first characters of the secret, to recognise it by.
    pub prefix: String,
    /// When it ends, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used (to the minute).
    pub last_used_at: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
