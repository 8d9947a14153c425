//! Organizations: every account of the forge is one.

use super::{Call, errors};
use crate::answer::Answer;
use crate::model::{Owner, OwnerId, Repository, Sight};

impl<'a> Call<'a> {
    /// The organization of a path, where the caller belongs to it and the token is for it. A renamed organization is not
    /// found under its old name.
    pub(super) fn organization(&self, name: &str) -> Result<&'a Owner, Answer> {
        let owner = self.state.owner_named(name).ok_or_else(errors::no_page)?;
        match self.token.resource_owner {
            // A token of another organization is no token here.
            Some(bound) if bound != owner.id => Err(errors::sign_in(self.state, self.asked)),
            _ if !self.belongs_to(owner.id) => Err(errors::not_authorized(self)),
            _ => Ok(owner),
        }
    }

    fn belongs_to(&self, owner: OwnerId) -> bool {
        let user = self.token.user;
        let invited = || {
            let own = self.state.owner(user).and_then(Owner::user);
            own.is_some_and(|own| {
                let mut repositories = own.collaborations.iter();
                repositories.any(|id| {
                    self.state
                        .repository(*id)
                        .is_some_and(|one| one.owner == owner)
                })
            })
        };
        owner == user || self.state.group_access(user, owner).is_some() || invited()
    }

    /// The organizations that the caller belongs to, in the order of their ids.
    pub(super) fn organizations(&self) -> impl Iterator<Item = &'a Owner> {
        self.state
            .owners
            .values()
            .filter(|owner| self.belongs_to(owner.id))
    }

    /// What the caller sees of an organization, in the order of ids.
    pub(super) fn repositories_in(&self, owner: &'a Owner) -> impl Iterator<Item = &'a Repository> {
        let ids = owner.repositories.iter();
        ids.filter_map(|id| self.state.repository(*id))
            .filter(|one| self.viewer.sight(one) == Sight::Full)
    }
}
