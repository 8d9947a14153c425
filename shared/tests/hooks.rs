//! Deliveries as vendors' own examples show them, and a hundred thousand that are broken.
//!
//! The examples lie beside the checkout (`../shared/contracts/webhooks`); where they are not, the tests
//! that need them say that they are skipped.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
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

/// An example: provider, file, body.
struct Example {
    kind: ProviderKind,
    name: String,
    body: Vec<u8>,
}

fn examples() -> Vec<Example> {
    let root: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts/webhooks");
    let mut all = Vec::new();
    for (folder, kind) in [
        ("github", ProviderKind::Github),
        ("gitlab", ProviderKind::Gitlab),
        ("bitbucket", ProviderKind::Bitbucket),
        ("azure", ProviderKind::AzureDevops),
    ] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            all.push(Example {
                kind,
                name: entry.file_name().unwrap().to_string_lossy().into_owned(),
                body: fs::read(&entry).unwrap(),
            });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    if all.is_empty() {
        println!("skipped: the vendors' examples are not here");
    }
    all
}

/// The headers that name an example's event.
fn headers(example: &Example) -> DeliveryHeaders {
    let stem = example
        .name
        .trim_end_matches(".json")
        .trim_end_matches(".payload");
    let stem = stem.trim_start_matches("gpw.").trim_start_matches("goscm.");
    let (name, value) = match example.kind {
        ProviderKind::Github => ("x-github-event", stem.split('.').next().unwrap().to_owned()),
        ProviderKind::Gitlab => ("x-gitlab-event", "Push Hook".to_owned()),
        ProviderKind::Bitbucket => {
            let key = match stem {
                "pull-request-created" => "pullrequest:created".to_owned(),
                other => other.replace("repo-", "repo:"),
            };
            ("x-event-key", key)
        }
        ProviderKind::AzureDevops => ("content-type", "application/json".to_owned()),
    };
    DeliveryHeaders(BTreeMap::from([(name.to_owned(), value)]))
}

#[tokio::test]
async fn every_example_of_the_vendors_is_understood() {
    let providers = providers();
    let mut seen = BTreeMap::new();
    for example in examples() {
        let webhooks = providers.webhooks(example.kind);
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

/// Anything, the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap()
    }
}

/// What breaks readers: bytes, numbers, types, depth, text that no text is.
const SPLINTERS: &[&[u8]] = &[
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"[]",
    b"{}",
    b"\"\"",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"[[[[[[[[[[",
    b"{\"a\":",
    b"true",
    b",",
    b"\xff\xfe",
    b"\x00",
    b"\"id\":\"x\"",
    b"refs/heads/",
    b"\"0000\"",
];

fn broken(dice: &mut Dice, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(body.len() + 1).min(body.len());
        match dice.roll(6) {
            0 => body.truncate(at),
            1 if at < body.len() => body[at] = u8::try_from(dice.roll(256)).unwrap(),
            2 => {
                let end = (at + dice.roll(40)).min(body.len());
                body.drain(at..end);
            }
            3 => {
                let splinter = SPLINTERS[dice.roll(SPLINTERS.len())];
                body.splice(at..at, splinter.iter().copied());
            }
            4 => {
                // A value for another one.
                if let Some(colon) = body[at..].iter().position(|byte| *byte == b':') {
                    let from = at + colon + 1;
                    let end = body[from..].iter().position(|byte| b",}".contains(byte));
                    let end = end.map_or(body.len(), |end| from + end);
                    let splinter = SPLINTERS[dice.roll(SPLINTERS.len())];
                    body.splice(from..end, splinter.iter().copied());
                }
            }
            _ => {
                let end = (at + dice.roll(200)).min(body.len());
                let again = body[at..end].to_vec();
                body.splice(at..at, again);
            }
        }
    }
    body
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

/// Bodies that are whole before they are broken, where the vendors' own are not at hand: as each
/// provider writes a push, a change of a repository and one of a pull request.
fn own_bodies() -> Vec<Vec<u8>> {
    let sha = |digit: &str| digit.repeat(40);
    let text = "Nothing of this is looked at, and most of a delivery is like that. ".repeat(4);
    let repository = json!({ "id": 4711, "uuid": "{1b671a64-40d5-491e-99b0-da01ff1f3341}", "name": "tools",
        "full_name": "octo/tools", "private": true, "default_branch": "main", "description": text,
        "html_url": "https://git.example.org/octo/tools", "pushed_at": 1_700_000_000 });
    let commits = json!([{ "id": sha("a"), "message": text, "timestamp": "2026-01-02T03:04:05Z",
        "added": ["package.json"], "modified": ["src/main.rs"], "removed": [] }]);
    let target = json!({ "hash": sha("b"), "message": text, "date": "2026-01-02T03:04:05+00:00" });
    [
        json!({ "ref": "refs/heads/main", "before": sha("0"), "after": sha("a"), "repository": repository,
            "commits": commits, "sender": { "id": 1, "login": "octo" }, "installation": { "id": 7 } }),
        json!({ "action": "renamed", "repository": repository, "changes": { "repository": { "name": { "from": text } } },
            "sender": { "id": 1, "login": "octo" }, "installation": { "id": 7 } }),
        json!({ "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "before": sha("0"),
            "after": sha("a"), "project": { "id": 4711, "name": "tools", "path_with_namespace": "octo/tools",
                "description": text, "default_branch": "main", "visibility_level": 0 },
            "commits": commits, "total_commits_count": 1 }),
        json!({ "repository": repository, "actor": { "uuid": "{1}", "display_name": text }, "push": { "changes": [
            { "old": null, "new": { "type": "branch", "name": "main", "target": target }, "truncated": false }] } }),
        json!({ "id": "03c164c2-8912-4d5e-8009-3707d5f83734", "eventType": "git.push", "createdDate": "2026-01-02T03:04:05Z",
            "message": { "text": text }, "resource": { "refUpdates": [{ "name": "refs/heads/main",
                "oldObjectId": sha("0"), "newObjectId": sha("a") }], "repository": {
                "id": "278d5cd2-584d-4b63-824a-2ba458937249", "name": "tools", "defaultBranch": "refs/heads/main",
                "project": { "id": "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c", "name": text } } } }),
    ]
    .iter()
    .map(|body| body.to_string().into_bytes())
    .collect()
}

#[tokio::test]
async fn a_hundred_thousand_broken_deliveries_break_nothing() {
    let providers = providers();
    let mut seeds: Vec<(ProviderKind, Vec<u8>)> = examples()
        .into_iter()
        .map(|one| (one.kind, one.body))
        .collect();
    for kind in ProviderKind::ALL {
        seeds.extend(own_bodies().into_iter().map(|body| (*kind, body)));
    }
    seeds.retain(|(_, body)| body.len() < 40_000);
    let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mut dice = Dice(7);
    let (mut read, mut refused) = (0_u32, 0_u32);
    for round in 0..100_000 {
        let (kind, seed) = &seeds[round % seeds.len()];
        let body = broken(&mut dice, seed);
        let mut map = HeaderMap::new();
        for _ in 0..dice.roll(6) {
            let name = HeaderName::from_static(NAMES[dice.roll(NAMES.len())]);
            let value = VALUES[dice.roll(VALUES.len())];
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let webhooks = providers.webhooks(*kind);
        let expected = Expected {
            now: Clock::system().now(),
            signs: dice.roll(2) == 0,
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
        match webhooks.read(&kept, &body) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        read > 5_000 && refused > 5_000,
        "{read} read, {refused} refused: it tests something"
    );
}
