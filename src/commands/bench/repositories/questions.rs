//! What is asked of ten million repositories, and how.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::clock::Clock;
use shared::domain::ids::{ConnectionId, OrganizationId, SyncRunId};
use shared::domain::page::{PageRequest, Start};
use shared::domain::provider::ProviderKind;
use shared::domain::repository::{RemoteRepository, Repository};
use shared::domain::secret::{ExposeSecret, Secret};
use shared::store::repositories::{self, Filter, Key, Likely, Walk};
use shared::store::sweeps::{TurnKind, take_turns};
use shared::store::{Db, PoolSizes};
use sqlx::{Connection, PgConnection};

use super::super::load;
use super::super::rig::Rig;
use super::fill::{NEEDLE, connection, organization, run_id};
use super::plans::{Plan, Plans};
use super::{Options, spread};
use crate::exit::Failure;

/// The number of the connection that an organization has for itself.
const ONE: u64 = 11;
/// An organization of 500, somewhere.
const SMALL: u64 = 20;

/// A question.
enum Question {
    /// A list over HTTP, by what follows the organization in its path.
    Http(OrganizationId, String),
    /// A page after, or before, a name in the middle.
    After(Key),
    Before(Key),
    /// One repository of a connection by its name.
    ByName(ConnectionId, String),
    /// The counter of the organization.
    Counted,
    /// What a run has not seen, as it is asked before anything counts as gone, and as it is marked then.
    Unseen,
    RemoveUnseen,
    /// A page of a sync: as it stands, with other words, of repositories that nobody knew.
    Upsert(Vec<RemoteRepository>),
    /// Whose sync is due.
    Turns,
}

/// The run that is at its end.
fn walk(began_at: DateTime<Utc>) -> Walk {
    Walk {
        connection: connection(ONE),
        run: SyncRunId(run_id()),
        began_at,
    }
}

struct Asker {
    address: SocketAddr,
    token: Secret,
    db: Db,
    clock: Clock,
}

/// Asks everything and prints what came of it.
pub(super) async fn ask_all(rig: &Rig, options: &Options, times: usize) -> Result<(), Failure> {
    let mut plans = Plans::of(rig).await?;
    let (running, address, token) = rig.serve().await?;
    let asker = Asker {
        address,
        token,
        db: Db::connect(rig.database.connect_options(), PoolSizes::default()).await?,
        clock: Clock::system(),
    };
    for (what, question) in asker.questions(rig, options).await? {
        let mut took = Vec::new();
        for _ in 0..times {
            took.push(asker.ask(&question).await?);
        }
        let told = match &mut plans {
            Some(plans) => {
                plans.tell(true).await?;
                let mark = plans.mark()?;
                asker.ask(&question).await?;
                plans.tell(false).await?;
                plans.since(mark)?
            }
            None => Vec::new(),
        };
        let first = took.first().copied().unwrap_or_default();
        let (p50, most) = spread(took);
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
        println!(
            "{}",
            json!({
                "bench": "repositories", "what": what, "rows_in_all": options.rows,
                "by": if matches!(question, Question::Http(..)) { "HTTP" } else { "the store" },
                "first_ms": milliseconds(first), "p50_ms": milliseconds(p50), "most_ms": milliseconds(most),
                "times": times, "plans": told.iter().map(summary).collect::<Vec<_>>(),
            })
        );
        if options.explain {
            for plan in told {
                println!("{:#}", plan.whole);
            }
        }
    }
    if plans.is_none() {
        println!("no plans: this server has no auto_explain");
    }
    running.end(&rig.config).await;
    asker.db.close().await;
    Ok(())
}

fn summary(plan: &Plan) -> serde_json::Value {
    let words: Vec<&str> = plan.statement.split_whitespace().take(4).collect();
    json!({
        "statement": words.join(" "), "nodes": plan.nodes,
        "blocks_in_buffers": plan.blocks.0, "blocks_read": plan.blocks.1,
        "rows_read": plan.read, "rows_returned": plan.returned,
    })
}

