//! `mooring demo`: the product at work, within seconds, beside a forge of its own.
//!
//! Every provider is connected in every way it knows: by pasted credentials, by an installation of
//! an App, and by consents through a browser of the demo's own. It starts what `up` starts, on a data directory that is thrown away, and is a client of the
//! HTTP API from then on: whatever it shows, anybody can do with the printed token.

mod accounts;
mod browser;
mod client;
mod connect;
mod heal;
mod hooks;
mod sandbox;
mod steps;
mod story;

use shared::clock::Clock;
use shared::config::Process;
use shared::domain::ids::UserId;
use shared::domain::secret::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::{configure, token, up};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::scratch::Scratch;
use crate::service::database::Database;
use crate::service::listen::Sockets;
use crate::service::running::Running;
use crate::signals;

use browser::Browser;
use client::{Client, reached};
use sandbox::Sandbox;
use story::Story;

/// What of the operator's settings holds for a demo; the rest is the demo's own.
const KEPT: &[&str] = &[
    "MOORING_LISTEN",
    "MOORING_PUBLIC_URL",
    "MOORING_LOG",
    "MOORING_LOG_FORMAT",
    "MOORING_WORKER_CONCURRENCY",
    "MOORING_SHUTDOWN_GRACE",
];

/// Runs it; with `once` until everything is synced, else until a signal.
pub async fn run(environment: Environment, once: bool) -> Result<(), Failure> {
    let mut story = Story::begin();
    let scratch = Scratch::new("demo")?;
    let sandbox = Sandbox::open().await?;
    let mut given = sandbox.settings();
    given.push(("MOORING_DATA_DIR", scratch.path().display().to_string()));
    if !environment.is_set("MOORING_LOG") {
        given.push(("MOORING_LOG", "warn".to_owned()));
    }
    let environment = environment.confined(KEPT, given);
    let config = configure(&environment, Process::Up)?;
    let asked = signals::listen()?;
    story.tell(sandbox.description());

    let sockets = Sockets::bind(&config, true).await?;
    let database = Database::start(&config).await?;
    story.tell("started a private Postgres");
    let outcome = async {
        let running = up::start(&config, &database, sockets).await?;
        perform(
            &mut story, &config, running, &database, &sandbox, once, &asked,
        )
        .await
    }
    .await;
    database.stop().await;
    sandbox.close().await;
    outcome
}

async fn perform(
    story: &mut Story,
    config: &shared::config::Config,
    running: Running,
    database: &Database,
    sandbox: &Sandbox,
    once: bool,
    asked: &CancellationToken,
) -> Result<(), Failure> {
    let address = running
        .address()
        .ok_or_else(|| Failure::failed("the API does not listen"))?;
    let secret = running
        .jwt_secret
        .clone()
        .ok_or_else(|| Failure::failed("there is no secret to sign a token with"))?;
    story.tell(format!(
        "started the API on http://{address} and the workers"
    ));
    let clock = Clock::system();
    let token = token::administrator(config, &secret, UserId::new(clock.now()), &clock)?;
    let local = reached(address);
    let client = Client::new(local, token.clone())?;
    let public_url = config.public_url(address);
    sandbox.register(&public_url);
    let browser = Browser::new(&public_url, local, &sandbox.consent_pages())?;
    let told = tokio::select! {
        told = steps::tell(story, &client, &browser, public_url.as_str(), sandbox) => told,
        // Asked to end half-way: in order, and without a result.
        () = asked.cancelled() => Err(Failure::failed("ended before the demo was over")),
        why = database.died() => Err(Failure::failed(why)),
    };
    match told {
        Ok(organization) if !once => {
            println!();
            println!("It stays up; Ctrl-C ends it and throws everything away.");
            println!("  API documentation  {}", up::docs(config, address));
            println!("  organization       {organization}");
            println!("  token (1 day)      {}", token.expose_secret());
            running.run(config, database, asked).await
        }
        told => {
            running.end(config).await;
            told.map(drop)
        }
    }
}
