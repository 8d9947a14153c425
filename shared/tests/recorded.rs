//! The adapters against what the providers themselves have answered.
//!
//! The recordings are other people's and not part of this repository: `MOORING_CONTRACTS` names
//! the folder that holds them, else `../shared/contracts` beside the workspace is looked for;
//! where there is none, each test says so and passes.

use std::fs;
use std::path::{Path, PathBuf};

use mooring_forge::{Action, Canned, Fault, Forge, Match, Running, Serve, TokenSpec};
use serde_json::Value;
use shared::clock::Clock;
use shared::domain::provider::ProviderKind;
use shared::domain::secret::Secret;
use shared::outbound::{Limits, Outbound};
use shared::providers::{Access, BranchQuery, ConfiguredInstances, ListQuery, Providers, Scheme};
use url::Url;

#[expect(
    clippy::disallowed_methods,
    reason = "where the recordings are is the machine's to say"
)]
fn contracts() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    let folder = std::env::var_os("MOORING_CONTRACTS").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: no recordings at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn read(folder: &Path, file: &str) -> Value {
    let text = fs::read_to_string(folder.join(file)).expect(file);
    serde_json::from_str(&text).expect(file)
}

struct Stage {
    forge: Forge,
    providers: Providers,
    at: Running,
}

impl Stage {
    async fn set() -> Self {
        let forge = Forge::default();
        forge.add_user("ada");
        let at = forge.serve(Serve::default()).await.expect("free ports");
        let url = |text: &str| Url::parse(text).expect("a URL");
        let allow = "127.0.0.0/8".parse().expect("a list");
        let outbound = Outbound::new(allow, Limits::API).expect("a client");
        let configured = ConfiguredInstances {
            github_url: url(&at.github.web_url),
            github_api_url: Some(url(&at.github.api_url)),
            gitlab_url: url(&at.gitlab.url),
            bitbucket_url: url(&at.bitbucket.web_url),
            bitbucket_api_url: url(&at.bitbucket.api_url),
            azure_url: url(&at.azure.url),
            azure_profile_url: url(&at.azure.profile_url),
            ..ConfiguredInstances::default()
        };
        let providers = Providers::new(outbound, Clock::system(), &configured);
        Self {
            forge,
            providers,
            at,
        }
    }

    fn access(&self, kind: ProviderKind) -> Access {
        let (token, scheme) = match kind {
            ProviderKind::Gitlab => (TokenSpec::gitlab("ada"), Scheme::PrivateToken),
            ProviderKind::Bitbucket => (TokenSpec::bitbucket("ada"), Scheme::Basic),
            ProviderKind::AzureDevops => (TokenSpec::azure("ada"), Scheme::Basic),
            _ => (TokenSpec::classic("ada"), Scheme::Bearer),
        };
        Access {
            instance: self.providers.instance(kind, None).expect("an instance"),
            token: Secret::from(self.forge.mint(token)),
            scheme,
            username: (kind == ProviderKind::Bitbucket).then(|| "ada@example.com".to_owned()),
            azure_organization: (kind == ProviderKind::AzureDevops).then(|| "ada".to_owned()),
            meter: std::sync::Arc::new(shared::domain::meter::Unmetered),
        }
    }

    fn plays(&self, path: &str, answer: Canned) {
        self.forge
            .fault(Fault::on(Match::any().path(path), Action::Answer(answer)));
    }
}

#[tokio::test]
async fn github_as_recorded() {
    let Some(folder) = contracts() else { return };
    let stage = Stage::set().await;
    let access = stage.access(ProviderKind::Github);
    let github = stage.providers.of(ProviderKind::Github);
    let file = |name: &str| read(&folder, &format!("recorded/github/{name}.json"));
    stage.plays(
        "/user",
        Canned::json(200, file("user")).header("x-oauth-scopes", "repo, user"),
    );
    stage.plays("/user/repos", Canned::json(200, file("repos")));
    stage.plays("/repos/octocat/*", Canned::json(200, file("repo")));
    stage.plays("/repos/**", Canned::json(200, file("branches")));

    let identity = github.identity(&access).await.expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("octocat"));
    assert_eq!(
        identity.account.display_name.as_deref(),
        Some("monalisa octocat")
    );

    let query = ListQuery {
        per_page: 100,
        ..ListQuery::default()
    };
    let page = github
        .repositories(&access, &query, None)
        .await
        .expect("a page");
    assert!(page.undecodable.is_empty() && page.next.is_none());
    assert_eq!(page.repositories[0].full_name, "octocat/Hello-World");
    assert_eq!(page.repositories[0].provider_repository_id, "1296269");

    let branches = BranchQuery {
        full_name: "octocat/Hello-World".to_owned(),
        search: None,
        page: 1,
        per_page: 100,
    };
    let page = github.branches(&access, &branches).await.expect("branches");
    assert_eq!(page.branches[0].name, "master");
    assert_eq!(page.branches[0].is_protected, Some(true));
}

