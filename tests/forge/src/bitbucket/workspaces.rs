//! `GET /user/workspaces`: where a user is at home, a member, or invited to a repository.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::caller::Scope;
use super::render::encoded;
use super::{Call, account_uuid, errors};
use crate::answer::Answer;
use crate::model::{Owner, OwnerId, Role};

/// A workspace's token sees its own workspace there; those of projects and repositories see nothing at all.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, Answer> {
    let caller = call.signed_in()?;
    if caller.is_access_token() && caller.token.repositories.is_some() {
        return Err(errors::not_for_this_credential());
    }
    call.scope(Scope::Workspace)?;
    let user = caller.token.user;
    let ids = match caller.is_access_token() {
        true => BTreeSet::from([caller.workspace()]),
        false => call.workspaces_of(user),
    };
    let rows: Vec<&Owner> = ids
        .into_iter()
        .filter_map(|id| call.state.owner(id))
        .collect();
    let page = call.page(rows.len())?;
    let items = page.slice(&rows).iter().map(|workspace| {
        let administrator = !caller.is_access_token() && is_administrator(user, workspace);
        call.workspace_access(workspace, administrator)
    });
    Ok(call.listed("/user/workspaces", page, items.collect()))
}

fn is_administrator(user: OwnerId, workspace: &Owner) -> bool {
    let role = workspace
        .organization()
        .and_then(|organization| organization.members.get(&user));
    workspace.id == user || role == Some(&Role::Owner)
}

impl Call<'_> {
    fn workspaces_of(&self, user: OwnerId) -> BTreeSet<OwnerId> {
        let repositories = self.state.repositories_of(user).into_iter();
        let invited = repositories.filter_map(|id| Some(self.state.repository(id)?.owner));
        let mut ids = self.state.memberships(user);
        ids.extend(invited);
        ids.insert(user);
        ids
    }

    fn workspace_access(&self, workspace: &Owner, administrator: bool) -> Value {
        let own = format!(
            "{}/user/workspaces/{}/permission",
            self.asked.base.api, workspace.login
        );
        json!({
            "type": "workspace_access",
            "administrator": administrator,
            "workspace": {
                "type": "workspace_base",
                "uuid": account_uuid(workspace.id),
                "slug": workspace.login,
                "links": self.workspace_links(workspace),
            },
            "links": { "self": { "href": own } },
        })
    }

    pub(super) fn workspace_links(&self, workspace: &Owner) -> Value {
        let (web, api) = (&self.asked.base.web, &self.asked.base.api);
        json!({
            "self": { "href": format!("{api}/workspaces/{}", encoded(&workspace.login)) },
            "html": { "href": format!("{web}/{}/", workspace.login) },
            "avatar": { "href": format!("{web}/workspaces/{}/avatar/", workspace.login) },
        })
    }
}
