//! Connections with hooks, and letters to them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use mooring_forge::{Letter, Scheme};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::domain::secret::{ExposeSecret, Secret};
use sqlx::{Connection, PgConnection};

use super::super::rig::Rig;
use super::sender::ask;
use crate::exit::Failure;

/// The repository that pushes are of.
const REPOSITORY: u64 = 186_853_002;

/// What is delivered to.
pub struct Stage {
    /// Where the API listens.
    pub address: SocketAddr,
    hooks: Vec<(String, String)>,
    number: AtomicU64,
    accepted: AtomicU64,
    /// A body, and where in it the branch's number and the commit stand.
    template: Vec<u8>,
    branch_at: usize,
    commit_at: usize,
}

impl Stage {
    /// Makes organizations with a connection each, and their hooks.
    pub async fn set(
        rig: &Rig,
        address: SocketAddr,
        token: &Secret,
        organizations: usize,
    ) -> Result<Self, Failure> {
        let clock = Clock::system();
        let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
        let mut hooks = Vec::new();
        for number in 0..organizations {
            let now = clock.now();
            let (organization, connection) = (OrganizationId::new(now), ConnectionId::new(now));
            sqlx::query(
                "WITH o AS (INSERT INTO organizations (id, name, created_at, updated_at) \
                    VALUES ($1, $3, $4, $4) RETURNING id) \
                 INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, \
                    status, health_code, health_since, created_at, updated_at, last_synced_at) \
                 SELECT id, $2, $3, 'github', 'https://github.com', 'pat', 'active', 'ok', $4, $4, $4, $4 FROM o",
            )
            .bind(organization.0)
            .bind(connection.0)
            .bind(format!("Bench {number}"))
            .bind(now)
            .execute(&mut db)
            .await?;
            sqlx::query(
                "WITH r AS (INSERT INTO repositories (organization_id, id, connection_id, \
                    provider_repository_id, provider, name, full_name, url, clone_url, private, archived, \
                    fork, first_seen_at, last_changed_at) \
                    VALUES ($1, $2, $2, $3, 'github', 'x', 'o/x', 'x', 'x', true, false, false, $4, $4)) \
                 INSERT INTO connected_repositories (organization_id, id, connection_organization_id, \
                    connection_id, provider, provider_repository_id, full_name, sast_enabled, \
                    sca_enabled, created_at, updated_at) \
                 VALUES ($1, $2, $1, $2, 'github', $3, 'o/x', true, true, $4, $4)",
            )
            .bind(organization.0)
            .bind(connection.0)
            .bind(REPOSITORY.to_string())
            .bind(now)
            .execute(&mut db)
            .await?;
            let path = format!(
                "/api/v1/organizations/{organization}/git-connections/{connection}/webhook"
            );
            let made = ask(address, "POST", &path, token.expose_secret()).await?;
            let secret = made["secret"].as_str().unwrap_or_default().to_owned();
            hooks.push((format!("/api/v1/webhooks/github/{connection}"), secret));
        }
        let mut template = push();
        template["ref"] = json!("refs/heads/bNNNNNNNN");
        template["after"] = json!("C".repeat(40));
        let template = template.to_string().into_bytes();
        let find = |mark: &[u8]| template.windows(mark.len()).position(|part| part == mark);
        let missing = || Failure::failed("the template has no place for what differs");
        Ok(Self {
            branch_at: find(b"NNNNNNNN").ok_or_else(missing)?,
            commit_at: find(&b"C".repeat(40)).ok_or_else(missing)?,
            address,
            hooks,
            number: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            template,
        })
    }

    /// The next delivery as bytes to be sent.
    pub fn next(&self) -> Vec<u8> {
        self.request(self.number.fetch_add(1, Ordering::Relaxed))
    }

