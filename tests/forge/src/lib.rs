//! The sandbox forge: the Git providers as one in-memory value, rendered over HTTP.
//!
//! **Needs.** The system is tested, and shown, against providers that behave as the real ones do, in what goes wrong
//! above all: pages that fail, answers that get lost, budgets that end, repositories that move while a listing runs.
//!
//! **Properties.** One value ([`State`]) holds accounts, repositories and tokens; a *face* renders it as one provider, so
//! one test can be run against all of them. What is made up follows from the calls alone. Time is a parameter. Faults
//! ([`Fault`]) and gates ([`Gate`]) are data that name the requests they mean, and every request is in the log: a test
//! waits for what happens and never for time to pass. Nothing is shared between two forges in one process.
//!
//! **Design.** [`Forge`] is a handle on the value behind a lock; [`Forge::serve`] binds one listener per origin. A face is
//! a function from a request to an answer, without sockets; what surrounds it (log, latency, gates, faults) is the same
//! for all. A new provider is a folder beside `github` and `gitlab`, a line in [`Face`] and a door in `serve`.
//!
//! **Races.** A request sees the value under one read lock, so never half an edit. A budget's last unit is taken before
//! the work, so two requests at once cannot both have it. Work goes on when its client goes away.
//!
//! ```
//! # use mooring_forge::{Forge, Serve, TokenSpec};
//! # async fn example() -> std::io::Result<()> {
//! let forge = Forge::default();
//! forge.add_user("ada");
//! forge.add_repositories("ada", 250);
//! let token = forge.mint(TokenSpec::classic("ada"));
//! let running = forge.serve(Serve::default()).await?;
//! println!("{} with {token}", running.github.api_url);
//! # Ok(())
//! # }
//! ```
#![recursion_limit = "256"]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is an answer like any other; boxing it would save a copy per request and cost every handler a word"
)]

mod answer;
mod azure;
mod bitbucket;
mod clock;
mod consent;
mod dice;
mod face;
mod faults;
mod forge;
mod gates;
mod github;
mod gitlab;
mod grants;
mod hooks;
mod log;
mod matching;
mod meters;
mod model;
mod page;
mod query;
mod seed;
mod serve;
mod views;
mod web;

pub use azure::repository_guid as azure_repository_id;
pub use bitbucket::{account_uuid, repository_uuid};
pub use clock::{Clock, system_clock};
pub use dice::Dice;
pub use face::Face;
pub use faults::{Action, Canned, Fault, FaultId};
pub use forge::Forge;
pub use gates::{Gate, Hold};
pub use grants::Granted;
pub use hooks::subscription_id as azure_subscription_id;
pub use hooks::{
    Damage, Happened, Header, Letter, Post, Proof, Sample, Scheme, damaged, examples, forged,
    samples,
};
pub use log::Request;
pub use matching::Match;
pub use model::{
    Access, App, AppId, AppSpec, AzureSettings, BitbucketSettings, Branch, GitHubSettings,
    GitLabSettings, Hook, HookId, HookPlace, Installation, InstallationId, InstallationSpec,
    OAuthApp, OAuthAppId, OAuthAppKind, OAuthAppSpec, Organization, Owner, OwnerId, OwnerKind,
    RefreshToken, RefreshTokenId, RegisteredApp, Repository, RepositoryId, RepositorySpec, Role,
    Sent, Settings, SignIn, State, Token, TokenId, TokenKind, TokenSpec, User, Visibility,
};
pub use query::Query;
pub use seed::{Seeded, seed};
pub use serve::{AzureAt, BitbucketAt, GitHubAt, GitLabAt, Running, Serve};
