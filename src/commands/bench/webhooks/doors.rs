//! A connection with a hook at each provider.

use std::net::SocketAddr;

use mooring_forge::{Face, Scheme};
use shared::clock::Clock;
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::domain::secret::{ExposeSecret, Secret};
use sqlx::{Connection, PgConnection};

use super::super::rig::Rig;
use super::sender::ask;
use crate::exit::Failure;

/// Where deliveries of a provider go, and what proves them.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) face: Face,
    pub(super) scheme: Scheme,
    pub(super) path: String,
    pub(super) secret: String,
}

const DOORS: [(Face, Scheme, &str, &str); 4] = [
    (Face::GitHub, Scheme::GitHub, "github", "https://github.com"),
    (
        Face::GitLab,
        Scheme::GitLabSigned,
        "gitlab",
        "https://gitlab.com",
    ),
    (
        Face::Bitbucket,
        Scheme::Bitbucket,
        "bitbucket",
        "https://bitbucket.org",
    ),
    (
        Face::Azure,
        Scheme::Azure,
        "azure_devops",
        "https://dev.azure.com",
    ),
];

/// Makes them, each in an organization of its own.
pub(super) async fn open(
    rig: &Rig,
    address: SocketAddr,
    token: &Secret,
) -> Result<Vec<Door>, Failure> {
    let clock = Clock::system();
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let mut doors = Vec::new();
    for (face, scheme, provider, base_url) in DOORS {
        let now = clock.now();
        let (organization, connection) = (OrganizationId::new(now), ConnectionId::new(now));
        sqlx::query(
            "WITH o AS (INSERT INTO organizations (id, name, created_at, updated_at) \
                VALUES ($1, $3, $4, $4) RETURNING id) \
             INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, \
                status, health_code, health_since, created_at, updated_at, last_synced_at) \
             SELECT id, $2, $3, $3, $5, 'pat', 'active', 'ok', $4, $4, $4, $4 FROM o",
        )
        .bind(organization.0)
        .bind(connection.0)
        .bind(provider)
        .bind(now)
        .bind(base_url)
        .execute(&mut db)
        .await?;
        let path =
            format!("/api/v1/organizations/{organization}/git-connections/{connection}/webhook");
        let made = ask(address, "POST", &path, token.expose_secret()).await?;
        doors.push(Door {
            face,
            scheme,
            path: format!("/api/v1/webhooks/{provider}/{connection}"),
            secret: made["secret"].as_str().unwrap_or_default().to_owned(),
        });
    }
    Ok(doors)
}
