//! Twenty runs, each of whose workers is killed at another page: no row differs from those of a run
//! that nobody disturbed, and no page is read again that was stored.

use std::collections::BTreeSet;

use mooring_forge::{Face, Gate, Hold, Match, RepositoryId, TokenSpec};
use rustix::process::Signal;
use serde_json::{Value, json};
use shared::domain::ids::OrganizationId;
use shared::domain::organization::Role;
use sqlx::{Connection, PgConnection};

use super::program::Program;
use super::setup;
use crate::world::{Caller, World, dice, new_organization, run_as};

const RUNS: usize = 20;
const PER_PAGE: usize = 10;
/// Before the changes and after them: 22 pages.
const REPOSITORIES: usize = 215;
const PAGES: usize = 22;
/// Pages that are under way at once, whose answers a death may lose.
const AT_ONCE: usize = 10;

/// One tenant's connection to the account that all are connected to.
struct Run {
    organization: OrganizationId,
    owner: Caller,
    id: String,
    walk: Match,
}

impl Run {
    async fn begin(w: &World, number: usize) -> Self {
        let organization = new_organization(&w.context, &format!("Tenant {number}")).await;
        let owner = w.member_of(organization, Role::Owner);
        let token = w
            .forge
            .mint(TokenSpec::classic("octo").scopes(["repo", "read:org"]));
        let walk = Match::face(Face::GitHub)
            .path("/user/repos")
            .query("per_page", "100")
            .token(w.forge.token_id(&token).unwrap());
        let id = owner.connect("github", &token).await;
        Self {
            organization,
            owner,
            id,
            walk,
        }
    }

    async fn ask(&self) {
        let path = format!("/git-connections/{}/sync", self.id);
        self.owner.post(&path, json!({})).await.expect(202);
    }

    /// Every column that tells of a repository, whoever found it and when.
    async fn rows(&self, db: &mut PgConnection) -> Vec<Value> {
        let rows: Vec<Value> = sqlx::query_scalar(
            "SELECT to_jsonb(r) - '{organization_id,id,connection_id,first_seen_at,last_changed_at,removed_at}'::text[] \
                || jsonb_build_object('removed', r.removed_at IS NOT NULL) \
             FROM repositories r WHERE organization_id = $1 ORDER BY provider_repository_id",
        )
        .bind(self.organization.0)
        .fetch_all(db)
        .await
        .unwrap();
        rows
    }

    /// Pages of the run that stands which are stored, by their number at the provider.
    async fn stored(&self, db: &mut PgConnection) -> BTreeSet<u32> {
        let cursors: Vec<String> = sqlx::query_scalar(
            "SELECT p.cursor FROM sync_pages p JOIN sync_runs r ON r.id = p.run_id \
             WHERE r.organization_id = $1 AND r.status = 'running' AND p.repository_ids IS NOT NULL",
        )
        .bind(self.organization.0)
        .fetch_all(db)
        .await
        .unwrap();
        let page = |cursor: &String| {
            let cursor: Value = serde_json::from_str(cursor).unwrap();
            let page = cursor["walk"]["page"].as_u64();
            u32::try_from(page.unwrap_or(1)).unwrap()
        };
        cursors.iter().map(page).collect()
    }
}

/// Some go, some come, some are other than they were.
fn change(w: &World, all: &[RepositoryId]) {
    w.forge.edit(|state| {
        for (place, id) in all.iter().enumerate() {
            match place % 31 {
                3 => state.delete(*id),
                7 => state.rename(*id, &format!("renamed-{place}")),
                11 => state.archive(*id, true),
                19 => state.repository_mut(*id).description = Some(format!("the {place}th")),
                _ => {}
            }
        }
        state.add_repositories("octo", "new", 8);
    });
}

#[test]
fn twenty_runs_killed_at_random_pages_end_as_an_undisturbed_one() {
    run_as(setup(), |w| async move {
        let mut dice = dice();
        w.forge
            .edit(|state| state.settings.github.per_page_cap = PER_PAGE);
        w.forge.add_user("octo");
        let all = w.forge.add_repositories("octo", REPOSITORIES);
        let first = Program::start(&w, &["worker"]);
        let calm = Run::begin(&w, RUNS).await;
        let mut runs = Vec::new();
        for number in 0..RUNS {
            runs.push(Run::begin(&w, number).await);
        }
        for run in runs.iter().chain([&calm]) {
            run.owner.synced(&run.id).await;
        }
        first.end(Signal::TERM).await;
        change(&w, &all);
        w.forge.clear_log();

        // Each run meets its death at a page of its own, some before it is read and some with its
        // answer on the way back.
        let mut gates: Vec<Gate> = Vec::new();
        for run in &runs {
            let page = u32::try_from(1 + dice.roll(PAGES)).unwrap();
            let hold = [Hold::BeforeWork, Hold::AfterWork][dice.roll(2)];
            println!("{}: page {page}, {hold:?}", run.id);
            gates.push(w.forge.gate(run.walk.clone().page(page), hold));
            run.ask().await;
        }
        // One run for each: a worker has one place.
        let one = [("MOORING_WORKER_CONCURRENCY", "1")];
        let workers: Vec<Program> = (0..RUNS)
            .map(|_| Program::start_with(&w, &["worker"], &one))
            .collect();
        for gate in &gates {
            gate.arrived(1).await;
        }
        for worker in workers {
            worker.kill().await;
        }
        let mut db = PgConnection::connect_with(&w.options).await.unwrap();
        let mut stored = Vec::new();
        for run in &runs {
            stored.push(run.stored(&mut db).await);
        }
        drop(gates);

        let last = Program::start(&w, &["worker"]);
        calm.ask().await;
        calm.owner.synced(&calm.id).await;
        let expected = calm.rows(&mut db).await;
        assert_eq!(expected.len(), REPOSITORIES + 8);
        for (run, stored) in runs.iter().zip(&stored) {
            run.owner.synced(&run.id).await;
            let jobs = run
                .owner
                .get("/jobs?kind=sync_connection")
                .await
                .expect(200);
            let job = &jobs["jobs"][0];
            assert_eq!(
                (&job["status"], &job["attempt"]),
                (&json!("succeeded"), &json!(2)),
                "{job}"
            );
            assert_eq!(run.rows(&mut db).await, expected, "{}", run.id);
            let asked = w.forge.count(&run.walk);
            assert!(
                (PAGES..=PAGES + AT_ONCE).contains(&asked),
                "{}: {asked} requests, {} pages stored by the dead",
                run.id,
                stored.len()
            );
            for page in stored {
                assert_eq!(
                    w.forge.count(&run.walk.clone().page(*page)),
                    1,
                    "{}: page {page} was stored by the dead",
                    run.id
                );
            }
        }
        let most = stored.iter().map(BTreeSet::len).max();
        assert!(most > Some(PER_PAGE), "somebody died late: {most:?}");
        last.end(Signal::TERM).await;
    });
}
