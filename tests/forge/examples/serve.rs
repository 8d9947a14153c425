//! Serves a seeded forge for people to look at: `cargo run -p mooring-forge --example serve -- --github-api-port 9001`.

use std::time::Duration;

use chrono::TimeDelta;
use clap::Parser;
use mooring_forge::{
    AppId, AppSpec, Face, Forge, Happened, HookPlace, InstallationSpec, Post, RepositorySpec, Role,
    Running, Seeded, Serve, TokenKind, TokenSpec, azure_repository_id, azure_subscription_id, seed,
};

#[derive(Parser)]
struct Arguments {
    /// Port of GitHub's web origin; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    github_web_port: u16,
    /// Port of GitHub's API origin; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    github_api_port: u16,
    /// Port of GitLab; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    gitlab_port: u16,
    /// Path under which GitLab is installed.
    #[arg(long, default_value = "")]
    gitlab_path: String,
    /// Milliseconds that every answer takes at least.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let forge = Forge::default();
    let seeded = seed(&forge);
    let how = Serve {
        github_web_port: arguments.github_web_port,
        github_api_port: arguments.github_api_port,
        gitlab_port: arguments.gitlab_port,
        gitlab_path: arguments.gitlab_path,
        ..Serve::default()
    };
    let running = forge.serve(how).await?;
    for face in Face::ALL {
        forge.set_latency(face, Duration::from_millis(arguments.latency_ms));
    }
    println!("GITHUB_WEB_URL={}", running.github.web_url);
    println!("GITHUB_API_URL={}", running.github.api_url);
    println!(
        "GITHUB_ENTERPRISE_API_URL={}",
        running.github.enterprise_api_url
    );
    println!("GITLAB_URL={}", running.gitlab.url);
    println!("BITBUCKET_WEB_URL={}", running.bitbucket.web_url);
    println!("BITBUCKET_API_URL={}", running.bitbucket.api_url);
    println!("AZURE_URL={}", running.azure.url);
    println!("GITHUB_TOKEN={}", seeded.github_token);
    println!("GITLAB_TOKEN={}", seeded.gitlab_token);
    for (name, spec) in unusual(&forge, &seeded.login) {
        println!("{name}_TOKEN={}", forge.mint(spec));
    }
    let app = show_app(&forge, &seeded.login);
    show_hooks(&forge, &running, app).await;
    for face in [Face::GitHub, Face::GitLab, Face::Bitbucket] {
        forge.set_remaining(face, "hubot", 0);
    }
    let Seeded {
        login,
        repositories,
        ..
    } = seeded;
    println!("READY: {login} has access to {repositories} repositories");
    tokio::signal::ctrl_c().await
}

/// An App that is installed at `acme`: its assertion, good for nine minutes, and a token of a user of it.
fn show_app(forge: &Forge, login: &str) -> AppId {
    let app = forge.add_app(login, AppSpec::new("sandbox-app"));
    let installation = forge.install(InstallationSpec::all(app.id, "acme"));
    let suspended = forge.install(InstallationSpec::all(app.id, "globex"));
    forge.edit(|state| state.suspend(suspended, true));
    let user = TokenSpec::of(login, TokenKind::GitHubUser, &[]).app(app.id);
    println!("GITHUB_APP_ASSERTION={}", app.assertion(forge.now()));
    println!("GITHUB_APP_USER_TOKEN={}", forge.mint(user));
    println!("GITHUB_INSTALLATION={installation}");
    println!("GITHUB_SUSPENDED_INSTALLATION={suspended}");
    app.id
}

