//! Look-ups before the tenant is known, as `mooring_system`: by a key that only its holder has,
//! or by ids alone. No sealed column is read here.

use chrono::{DateTime, Utc};

use super::connect::SystemExecutor;
use super::connections::Installed;
use super::error::StoreError;
use crate::domain::auth_method::AuthMethod;
use crate::domain::ids::{
    ApiTokenId, ConnectionId, JobId, OrganizationId, ProviderConfigId, UserId,
};
use crate::domain::job::JobStatus;
use crate::domain::organization::{Organization, Role};
use crate::domain::page::{PageRequest, Start};
use crate::domain::provider::ProviderKind;

/// An API token as found by its secret.
#[derive(Clone, Debug)]
pub struct TokenHolder {
    /// Its id.
    pub id: ApiTokenId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The API token with this secret.
///
/// # Errors
/// As every statement.
pub async fn api_token(
    db: &SystemExecutor,
    secret_sha256: &[u8; 32],
) -> Result<Option<TokenHolder>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, organization_id, name, permissions, expires_at, last_used_at \
         FROM api_tokens WHERE secret_sha256 = $1",
        secret_sha256.as_slice()
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(row.map(|row| TokenHolder {
        id: row.id.into(),
        organization_id: row.organization_id.into(),
        name: row.name,
        permissions: row.permissions,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    }))
}

/// Notes a use of an API token.
///
/// # Errors
/// As every statement.
pub async fn touch_api_token(
    db: &SystemExecutor,
    id: ApiTokenId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1",
        id.0,
        now
    )
    .execute(db.pool())
    .await?;
    Ok(())
}

/// Every organization that a person is a member of, with the role, at most 1,000.
///
/// # Errors
/// As every statement.
pub async fn memberships(
    db: &SystemExecutor,
    user: UserId,
) -> Result<Vec<(OrganizationId, Role)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT organization_id, role AS "role: Role" FROM members WHERE user_id = $1 LIMIT 1000"#,
        user.0
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.role))
        .collect())
}

/// A page of the organizations of these ids (all of them for `None`), by id; see
/// [`Page::cut`](crate::domain::page::Page::cut) for its order. The platform's own row is left out.
///
/// # Errors
/// As every statement.
pub async fn organizations(
    db: &SystemExecutor,
    ids: Option<&[OrganizationId]>,
    request: &PageRequest<OrganizationId>,
) -> Result<Vec<Organization>, StoreError> {
    let ids: Option<Vec<uuid::Uuid>> = ids.map(|ids| ids.iter().map(|id| id.0).collect());
    let above = match request.start {
        Start::Offset(_) => uuid::Uuid::nil(),
        Start::After(id) => id.0,
        Start::Before(id) => {
            let rows = sqlx::query_as!(
                Organization,
                "SELECT id, name, slug, created_at, updated_at FROM organizations \
                 WHERE id <> $1 AND ($2::uuid[] IS NULL OR id = ANY($2)) AND id < $3 \
                 ORDER BY id DESC LIMIT $4",
                OrganizationId::PLATFORM.0,
                ids.as_deref(),
                id.0,
                request.limit(),
            )
            .fetch_all(db.pool())
            .await?;
            return Ok(rows);
        }
    };
    let rows = sqlx::query_as!(
        Organization,
        "SELECT id, name, slug, created_at, updated_at FROM organizations \
         WHERE id <> $1 AND ($2::uuid[] IS NULL OR id = ANY($2)) AND id > $3 \
         ORDER BY id OFFSET $4 LIMIT $5",
        OrganizationId::PLATFORM.0,
        ids.as_deref(),
        above,
        request.offset(),
        request.limit(),
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows)
}

/// Whether there is such an organization.
///
/// # Errors
/// As every statement.
pub async fn organization_exists(
    db: &SystemExecutor,
    id: OrganizationId,
) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM organizations WHERE id = $1) AS "there!""#,
        id.0
    )
    .fetch_one(db.pool())
    .await?;
    Ok(found)
}

/// How many organizations there are besides the platform, counted up to 10,000.
///
/// # Errors
/// As every statement.
pub async fn count_organizations(
    db: &SystemExecutor,
    ids: Option<&[OrganizationId]>,
) -> Result<i64, StoreError> {
    let ids: Option<Vec<uuid::Uuid>> = ids.map(|ids| ids.iter().map(|id| id.0).collect());
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM organizations
           WHERE id <> $1 AND ($2::uuid[] IS NULL OR id = ANY($2)) LIMIT 10001) bounded"#,
        OrganizationId::PLATFORM.0,
        ids.as_deref(),
    )
    .fetch_one(db.pool())
    .await?;
    Ok(count)
}

/// How many organizations use a shared connection of the platform.
///
/// # Errors
/// As every statement.
pub async fn users_of_shared(
    db: &SystemExecutor,
    connection: ConnectionId,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM connected_repositories
         WHERE connection_organization_id = $1 AND connection_id = $2"#,
        OrganizationId::PLATFORM.0,
        connection.0
    )
    .fetch_one(db.pool())
    .await?;
    Ok(count)
}

