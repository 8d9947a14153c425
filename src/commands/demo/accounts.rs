//! The accounts of the demo: one for every way in which a provider can be connected.

use mooring_forge::{AppSpec, Face, Forge, InstallationSpec, Role, TokenSpec};
use serde_json::{Value, json};

/// An account at the forge, and how it is connected.
pub struct Account {
    /// As the API names the provider.
    pub provider: &'static str,
    /// As the API names the method.
    pub auth_method: &'static str,
    /// How to call the provider when telling.
    pub shown: &'static str,
    /// How many repositories the connection can see.
    pub repositories: usize,
    /// What has to be done.
    pub way: Way,
}

/// How an account is connected.
pub enum Way {
    /// Fields of the connection, a credential of the account among them. It opens nothing but the
    /// sandbox.
    Pasted(Value),
    /// The consent of whoever sits in front of the browser.
    Consent,
}

/// GitLab's page has 100 at most: one more makes a second page.
const GITLAB_PROJECTS: usize = 101;

/// Fills a forge, and decides who consents at each provider: every account has its own owner, so
/// that none of them sees the repositories of another.
pub fn fill(forge: &Forge) -> Vec<Account> {
    let owner = |login: &str, count: usize| {
        forge.add_user(login);
        forge.add_repositories(login, count);
    };
    let consenting = |face: Face, login: &str, count: usize| {
        owner(login, count);
        forge.consents_as(face, login);
        Way::Consent
    };
    let seeded = mooring_forge::seed(forge);
    let way = Way::Pasted(json!({ "api_token": seeded.github_token }));
    let mut all = vec![account("github", "pat", seeded.repositories, way)];
    let way = consenting(Face::GitHub, "mona", 42);
    all.push(account("github", "oauth", 42, way));
    all.push(account("github", "github_app", 64, installed(forge, 64)));

    owner("tanuki", GITLAB_PROJECTS);
    let way = Way::Pasted(json!({ "api_token": forge.mint(TokenSpec::gitlab("tanuki")) }));
    all.push(account("gitlab", "gitlab_token", GITLAB_PROJECTS, way));
    let way = consenting(Face::GitLab, "kitsune", 37);
    all.push(account("gitlab", "oauth", 37, way));

    owner("paddle", 28);
    let token = forge.mint(TokenSpec::bitbucket("paddle"));
    // Bitbucket's API tokens are presented with the account's e-mail address.
    let way = Way::Pasted(json!({ "api_token": token, "username": "paddle@example.com" }));
    all.push(account("bitbucket", "pat", 28, way));
    let way = consenting(Face::Bitbucket, "rudder", 23);
    all.push(account("bitbucket", "oauth", 23, way));

    owner("fabrikam", 31);
    let token = forge.mint(TokenSpec::azure("fabrikam"));
    let way = Way::Pasted(json!({ "api_token": token, "azure_organization": "fabrikam" }));
    all.push(account("azure_devops", "pat", 31, way));
    let way = consenting(Face::Azure, "contoso", 19);
    all.push(account("azure_devops", "oauth", 19, way));
    all
}

/// A GitHub App with a key, installed at an organization of its own.
fn installed(forge: &Forge, repositories: usize) -> Way {
    forge.add_user("skipper");
    forge.add_organization("shipyard", &[("skipper", Role::Owner)]);
    forge.add_repositories("shipyard", repositories);
    let app = forge.add_app("skipper", AppSpec::new("mooring-demo"));
    let installation = forge.install(InstallationSpec::all(app.id, "shipyard"));
    Way::Pasted(json!({
        "github_app_id": app.id,
        "github_app_installation_id": installation,
        "github_app_private_key": app.private_key,
    }))
}

fn account(
    provider: &'static str,
    auth_method: &'static str,
    repositories: usize,
    way: Way,
) -> Account {
    let shown = match provider {
        "github" => "GitHub",
        "gitlab" => "GitLab",
        "bitbucket" => "Bitbucket",
        _ => "Azure DevOps",
    };
    Account {
        provider,
        auth_method,
        shown,
        repositories,
        way,
    }
}