impl Asker {
    async fn questions(
        &self,
        rig: &Rig,
        options: &Options,
    ) -> Result<Vec<(&'static str, Question)>, Failure> {
        let (large, one, small) = (organization(1), organization(2), organization(SMALL));
        let http = |of: OrganizationId, path: &str| Question::Http(of, path.to_owned());
        let of = |connection: ConnectionId, rest: &str| {
            Question::Http(
                large,
                format!("/repositories?connection_id={connection}{rest}"),
            )
        };
        let needle = format!("/repositories?search={NEEDLE}");
        // As far as `page` alone reaches.
        let last = options.large().min(100_000) / 30;
        let (middle, of_middle) = self.middle(rig, large, options.large() / 2).await?;
        let page = self.page_of_one(one).await?;
        Ok(vec![
            ("list: first page", http(large, "/repositories")),
            (
                "list: the last page that a number reaches",
                Question::Http(large, format!("/repositories?page={last}")),
            ),
            (
                "list: after a name in the middle",
                Question::After(middle.clone()),
            ),
            (
                "list: before a name in the middle",
                Question::Before(middle.clone()),
            ),
            ("list: of one connection", of(connection(3), "")),
            (
                "list: of one connection, deep",
                of(connection(3), &format!("&page={}", last / 10)),
            ),
            (
                "list: by the connection's own path",
                Question::Http(
                    one,
                    format!("/git-connections/{}/repositories", connection(ONE)),
                ),
            ),
            (
                "list: removed ones",
                http(large, "/repositories?removed=true"),
            ),
            (
                "list: removed ones of one connection",
                of(connection(3), "&removed=true"),
            ),
            (
                "search: a word that few have",
                Question::Http(large, needle.clone()),
            ),
            (
                "search: a word that many have",
                http(large, "/repositories?search=service-77"),
            ),
            (
                "search: a word that none has",
                http(large, "/repositories?search=nobody-has-it"),
            ),
            (
                "search: a word that few have, in one connection",
                of(connection(3), &format!("&search={NEEDLE}")),
            ),
            ("search: of 100,000", Question::Http(one, needle.clone())),
            ("search: of 500", Question::Http(small, needle)),
            (
                "filter: language",
                http(large, "/repositories?language=rust"),
            ),
            (
                "filter: a language that none has",
                http(large, "/repositories?language=cobol"),
            ),
            (
                "filter: archived",
                http(large, "/repositories?archived=true"),
            ),
            (
                "filter: a provider that none has",
                http(large, "/repositories?provider=gitlab"),
            ),
            (
                "one by its name",
                Question::ByName(of_middle, middle.full_name.clone()),
            ),
            (
                "one by its name in another case",
                Question::ByName(of_middle, middle.full_name.to_uppercase()),
            ),
            ("counted", Question::Counted),
            ("sync: a page as it stands", Question::Upsert(page.clone())),
            (
                "sync: a page of which all is other",
                Question::Upsert(other(&page, |one| {
                    one.description = Some("other".to_owned())
                })),
            ),
            (
                "sync: a page that is new",
                Question::Upsert(other(&page, |one| {
                    one.provider_repository_id.insert(0, 'n')
                })),
            ),
            ("sync: what was not seen", Question::Unseen),
            ("sync: what was not seen is marked", Question::RemoveUnseen),
            ("sweep: whose turn it is", Question::Turns),
        ])
    }

    /// The name in the middle of an organization's list.
    async fn middle(
        &self,
        rig: &Rig,
        of: OrganizationId,
        offset: u64,
    ) -> Result<(Key, ConnectionId), Failure> {
        let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
        let (full_name, id, connection): (String, uuid::Uuid, uuid::Uuid) = sqlx::query_as(
            "SELECT full_name, id, connection_id FROM repositories WHERE organization_id = $1 AND removed_at IS NULL \
             AND (full_name, id) > ('', '00000000-0000-0000-0000-000000000000'::uuid) \
             ORDER BY full_name, id OFFSET $2 LIMIT 1",
        )
        .bind(of.0)
        .bind(i64::try_from(offset * 99 / 100).unwrap_or(0))
        .fetch_one(&mut db)
        .await?;
        let key = Key {
            full_name,
            id: id.into(),
        };
        Ok((key, connection.into()))
    }

