//! Serves a seeded forge for people to look at: `cargo run -p mooring-forge --example serve -- --github-api-port 9001`.

use std::time::Duration;

use chrono::TimeDelta;
use clap::Parser;
use mooring_forge::{
    AppSpec, Face, Forge, InstallationSpec, RepositorySpec, Role, Seeded, Serve, TokenKind,
    TokenSpec, seed,
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
    println!("GITHUB_TOKEN={}", seeded.github_token);
    println!("GITLAB_TOKEN={}", seeded.gitlab_token);
    for (name, spec) in unusual(&forge, &seeded.login) {
        println!("{name}_TOKEN={}", forge.mint(spec));
    }
    show_app(&forge, &seeded.login);
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
fn show_app(forge: &Forge, login: &str) {
    let app = forge.add_app(login, AppSpec::new("sandbox-app"));
    let installation = forge.install(InstallationSpec::all(app.id, "acme"));
    let suspended = forge.install(InstallationSpec::all(app.id, "globex"));
    forge.edit(|state| state.suspend(suspended, true));
    let user = TokenSpec::of(login, TokenKind::GitHubUser, &[]).app(app.id);
    println!("GITHUB_APP_ASSERTION={}", app.assertion(forge.now()));
    println!("GITHUB_APP_USER_TOKEN={}", forge.mint(user));
    println!("GITHUB_INSTALLATION={installation}");
    println!("GITHUB_SUSPENDED_INSTALLATION={suspended}");
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
    ]
}
