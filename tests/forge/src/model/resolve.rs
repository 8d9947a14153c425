//! From a path to a repository, through renames.

use super::{Repository, State};

/// What is found at a path.
pub(crate) enum Found<'a> {
    /// The repository lives here.
    Here(&'a Repository),
    /// It once lived here.
    Moved(&'a Repository),
    /// Nothing was ever here, or it is deleted.
    Nothing,
}

impl State {
    /// GitHub's `owner/name`.
    pub(crate) fn find(&self, login: &str, name: &str) -> Found<'_> {
        let login = login.to_lowercase();
        let (owner, renamed) = match (self.logins.get(&login), self.former_logins.get(&login)) {
            (Some(id), _) => (*id, false),
            (None, Some(id)) => (*id, true),
            (None, None) => return Found::Nothing,
        };
        let key = (owner, name.to_lowercase());
        let here = self.names.get(&key);
        let id = here.or_else(|| self.former_names.get(&key));
        match id.and_then(|id| self.repositories.get(id)) {
            Some(repository) if here.is_some() && !renamed => Found::Here(repository),
            Some(repository) => Found::Moved(repository),
            None => Found::Nothing,
        }
    }

    /// GitLab's `group/subgroup/name`.
    pub(crate) fn find_path(&self, path: &str) -> Found<'_> {
        let Some((namespace, name)) = path.rsplit_once('/') else {
            return Found::Nothing;
        };
        let login = namespace.rsplit('/').next().unwrap_or(namespace);
        match self.find(login, name) {
            Found::Here(repository)
                if !self
                    .full_path(repository.owner)
                    .eq_ignore_ascii_case(namespace) =>
            {
                Found::Nothing
            }
            found => found,
        }
    }
}
