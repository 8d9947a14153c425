//! Serves a seeded forge for people to look at: `cargo run -p mooring-forge --example serve -- --github-api-port 9001`.

use clap::Parser;
use mooring_forge::{Forge, Serve, seed};

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
    };
    let running = forge.serve(how).await?;
    println!("GITHUB_WEB_URL={}", running.github.web_url);
    println!("GITHUB_API_URL={}", running.github.api_url);
    println!(
        "GITHUB_ENTERPRISE_API_URL={}",
        running.github.enterprise_api_url
    );
    println!("GITHUB_TOKEN={}", seeded.github_token);
    println!("GITLAB_URL={}", running.gitlab.url);
    println!("GITLAB_TOKEN={}", seeded.gitlab_token);
    println!(
        "LOGIN={} REPOSITORIES={}",
        seeded.login, seeded.repositories
    );
    tokio::signal::ctrl_c().await
}