/// The newest jobs of all tenants, for the operator: which they are, newest first.
///
/// # Errors
/// As every statement.
pub async fn newest_jobs(
    db: &SystemExecutor,
    organization: Option<OrganizationId>,
    kind: Option<&str>,
    status: Option<JobStatus>,
    limit: u32,
) -> Result<Vec<(OrganizationId, JobId)>, StoreError> {
    // Each tenant's part is a walk down its own index, so that the whole is not a sort of the table.
    let rows = sqlx::query!(
        "SELECT j.organization_id, j.id FROM organizations o CROSS JOIN LATERAL ( \
            SELECT organization_id, id FROM jobs WHERE organization_id = o.id \
               AND ($2::text IS NULL OR kind = $2) AND ($3::smallint IS NULL OR status = $3) \
             ORDER BY id DESC LIMIT $4) j \
         WHERE $1::uuid IS NULL OR o.id = $1 ORDER BY j.id DESC LIMIT $4",
        organization.map(|id| id.0),
        kind,
        status.map(JobStatus::code),
        i64::from(limit),
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (OrganizationId(row.organization_id), JobId(row.id)))
        .collect())
}

/// Whose job this is, for the operator.
///
/// # Errors
/// As every statement.
pub async fn organization_of_job(
    db: &SystemExecutor,
    job: JobId,
) -> Result<Option<OrganizationId>, StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT o.id FROM organizations o WHERE EXISTS \
            (SELECT FROM jobs j WHERE j.organization_id = o.id AND j.id = $1)",
        job.0
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(id.map(OrganizationId))
}

/// Whether a connection of another organization than this one is bound to an installation of a GitHub
/// App: the App, the installation of it, at the instance with this root.
///
/// # Errors
/// As every statement.
pub async fn is_bound_elsewhere(
    db: &SystemExecutor,
    which: Installed<'_>,
    organization: OrganizationId,
) -> Result<bool, StoreError> {
    let bound = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM connections WHERE auth_method = 'github_app'
            AND github_app_installation_id = $1 AND github_app_id = $2 AND base_url = $3
            AND organization_id <> $4) AS "bound!""#,
        which.installation,
        which.app,
        which.base_url,
        organization.0
    )
    .fetch_one(db.pool())
    .await?;
    Ok(bound)
}

/// Whose connection this is, for calls that name it alone.
///
/// # Errors
/// As every statement.
pub async fn organization_of_connection(
    db: &SystemExecutor,
    connection: ConnectionId,
) -> Result<Option<OrganizationId>, StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT organization_id FROM connections WHERE id = $1",
        connection.0
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(id.map(OrganizationId))
}

/// Whose hook the address of a delivery names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookOwner {
    /// Its tenant.
    pub organization: OrganizationId,
    /// The connection.
    pub connection: ConnectionId,
    /// The provider.
    pub provider: ProviderKind,
    /// How it is connected.
    pub auth_method: AuthMethod,
    /// The GitHub App that it is an installation of.
    pub app: Option<i64>,
}

/// The connection that a delivery's address names.
///
/// # Errors
/// As every statement.
pub async fn hook_owner(
    db: &SystemExecutor,
    connection: ConnectionId,
) -> Result<Option<HookOwner>, StoreError> {
    let row = sqlx::query_as!(
        HookOwner,
        r#"SELECT organization_id AS "organization: _", id AS "connection: _",
            provider AS "provider: _", auth_method AS "auth_method: _", github_app_id AS app
        FROM connections WHERE id = $1"#,
        connection.0
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(row)
}

/// Connections by installations of a GitHub App that have a webhook secret of their own: the oldest of each
/// organization, then the second ones, so that none can stand before all others.
///
/// # Errors
/// As every statement.
pub async fn hooks_of_app(
    db: &SystemExecutor,
    app: i64,
    limit: i64,
) -> Result<Vec<HookOwner>, StoreError> {
    let rows = sqlx::query_as!(
        HookOwner,
        r#"SELECT c.organization_id AS "organization: _", c.id AS "connection: _",
            c.provider AS "provider: _", c.auth_method AS "auth_method: _", c.github_app_id AS app
        FROM (SELECT organization_id, id,
                row_number() OVER (PARTITION BY organization_id ORDER BY id) AS turn
            FROM webhook_sources WHERE github_app_id = $1) s
        JOIN connections c ON c.organization_id = s.organization_id AND c.id = s.id
        WHERE c.auth_method = 'github_app' AND c.github_app_id = $1
        ORDER BY s.turn, c.id LIMIT $2"#,
        app,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows)
}

/// Registrations of a GitHub App, of whichever organization, that have a webhook secret; in turn, as
/// [`hooks_of_app`].
///
/// # Errors
/// As every statement.
pub async fn app_registrations(
    db: &SystemExecutor,
    app: i64,
    limit: i64,
) -> Result<Vec<(OrganizationId, ProviderConfigId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, id FROM (SELECT organization_id, id, \
                row_number() OVER (PARTITION BY organization_id ORDER BY id) AS turn \
            FROM provider_configs WHERE verifies_webhooks AND github_app_id = $1) c \
         ORDER BY turn, id LIMIT $2",
        app,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}