/// Hooks at `acme/storefront`, one of every provider, and one of the App. Each has sent a push twice: once with an answer,
/// and once it was lost.
async fn show_hooks(forge: &Forge, running: &Running, app: AppId) {
    let named = |name: &str| {
        forge.read(|state| {
            let mut all = state.repositories();
            all.find(|one| one.name == name).map_or(0, |one| one.id)
        })
    };
    let repository = named("storefront");
    // A page that answers whatever is sent there.
    let url = format!("{}/_signin", running.azure.url);
    let hook = |face, place, events: &[&str]| {
        forge.edit(|state| {
            let id = state.add_hook(face, place, &url, "c2VjcmV0");
            state.set_hook_events(id, events);
            id
        })
    };
    let place = HookPlace::Repository(repository);
    let github = hook(Face::GitHub, place, &["push"]);
    let of_app = hook(Face::GitHub, HookPlace::App(app), &[]);
    let gitlab = hook(Face::GitLab, place, &["push_events"]);
    let bitbucket = hook(Face::Bitbucket, place, &["repo:push"]);
    let azure = hook(Face::Azure, place, &["git.push"]);
    let (before, after) = (Some("a".repeat(40)), Some("b".repeat(40)));
    let push = [Happened::Push(repository, "main".into(), before, after)];
    let lost = Post {
        lost: 100,
        ..Post::default()
    };
    let mut sent = forge.tell(running, &push, Post::default()).await;
    sent.extend(forge.tell(running, &push, lost).await);
    for (name, id) in [
        ("GITHUB", github),
        ("GITHUB_APP", of_app),
        ("GITLAB", gitlab),
        ("AZURE", azure),
    ] {
        let first = sent.iter().find(|one| one.hook == id);
        println!("{name}_DELIVERY={}", first.map_or(0, |one| one.id));
    }
    println!("GITHUB_HOOK={github}");
    println!("GITLAB_PROJECT={repository}");
    println!("GITLAB_HOOK={gitlab}");
    println!("BITBUCKET_HOOK={bitbucket}");
    println!("AZURE_REPOSITORY={}", azure_repository_id(repository));
    println!("AZURE_SUBSCRIPTION={}", azure_subscription_id(azure));
}

/// Tokens for everything that can be wrong with one. The account `hubot` has spent its budgets, and the organization
/// `initech` lets classic tokens in only once they are authorized for it.
fn unusual(forge: &Forge, login: &str) -> Vec<(&'static str, TokenSpec)> {
    forge.add_organization("initech", &[(login, Role::Member)]);
    forge.add_repository("initech", RepositorySpec::named("walled"));
    forge.edit(|state| state.organization_mut("initech").sso_enforced = true);
    let past = forge.now() - TimeDelta::days(1);
    let classic = || TokenSpec::classic(login);
    vec![
        ("GITHUB_EXPIRED", classic().expires_at(past)),
        ("GITHUB_NO_SCOPE", classic().scopes([])),
        ("GITHUB_PRIVATE_PROFILE", classic().scopes(["repo", "user"])),
        ("GITHUB_FINE_GRAINED", TokenSpec::fine_grained(login)),
        ("GITHUB_SPENT", TokenSpec::classic("hubot")),
        ("GITLAB_EXPIRED", TokenSpec::gitlab(login).expires_at(past)),
        (
            "GITLAB_READ_USER",
            TokenSpec::gitlab(login).scopes(["read_user"]),
        ),
        ("GITLAB_SPENT", TokenSpec::gitlab("hubot")),
        ("BITBUCKET", TokenSpec::bitbucket(login)),
        (
            "BITBUCKET_NO_SCOPE",
            TokenSpec::bitbucket(login).scopes(["read:user:bitbucket"]),
        ),
        ("BITBUCKET_ACCESS", TokenSpec::bitbucket_access("acme")),
        ("BITBUCKET_SPENT", TokenSpec::bitbucket("hubot")),
        (
            "AZURE",
            TokenSpec::of(login, TokenKind::AzureEntra, &["user_impersonation"]),
        ),
        (
            "AZURE_EXPIRED",
            TokenSpec::of(login, TokenKind::AzureEntra, &["user_impersonation"]).expires_at(past),
        ),
    ]
}