    /// The delivery of this number, which is a push of a branch of its own.
    pub fn request(&self, number: u64) -> Vec<u8> {
        let place = usize::try_from(number).unwrap_or(0) % self.hooks.len();
        let (path, secret) = &self.hooks[place];
        let mut body = self.template.clone();
        write_at(&mut body, self.branch_at, &format!("{number:08}"));
        write_at(&mut body, self.commit_at, &format!("{:040x}", number + 1));
        let letter = Letter {
            id: delivery_id(number),
            event: "push".to_owned(),
            body,
            at: chrono::DateTime::UNIX_EPOCH,
        };
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: bench\r\n").into_bytes();
        for (name, value) in letter.headers(Scheme::GitHub, secret) {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let length = letter.body.len();
        request.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
        request.extend_from_slice(&letter.body);
        request
    }

    /// The head of a delivery of so many bytes, unproven.
    pub fn head(&self, number: u64, length: usize) -> Vec<u8> {
        let place = usize::try_from(number).unwrap_or(0) % self.hooks.len();
        let path = &self.hooks[place].0;
        format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nx-github-event: push\r\n\
             content-length: {length}\r\n\r\n"
        )
        .into_bytes()
    }

    /// The same at another address.
    pub fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Notes an answer of 202.
    pub fn note(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers of 202 so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// A body like all of them.
    pub fn body(&self) -> &[u8] {
        &self.template
    }

    /// Bytes of one body.
    pub fn body_bytes(&self) -> usize {
        self.template.len()
    }

    /// Deliveries in the database.
    pub async fn stored(&self, rig: &Rig) -> Result<u64, Failure> {
        let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM webhook_deliveries")
            .fetch_one(&mut db)
            .await?;
        Ok(rows.unsigned_abs())
    }
}

fn write_at(body: &mut [u8], at: usize, text: &str) {
    body[at..at + text.len()].copy_from_slice(text.as_bytes());
}

/// The provider's id of a delivery.
pub fn delivery_id(number: u64) -> String {
    format!("72d3162e-cc78-11e3-81ab-{number:012x}")
}

/// A push in GitHub's form and size.
fn push() -> Value {
    let mut repository = serde_json::Map::new();
    let parts = [
        "forks",
        "keys",
        "collaborators",
        "teams",
        "hooks",
        "issue_events",
        "events",
        "assignees",
        "branches",
        "tags",
        "blobs",
        "git_tags",
        "git_refs",
        "trees",
        "statuses",
        "languages",
        "stargazers",
        "contributors",
        "subscribers",
        "subscription",
        "commits",
        "git_commits",
        "comments",
        "issue_comment",
        "contents",
        "compare",
        "merges",
        "archive",
        "downloads",
        "issues",
        "pulls",
        "milestones",
        "notifications",
        "labels",
        "releases",
        "deployments",
    ];
    for part in parts {
        let url = format!(
            "https://api.github.com/repos/octo-organization/hello-world-service/{part}{{/{part}_id}}"
        );
        repository.insert(format!("{part}_url"), json!(url));
    }
    repository.insert("id".to_owned(), json!(REPOSITORY));
    repository.insert("name".to_owned(), json!("hello-world-service"));
    repository.insert(
        "full_name".to_owned(),
        json!("octo-organization/hello-world-service"),
    );
    repository.insert("default_branch".to_owned(), json!("main"));
    repository.insert("pushed_at".to_owned(), json!(1_790_000_000));
    let person = json!({ "name": "Mona Lisa", "email": "mona@example.com", "username": "mona", "date": "2026-01-01T00:00:00Z" });
    let commit = json!({ "id": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "tree_id": "f9d2a07e9488b91af2641b26b9407fe22a451433",
        "distinct": true, "message": "Say hello in the language of the caller, and mind the gap", "timestamp": "2026-01-01T00:00:00Z",
        "url": "https://github.com/octo-organization/hello-world-service/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "author": person, "committer": person, "added": ["src/greeting.rs"], "removed": [], "modified": ["Cargo.toml", "src/main.rs"] });
    json!({ "ref": "refs/heads/main", "before": "0000000000000000000000000000000000000000", "after": "", "created": false,
        "deleted": false, "forced": false, "compare": "https://github.com/octo-organization/hello-world-service/compare/a...b",
        "commits": [commit, commit], "head_commit": commit, "repository": repository,
        "pusher": person, "sender": { "login": "mona", "id": 21_031_067, "type": "User", "site_admin": false } })
}