#[tokio::test]
async fn a_rename_as_recorded() {
    let Some(folder) = contracts() else { return };
    let stage = Stage::set().await;
    let access = stage.access(ProviderKind::Github);
    let github = stage.providers.of(ProviderKind::Github);
    let exchanges = read(
        &folder,
        "recorded/rename-repository/normalized-fixture.json",
    );
    let mut played = 0;
    for exchange in exchanges.as_array().expect("a list") {
        if exchange["method"] != "get" {
            continue;
        }
        let status = exchange["status"]
            .as_u64()
            .and_then(|s| u16::try_from(s).ok());
        let mut answer = Canned::json(status.expect("a status"), exchange["response"].clone());
        if let Some(location) = exchange["headers"]["location"].as_str() {
            let here = location.replace("https://api.github.com", &stage.at.github.api_url);
            answer = answer.header("location", here);
        }
        stage.plays(exchange["path"].as_str().expect("a path"), answer);
        played += 1;
    }
    assert_eq!(played, 2);
    let old = "octokit-fixture-org/rename-repository";
    let found = github.repository(&access, old).await.expect("it");
    assert_eq!(
        found.full_name,
        "octokit-fixture-org/rename-repository-newname"
    );
    assert_eq!(found.provider_repository_id, "1000");
}

#[tokio::test]
async fn a_gitlab_project_as_given_by_the_vendor() {
    let Some(folder) = contracts() else { return };
    let stage = Stage::set().await;
    let access = stage.access(ProviderKind::Gitlab);
    let gitlab = stage.providers.of(ProviderKind::Gitlab);
    let project = read(&folder, "templates/gitlab_project.json");
    let id = project["id"].to_string();
    stage.plays("/projects", Canned::json(200, Value::Array(vec![project])));
    let query = ListQuery {
        per_page: 100,
        ..ListQuery::default()
    };
    let page = gitlab
        .repositories(&access, &query, None)
        .await
        .expect("a page");
    assert!(page.undecodable.is_empty(), "{:?}", page.undecodable);
    assert_eq!(page.repositories[0].provider_repository_id, id);
}

#[tokio::test]
async fn bitbuckets_workspaces_as_recorded() {
    let Some(folder) = contracts() else { return };
    let stage = Stage::set().await;
    let access = stage.access(ProviderKind::Bitbucket);
    let bitbucket = stage.providers.of(ProviderKind::Bitbucket);
    let workspaces = read(&folder, "recorded/bitbucket/user_workspaces.json");
    stage.plays("/user/workspaces", Canned::json(200, workspaces));
    // The vendor's own payload of a push holds a repository as its API shows it.
    let push = read(&folder, "webhooks/bitbucket/gpw.repo-push.json");
    let repository = push["repository"].clone();
    let uuid = repository["uuid"].as_str().expect("a UUID").to_owned();
    let page = serde_json::json!({ "values": [repository] });
    stage.plays("/repositories/*", Canned::json(200, page));

    let query = ListQuery {
        per_page: 100,
        ..ListQuery::default()
    };
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = bitbucket
            .repositories(&access, &query, cursor.as_ref())
            .await
            .expect("a page");
        assert!(page.undecodable.is_empty(), "{:?}", page.undecodable);
        seen.extend(page.repositories);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // Once per workspace: the recorded list has two.
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|one| one.provider_repository_id == uuid));
    // The first is administered; of the other the roles are asked for.
    assert_eq!(seen[0].has_write_access, Some(true));
}

#[tokio::test]
async fn azure_devops_as_given_by_the_vendor() {
    let Some(folder) = contracts() else { return };
    let stage = Stage::set().await;
    let access = stage.access(ProviderKind::AzureDevops);
    let azure = stage.providers.of(ProviderKind::AzureDevops);
    let example = |file: &str, path: &str, name: &str| {
        let description = read(
            &folder,
            &format!("openapi/azure-devops-{file}-7.1-trimmed.json"),
        );
        description["paths"][path]["get"]["x-ms-examples"][name]["responses"]["200"]["body"].clone()
    };
    let push = read(&folder, "webhooks/azure/gpw.git.push.json");
    let repository = push["resource"]["repository"].clone();
    let refs = "/{organization}/{project}/_apis/git/repositories/{repositoryId}/refs";
    let projects = example("core", "/{organization}/_apis/projects", "");
    let asked = projects["value"].as_array().expect("projects").len();
    stage.plays("/ada/_apis/projects", Canned::json(200, projects));
    let list = serde_json::json!({ "count": 1, "value": [repository] });
    stage.plays("/ada/*/_apis/git/repositories", Canned::json(200, list));
    stage.plays(
        "/ada/*/_apis/git/repositories/*",
        Canned::json(200, repository),
    );
    stage.plays(
        "/ada/*/_apis/git/repositories/*/refs",
        Canned::json(200, example("git", refs, "Refs")),
    );
    let query = ListQuery {
        per_page: 100,
        ..ListQuery::default()
    };
    let page = azure
        .repositories(&access, &query, None)
        .await
        .expect("a page");
    assert!(page.undecodable.is_empty(), "{:?}", page.undecodable);
    assert_eq!(page.repositories.len(), asked);
    let found = &page.repositories[0];
    assert_eq!(found.full_name, "ada/Fabrikam-Fiber-Git/Fabrikam-Fiber-Git");
    assert_eq!(found.default_branch.as_deref(), Some("main"));
    let branches = BranchQuery {
        full_name: found.full_name.clone(),
        search: Some("feature".to_owned()),
        page: 1,
        per_page: 100,
    };
    let page = azure.branches(&access, &branches).await.expect("branches");
    assert_eq!(page.branches[0].name, "feature/calcApp");
}
