//! Whether a refresh token is ever spent twice while processes die.
//!
//! The provider takes up to 20 s, loses some answers after it has committed, and kills nobody: we do.
//! At the end two records that know nothing of each other are held against the promises: the
//! provider's log of what was presented when, and the attempts that were written down here.
//!
//! *Spent twice* is: presented while an earlier presentation could still be answered; presented again
//! although an answer had decided; presented a third time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use mooring_forge::{Action, Face, Fault, Forge, Match, RefreshTokenId, Request};
use shared::domain::ids::OrganizationId;
use shared::domain::secret::ExposeSecret;
use shared::vault::{Column, Place, Vault, random};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::rig::Rig;
use super::{Options, grants, workers};
use crate::exit::Failure;

/// The provider takes up to so long.
const SLOWEST: Duration = Duration::from_secs(20);
/// Between two kills.
const BETWEEN: Duration = Duration::from_secs(3);
/// After the kills, until everything is decided.
const PATIENCE: Duration = Duration::from_secs(600);
const LEASE: &str = "5s";

#[derive(Default, serde::Serialize)]
struct Verdict {
    /// Presentations that the provider saw.
    presentations: usize,
    /// Refresh tokens that were presented twice, as is allowed after an unknown outcome.
    presented_twice: usize,
    /// Promises that were broken.
    overlapping: usize,
    presented_a_third_time: usize,
    presented_after_a_decision: usize,
    called_revoked: usize,
    active_without_a_working_token: usize,
    ended_without_the_true_cause: usize,
    undecided: usize,
    /// How the connections ended; where two answers were lost, the token's date decides later.
    active: usize,
    uncertain: usize,
    expired: usize,
}

impl Verdict {
    fn holds(&self) -> bool {
        self.overlapping
            + self.presented_a_third_time
            + self.presented_after_a_decision
            + self.called_revoked
            + self.active_without_a_working_token
            + self.ended_without_the_true_cause
            + self.undecided
            == 0
    }
}

