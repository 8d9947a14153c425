//! A forge with something in it, for people to look at: two accounts, two organizations, a few hundred repositories.

use crate::forge::Forge;
use crate::model::{Access, RepositorySpec, Role, TokenSpec, Visibility};

/// Accounts and tokens of a seeded forge.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// Login of the account that the tokens speak for.
    pub login: String,
    /// Classic GitHub token with `repo` and `read:org`.
    pub github_token: String,
    /// GitLab token with `api`.
    pub gitlab_token: String,
    /// How many repositories the account has access to.
    pub repositories: usize,
}

/// Fills a forge so that its main account, `octocat`, has access to 250 repositories: own ones, those of two
/// organizations and one to which it was invited; among them public, archived, forked, empty
/// and renamed ones.
pub fn seed(forge: &Forge) -> Seeded {
    let login = "octocat";
    forge.edit(|state| {
        state.add_user(login);
        state.add_user("hubot");
        state.add_organization("acme", &[(login, Role::Owner), ("hubot", Role::Member)]);
        state.add_organization("globex", &[(login, Role::Member)]);
        state.organization_mut("globex").base_access = Access::Write;
        let languages = ["Rust", "TypeScript", "Go", "Python"];
        let special = [
            RepositorySpec::named("shopfront")
                .description("The shop window")
                .language("TypeScript")
                .branches(["main", "develop", "feature/checkout", "feature/search"])
                .protected("main"),
            RepositorySpec::named("handbook")
                .public()
                .description("How we work"),
            RepositorySpec::named("cellar").archived(),
            RepositorySpec::named("fork-of-linux")
                .public()
                .fork()
                .language("C"),
            RepositorySpec::named("blank").branches(Vec::<String>::new()),
            RepositorySpec::named("lobby").visibility(Visibility::Internal),
        ];
        let own = special.len();
        for spec in special {
            state.add_repository("acme", spec);
        }
        let invited = RepositorySpec::named("side-project").collaborator(login, Access::Write);
        state.add_repository("hubot", invited);
        for (owner, prefix, count) in [
            (login, "sketch", 83),
            ("acme", "service", 100),
            ("globex", "library", 66 - own),
        ] {
            for (number, id) in state
                .add_repositories(owner, prefix, count)
                .into_iter()
                .enumerate()
            {
                let language = languages[number % languages.len()].to_owned();
                state.repository_mut(id).language = Some(language);
            }
        }
        for (old, new) in [("shopfront", "storefront"), ("cellar", "attic")] {
            let moved = state
                .names
                .get(&(state.known("acme"), old.to_owned()))
                .copied();
            if let Some(id) = moved {
                state.rename(id, new);
            }
        }
        let user = state.owner_named(login).map(|owner| owner.id);
        Seeded {
            login: login.to_owned(),
            github_token: state.mint(TokenSpec::classic(login)),
            gitlab_token: state.mint(TokenSpec::gitlab(login)),
            repositories: user.map_or(0, |id| state.repositories_of(id).len()),
        }
    })
}
