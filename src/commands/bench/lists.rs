//! `mooring bench lists`: pages of connections at size.
//!
//! One million connections in all: an organization of 100,000, one of 450, the rest in
//! organizations of 450. Everything runs on this machine: Postgres, the API and the load.

use std::time::Duration;

use clap::Parser;
use shared::domain::ids::OrganizationId;
use shared::domain::secret::ExposeSecret;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::load::{self, Measured};
use super::rig::Rig;
use crate::environment::Environment;
use crate::exit::Failure;

/// What can be chosen.
#[derive(Parser)]
#[command(name = "mooring bench lists")]
struct Options {
    /// Connections in all
    #[arg(long, default_value_t = 1_000_000)]
    total: u64,
    /// Connections of the large organization
    #[arg(long, default_value_t = 100_000)]
    large: u64,
    /// Requests in flight
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Seconds per figure
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

const SMALL: u64 = 450;

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench lists".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let rig = Rig::start(environment).await?;
    let outcome = measure(&rig, &options).await;
    rig.end().await;
    outcome
}

async fn measure(rig: &Rig, options: &Options) -> Result<(), Failure> {
    let (large, small) = (organization(1), organization(2));
    let seeded = seed(rig, options).await;
    seeded.map_err(|error| Failure::failed(format!("seeding failed: {error}")))?;
    let (running, address, token) = rig.serve().await?;
    let page = options.large / 30 / 2;
    for (what, organization, query) in [
        ("first page of 450", small, ""),
        ("first page of 100,000", large, ""),
        ("active only, of 100,000", large, "?active_only=true"),
        (
            "a page in the middle by offset, of 100,000",
            large,
            &format!("?page={page}") as &str,
        ),
    ] {
        let request = format!(
            "GET /api/v1/organizations/{organization}/git-connections{query} HTTP/1.1\r\n\
             host: localhost\r\nauthorization: Bearer {}\r\n\r\n",
            token.expose_secret()
        );
        let time = Duration::from_secs(options.seconds);
        // Warm: connections to the database, prepared statements, the page cache.
        load::closed_loop(
            address,
            &request,
            options.connections,
            Duration::from_secs(1),
        )
        .await?;
        let measured = load::closed_loop(address, &request, options.connections, time).await?;
        report(what, options, &measured);
    }
    running.end(&rig.config).await;
    Ok(())
}

fn report(what: &str, options: &Options, measured: &Measured) {
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    println!(
        "{}",
        serde_json::json!({
            "bench": "lists",
            "what": what,
            "requests_per_second": measured.rate.round(),
            "p50_ms": milliseconds(measured.p50),
            "p99_ms": milliseconds(measured.p99),
            "answers": measured.answers,
            "body_bytes": measured.body_bytes,
            "per_page": 30,
            "connections_in_all": options.total,
            "in_flight": options.connections,
            "conditions": "API, load generator and Postgres (fsync on) on one machine",
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        })
    );
}

fn organization(number: u64) -> OrganizationId {
    OrganizationId(Uuid::from_u128(
        0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::from(number),
    ))
}

/// Fills the tables set-based, as the owner.
async fn seed(rig: &Rig, options: &Options) -> Result<(), sqlx::Error> {
    let mut owner = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let rest = options.total.saturating_sub(options.large + SMALL);
    let others = rest.div_ceil(SMALL);
    let uuid = |number: &str| {
        format!("('01990000-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid")
    };
    owner
        .execute(AssertSqlSafe(format!(
            "INSERT INTO organizations (id, name, created_at, updated_at)
             SELECT {}, 'Organization ' || n, now(), now() FROM generate_series(1, {}) n",
            uuid("n"),
            others + 2
        )))
        .await?;
    // Connections are made by turns, so that an organization's rows do not lie side by side.
    let owner_of = format!(
        "CASE WHEN n % 10 = 0 AND n / 10 < {large} THEN 1 WHEN n % 997 = 1 AND n / 997 < {SMALL} THEN 2 ELSE 3 + n % {others} END",
        large = options.large,
        others = others.max(1)
    );
    owner
        .execute(AssertSqlSafe(format!(
            "INSERT INTO connections (organization_id, id, name, description, provider, base_url,
                auth_method, status, health_code, health_since, is_active, username, account_id,
                account_login, account_type, account_display_name, account_avatar_url, scopes,
                token_expires_at, validated_at, last_used_at, last_synced_at, repository_count,
                rate_limit, rate_limit_remaining, rate_limit_reset_at, created_by, created_by_name,
                created_at, updated_at)
             SELECT {organization}, {id}, 'Connection ' || n, 'Deploys of team ' || n % 50, 'github',
                'https://github.com', 'pat', 'active', 'ok', now(), n % 20 <> 0, 'user-' || n, n::text,
                'user-' || n, 'user', 'User ' || n, 'https://avatars.example/u/' || n,
                ARRAY['repo', 'read:org'], now() + interval '90 days', now(), now(), now(), 250, 5000,
                4321, now(), {id}, 'Olga Owner', now(), now()
             FROM generate_series(1, {total}) n",
            organization = uuid(&format!("({owner_of})")),
            id = uuid("n + 16777216"),
            total = options.total
        )))
        .await?;
    owner
        .execute(
            "INSERT INTO organization_counters (organization_id, connections, active_connections)
             SELECT organization_id, count(*), count(*) FILTER (WHERE is_active) FROM connections GROUP BY 1
             ON CONFLICT (organization_id) DO UPDATE SET connections = excluded.connections,
                active_connections = excluded.active_connections",
        )
        .await?;
    owner
        .execute("VACUUM ANALYZE connections, organization_counters, organizations")
        .await?;
    Ok(())
}