pub(super) async fn run(rig: &Rig, options: &Options, time: Duration) -> Result<(), Failure> {
    let due = options.due.unwrap_or(2_000);
    let processes = options.processes.first().copied().unwrap_or(4);
    let slots = (options.in_flight.unwrap_or(256) / processes).max(1);
    let (forge, app, running) = workers::provider().await?;
    let url = running.gitlab.url.clone();
    grants::seed(rig, &forge, &app, &url, (due, (due / 10).max(1))).await?;
    let renewals = || Match::face(Face::GitLab).grant_type("refresh_token");
    if options.lost > 0 {
        let lost = Fault::on(renewals(), Action::LoseAnswer).percent(options.lost);
        forge.fault(lost.answered_within(SLOWEST));
    }
    forge.fault(Fault::on(renewals(), Action::Proceed).answered_within(SLOWEST));
    grants::make_due(rig).await?;
    let start = || workers::start(rig, &app, &url, slots, LEASE);
    let mut alive = (0..processes)
        .map(|_| start())
        .collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    let mut kills = 0;
    while began.elapsed() < time {
        tokio::time::sleep(BETWEEN).await;
        let place = (random::fraction() * alive.len() as f64) as usize;
        // SIGKILL.
        alive[place].kill().await?;
        alive[place] = start()?;
        kills += 1;
    }
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let until = Instant::now() + PATIENCE;
    loop {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM credentials c JOIN connections k ON k.id = c.connection_id \
             WHERE c.attempt_id IS NOT NULL OR c.next_refresh_at <= now() + interval '20 minutes'",
        )
        .fetch_one(&mut db)
        .await?;
        if open == 0 || Instant::now() > until {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for mut worker in alive {
        worker.kill().await?;
    }
    let mut verdict = Verdict::default();
    of_the_provider(&mut verdict, &forge.requests(&renewals()));
    of_the_rows(&mut verdict, &mut db).await?;
    of_the_ends(&mut verdict, rig, &forge, &mut db).await?;
    println!(
        "{}",
        serde_json::json!({
            "bench": "refresh", "what": "storm", "holds": verdict.holds(), "due": due,
            "processes": processes, "in_flight": slots * processes, "kills": kills,
            "lost_percent": options.lost, "seconds": began.elapsed().as_secs(), "verdict": &verdict,
        })
    );
    running.stop().await;
    if verdict.holds() {
        Ok(())
    } else {
        Err(Failure::failed(
            "a promise was broken: the line above says which",
        ))
    }
}

/// By the provider's own log alone.
fn of_the_provider(verdict: &mut Verdict, log: &[Request]) {
    let mut of: HashMap<RefreshTokenId, Vec<&Request>> = HashMap::new();
    for request in log {
        if let Some(token) = request.refresh_token {
            of.entry(token).or_default().push(request);
        }
    }
    verdict.presentations = log.len();
    for mut seen in of.into_values() {
        seen.sort_by_key(|request| request.sequence);
        verdict.presented_twice += usize::from(seen.len() == 2);
        verdict.presented_a_third_time += usize::from(seen.len() > 2);
        let early = |pair: &[&Request]| pair[0].ended.is_none_or(|ended| ended > pair[1].at);
        verdict.overlapping += seen.windows(2).filter(|pair| early(pair)).count();
    }
}

/// By what was written down here: an attempt follows another at the same pair only where the outcome
/// of that one is unknown, or it never arrived.
async fn of_the_rows(verdict: &mut Verdict, db: &mut PgConnection) -> Result<(), Failure> {
    let rows: Vec<(Uuid, i64, String)> = sqlx::query_as(
        "SELECT connection_id, version, outcome FROM token_refreshes ORDER BY connection_id, version, id",
    )
    .fetch_all(db)
    .await?;
    let mut of: BTreeMap<(Uuid, i64), Vec<String>> = BTreeMap::new();
    for (connection, version, outcome) in rows {
        of.entry((connection, version)).or_default().push(outcome);
    }
    for outcomes in of.into_values() {
        let before = &outcomes[..outcomes.len() - 1];
        let undecided =
            |outcome: &String| matches!(outcome.as_str(), "unknown" | "later" | "not_sent");
        verdict.presented_after_a_decision += before.iter().filter(|one| !undecided(one)).count();
    }
    Ok(())
}

/// Every connection works, or says truly why not.
async fn of_the_ends(
    verdict: &mut Verdict,
    rig: &Rig,
    forge: &Forge,
    db: &mut PgConnection,
) -> Result<(), Failure> {
    type Row = (Uuid, Uuid, String, String, Option<String>, Vec<u8>, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT k.organization_id, k.id, k.status, k.health_code, k.validation_error, c.access_token, \
            (SELECT count(*) FROM token_refreshes r WHERE r.connection_id = k.id AND r.outcome = 'unknown') \
         FROM connections k JOIN credentials c ON c.connection_id = k.id",
    )
    .fetch_all(db)
    .await?;
    let vault = Vault::new(rig.database.secrets(&rig.config)?.keyring);
    let now = forge.now();
    for (organization, connection, status, health, error, sealed, unknown) in rows {
        let place = Place::credential(
            OrganizationId(organization),
            connection.into(),
            Column::AccessToken,
        );
        let token = vault.open(&place, &sealed)?;
        let works = forge.read(|state| {
            let token = state.token_of_secret(token.expose_secret());
            token.is_some_and(|token| token.is_active(now))
        });
        match (status.as_str(), health.as_str()) {
            ("active", "uncertain") if unknown >= 2 => verdict.uncertain += 1,
            ("active", "uncertain") => verdict.undecided += 1,
            ("active", _) => {
                verdict.active += 1;
                verdict.active_without_a_working_token += usize::from(!works);
            }
            ("expired", "reauth_required") => {
                verdict.expired += 1;
                // A lost answer, told as one.
                let true_cause = unknown > 0 && error.is_some_and(|text| text.contains("lost"));
                verdict.ended_without_the_true_cause += usize::from(!true_cause || works);
            }
            ("revoked", _) => verdict.called_revoked += 1,
            _ => verdict.ended_without_the_true_cause += 1,
        }
    }
    Ok(())
}
