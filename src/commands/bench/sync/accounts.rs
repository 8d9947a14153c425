//! Accounts at the forge, and their connections.

use mooring_forge::TokenSpec;
use shared::authz::{Permission, Permit};
use shared::domain::actor::Actor;
use shared::domain::auth_method::AuthMethod;
use shared::domain::connection::Connection;
use shared::domain::ids::OrganizationId;
use shared::domain::meter::CallClass;
use shared::domain::organization::Organization;
use shared::domain::provider::ProviderKind;
use shared::domain::secret::Secret;
use shared::flows::connections::{self, NewConnection};
use shared::providers::ListQuery;
use shared::session;
use shared::store::organizations;

use super::{Bench, PER_PAGE};
use crate::exit::Failure;

/// What a bench may do in a tenant's name.
pub(super) fn permit(organization: OrganizationId, permission: Permission) -> Permit {
    Permit::for_job(organization, Actor::system(), permission)
}

impl Bench {
    /// An account with so many repositories, connected by an organization of its own. Its first sync
    /// is enqueued.
    pub(super) async fn account(
        &self,
        login: &str,
        repositories: usize,
    ) -> Result<Connection, Failure> {
        self.forge.add_user(login);
        self.forge.add_repositories(login, repositories);
        let token = self
            .forge
            .mint(TokenSpec::classic(login).scopes(["repo", "read:org"]));
        let context = &self.parts.context;
        let now = context.clock.now();
        let organization = Organization {
            id: OrganizationId::new(now),
            name: login.to_owned(),
            slug: None,
            created_at: now,
            updated_at: now,
        };
        let mut tx = context.db.tenant(organization.id).await?;
        organizations::insert(&mut *tx, &organization).await?;
        tx.commit().await?;
        let new = NewConnection {
            name: login.to_owned(),
            description: None,
            provider: ProviderKind::Github,
            auth_method: AuthMethod::Pat,
            api_token: Some(Secret::from(token)),
            grant: None,
            installation: None,
            username: None,
            base_url: None,
            azure_organization: None,
            auto_rotate: false,
            allow_org_usage: false,
        };
        let permit = permit(organization.id, Permission::ConnectionsCreate);
        connections::create(context, &permit, &new)
            .await
            .map_err(|error| Failure::failed(error.to_string()))
    }

    /// Has the forge write the pages of an account, which it keeps: a provider's work is not ours, and
    /// is not to be measured.
    pub(super) async fn written(&self, connection: &Connection) -> Result<(), Failure> {
        let failed = |error: String| Failure::failed(error);
        let session = session::open(&self.parts.context, connection.clone(), CallClass::Sync)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let query = ListQuery {
            per_page: PER_PAGE as u32,
            page: None,
            search: None,
        };
        let mut cursor = None;
        loop {
            let (provider, access) = (&session.provider, &session.access);
            let page = provider
                .repositories_if_changed(access, &query, cursor.as_ref(), None)
                .await
                .map_err(|error| failed(error.detail))?;
            cursor = page.page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}
