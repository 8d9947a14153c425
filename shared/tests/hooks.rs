//! Deliveries as vendors' own examples show them, and thirty thousand that are damaged.
//!
//! The examples lie beside the checkout (`../shared/contracts/webhooks`); where they are not, the tests
//! that need them say that they are skipped.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use mooring_forge::{Damage, Face, Sample, damaged};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use shared::clock::Clock;
use shared::domain::provider::ProviderKind;
use shared::domain::secret::Secret;
use shared::domain::webhook::DeliveryHeaders;
use shared::outbound::{Limits, Outbound, OutboundAllow};
use shared::providers::{
    ConfiguredInstances, Expected, Happening, InstallationChange, Providers, PullRequestChange,
    RepositoryChange,
};

fn providers() -> Providers {
    let outbound = Outbound::new(OutboundAllow::default(), Limits::API).unwrap();
    Providers::new(outbound, Clock::system(), &ConfiguredInstances::default())
}

/// The vendors' own, without those that the forge makes up.
fn examples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts/webhooks");
    let all = mooring_forge::examples(&folder);
    if all.is_empty() {
        println!("skipped: the vendors' examples are not here");
    }
    all
}

fn provider(face: Face) -> ProviderKind {
    match face {
        Face::GitHub => ProviderKind::Github,
        Face::GitLab => ProviderKind::Gitlab,
        Face::Bitbucket => ProviderKind::Bitbucket,
        Face::Azure => ProviderKind::AzureDevops,
    }
}

/// The headers that name an example's event.
fn headers(example: &Sample) -> DeliveryHeaders {
    let name = match example.face {
        Face::GitHub => "x-github-event",
        Face::GitLab => "x-gitlab-event",
        Face::Bitbucket => "x-event-key",
        Face::Azure => return DeliveryHeaders::default(),
    };
    DeliveryHeaders(BTreeMap::from([(name.to_owned(), example.event.clone())]))
}

#[tokio::test]
async fn every_example_of_the_vendors_is_understood() {
    let providers = providers();
    let mut seen = BTreeMap::new();
    for example in examples() {
        let webhooks = providers.webhooks(provider(example.face));
        let read = webhooks.read(&headers(&example), &example.body);
        let event = read.unwrap_or_else(|error| panic!("{}: {error}", example.name));
        let what = match event.what {
            Happening::Ping => "ping".to_owned(),
            Happening::Repository(change, told) => {
                assert!(
                    told.full_name.is_some_and(|name| name.contains('/')),
                    "{}",
                    example.name
                );
                match change {
                    RepositoryChange::Created => "created",
                    RepositoryChange::Updated => "updated",
                    RepositoryChange::Transferred => "transferred",
                    RepositoryChange::Deleted => "deleted",
                }
                .to_owned()
            }
            Happening::InstallationRepositories { added, removed } => {
                assert!(event.installation.is_some());
                format!("+{} -{}", added.len(), removed.len())
            }
            Happening::Installation(change) => {
                assert!(event.installation.is_some() && event.at.is_some());
                match change {
                    InstallationChange::Created => "installed",
                    InstallationChange::Deleted => "uninstalled",
                    InstallationChange::Suspended => "suspended",
                    InstallationChange::Unsuspended => "unsuspended",
                    InstallationChange::PermissionsAccepted => "permissions",
                }
                .to_owned()
            }
            Happening::AuthorizationRevoked { account_id } => format!("revoked {account_id}"),
            Happening::Push(push) => {
                assert!(push.repository.full_name.is_some(), "{}", example.name);
                format!("push {}", push.branches.len())
            }
            Happening::PullRequest(request) => match request.change {
                PullRequestChange::Opened => format!("opened {}", request.number),
                PullRequestChange::Synchronized => format!("synchronized {}", request.number),
                PullRequestChange::Closed { merged } => format!("closed {merged}"),
            },
            Happening::HookDeleted => "hook deleted".to_owned(),
            Happening::Listing => "listing".to_owned(),
            Happening::Nothing(_) => "nothing".to_owned(),
        };
        seen.insert(example.name, what);
    }
    for (name, what) in [
        ("push.payload.json", "push 0"),
        ("repository.renamed.payload.json", "updated"),
        ("repository.transferred.payload.json", "transferred"),
        ("installation.suspend.payload.json", "suspended"),
        ("installation.deleted.payload.json", "uninstalled"),
        ("installation_repositories.added.payload.json", "+1 -0"),
        ("installation_repositories.removed.payload.json", "+0 -1"),
        ("github_app_authorization.revoked.payload.json", "revoked 1"),
        ("pull_request.synchronize.payload.json", "synchronized 2"),
        ("pull_request.closed.payload.json", "closed false"),
        ("public.payload.json", "updated"),
        ("ping.payload.json", "ping"),
        ("member.added.payload.json", "nothing"),
        ("goscm.push.json", "push 1"),
        ("goscm.tag_create.json", "nothing"),
        ("goscm.pull_request_create.json", "opened 1"),
        ("gpw.system-project-created.json", "created"),
        ("gpw.system-project-renamed.json", "updated"),
        ("gpw.repo-push.json", "push 1"),
        ("gpw.repo-updated.json", "updated"),
        ("gpw.pull-request-created.json", "opened 1"),
        ("gpw.git.push.json", "push 1"),
        ("gpw.git.pullrequest.created.json", "opened 1"),
    ] {
        let found = seen.get(name).map(String::as_str);
        assert!(seen.is_empty() || found == Some(what), "{name}: {found:?}");
    }
}