    /// A hundred repositories of the one connection, as a provider would tell of them.
    async fn page_of_one(&self, of: OrganizationId) -> Result<Vec<RemoteRepository>, Failure> {
        let filter = Filter {
            connection: Some(connection(ONE)),
            ..Filter::default()
        };
        let mut tx = self.db.tenant(of).await?;
        let mut rows = repositories::list(&mut *tx, &filter, &PageRequest::first(100)).await?;
        rows.truncate(100);
        Ok(rows.into_iter().map(told).collect())
    }

    /// Asks once; how long it took. What it writes is rolled back.
    async fn ask(&self, question: &Question) -> Result<Duration, Failure> {
        if let Question::Http(of, path) = question {
            let request = format!(
                "GET /api/v1/organizations/{of}{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
                self.token.expose_secret()
            );
            return load::once(self.address, &request).await;
        }
        let began = Instant::now();
        let now = self.clock.now();
        if let Question::Turns = question {
            let interval = TimeDelta::hours(4);
            take_turns(&self.db.system(), TurnKind::Sync, interval, now, 500).await?;
            return Ok(began.elapsed());
        }
        // As a sync does it, where a sync does it.
        let of = organization(2);
        let mut tx = match question {
            Question::Unseen | Question::RemoveUnseen => self.db.tenant_in_bulk(of).await?,
            Question::Upsert(_) => self.db.tenant_step(of).await?,
            _ => self.db.tenant(organization(1)).await?,
        };
        let page = |start| PageRequest {
            page: 1,
            per_page: 30,
            start,
        };
        let all = Filter::default();
        match question {
            Question::After(key) => {
                repositories::list(&mut *tx, &all, &page(Start::After(key.clone()))).await?;
            }
            Question::Before(key) => {
                repositories::list(&mut *tx, &all, &page(Start::Before(key.clone()))).await?;
            }
            Question::ByName(of, name) => {
                let found = repositories::by_name(&mut *tx, *of, name).await?;
                found.ok_or_else(|| Failure::failed("it is not found by its name"))?;
            }
            Question::Counted => {
                repositories::counted(&mut *tx, None).await?;
            }
            Question::Unseen => {
                repositories::unseen(&mut *tx, walk(now), 51).await?;
            }
            Question::RemoveUnseen => {
                repositories::remove_unseen(&mut *tx, walk(now), now).await?;
            }
            Question::Upsert(page) => {
                let owner = repositories::Owner {
                    organization: of,
                    connection: connection(ONE),
                    provider: ProviderKind::Github,
                    now,
                };
                repositories::upsert_page(&mut tx, owner, Likely::Known, page.iter()).await?;
            }
            Question::Http(..) | Question::Turns => {}
        }
        Ok(began.elapsed())
    }
}

fn other(
    page: &[RemoteRepository],
    change: impl Fn(&mut RemoteRepository),
) -> Vec<RemoteRepository> {
    let mut page = page.to_vec();
    page.iter_mut().for_each(change);
    page
}

fn told(row: Repository) -> RemoteRepository {
    RemoteRepository {
        provider_repository_id: row.provider_repository_id,
        name: row.name,
        full_name: row.full_name,
        url: row.url,
        clone_url: row.clone_url,
        ssh_url: row.ssh_url,
        private: row.private,
        default_branch: row.default_branch,
        description: row.description,
        language: row.language,
        archived: row.archived,
        fork: row.fork,
        has_write_access: row.has_write_access,
        size_kb: row.size_kb,
        pushed_at: row.pushed_at,
    }
}