const NAMES: &[&str] = &[
    "x-github-event",
    "x-github-delivery",
    "x-hub-signature-256",
    "x-hub-signature",
    "x-gitlab-event",
    "x-gitlab-token",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "idempotency-key",
    "x-event-key",
    "x-request-uuid",
    "x-attempt-number",
    "authorization",
    "content-type",
];
const VALUES: &[&str] = &[
    "push",
    "repository",
    "installation",
    "ping",
    "sha256=",
    "sha256=00",
    "v1,AAAA",
    "v1,",
    "9223372036854775807",
    "-1",
    "",
    "Basic",
    "Basic Og==",
    "Basic !!!!",
    "repo:push",
    "application/x-www-form-urlencoded",
    "\u{e9}",
    "Push Hook",
    "whsec_AAAA",
];

/// What happens to a delivery; where it breaks a reader, what is shown is the least of it that does.
#[derive(Clone, Debug)]
struct Case {
    sample: Index,
    damage: Vec<Damage>,
    headers: Vec<(&'static str, &'static str)>,
    signs: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let damage = any::<(u8, usize, usize)>();
    let damage = damage.prop_map(|(kind, place, choice)| Damage::of(kind.into(), place, choice));
    let header = (select(NAMES), select(VALUES));
    let parts = (
        any::<Index>(),
        vec(damage, 0..5),
        vec(header, 0..6),
        any::<bool>(),
    );
    parts.prop_map(|(sample, damage, headers, signs)| Case {
        sample,
        damage,
        headers,
        signs,
    })
}

#[tokio::test]
async fn thirty_thousand_damaged_deliveries_break_nothing() {
    let providers = providers();
    let mut samples = examples();
    samples.extend(mooring_forge::samples());
    samples.retain(|sample| sample.body.len() < 16_000);
    let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let (read, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner = TestRunner::new(Config {
        cases: 30_000,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&cases(), |case| {
        let sample = case.sample.get(&samples);
        let body = damaged(&sample.body, &case.damage);
        let mut map = HeaderMap::new();
        for (name, value) in &case.headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        let webhooks = providers.webhooks(provider(sample.face));
        let expected = Expected {
            now: Clock::system().now(),
            signs: case.signs,
        };
        assert_eq!(
            webhooks.verify(&map, &body, &[&secret], expected),
            None,
            "proven by nothing"
        );
        if let Ok(envelope) = webhooks.envelope(&map, &body) {
            let names = [
                Some(&envelope.event),
                envelope.action.as_ref(),
                envelope.delivery_id.as_ref(),
            ];
            for name in names.into_iter().flatten() {
                assert!((1..=400).contains(&name.len()) && !name.contains('\0'));
            }
        }
        let mut kept = DeliveryHeaders::default();
        for (name, value) in &map {
            kept.0.insert(
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            );
        }
        // Half of them say what they are.
        if case.signs {
            kept.0.extend(headers(sample).0);
        }
        let counted = match webhooks.read(&kept, &body) {
            Ok(_) => &read,
            Err(_) => &refused,
        };
        counted.set(counted.get() + 1);
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    let (read, refused) = (read.get(), refused.get());
    assert!(
        read > 3_000 && refused > 3_000,
        "{read} read, {refused} refused: it tests something"
    );
}
