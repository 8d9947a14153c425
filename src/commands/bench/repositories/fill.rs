//! Ten million rows in minutes: constraints and indexes that nothing else stands on are taken away, as
//! they are defined, and made again over what was loaded.

use std::time::{Duration, Instant};

use shared::domain::ids::{ConnectionId, OrganizationId};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::super::rig::Rig;
use super::Options;

/// Rows of one statement.
const CHUNK: u64 = 500_000;
/// Repositories of a connection, most of the time.
const USUAL: u64 = 500;
/// Connections of the largest organization.
const OF_LARGE: u64 = 10;
/// One in so many repositories bears this name.
pub(super) const NEEDLE_EVERY: u64 = 200_000;
/// A name that few have.
pub(super) const NEEDLE: &str = "needle";

/// What there is now.
pub(super) struct Filled {
    pub(super) rows: u64,
    pub(super) connections: i64,
    pub(super) took: Duration,
    pub(super) indexes: Duration,
    pub(super) table_mib: i64,
    pub(super) indexes_mib: i64,
}

/// The organization of this number: 1 is the largest, 2 the one with the one connection.
pub(super) fn organization(number: u64) -> OrganizationId {
    OrganizationId(id(1, number))
}

/// The connection of this number: 1 to 10 are those of the largest organization, 11 is the next one's.
pub(super) fn connection(number: u64) -> ConnectionId {
    ConnectionId(id(2, number))
}

fn id(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + (kind << 32) + u128::from(number))
}

/// The same in SQL.
fn id_of(kind: u8, number: &str) -> String {
    format!("('01990000-0000-7000-8000-{kind:04}' || lpad(to_hex({number}), 8, '0'))::uuid")
}

/// Fills the tables as the owner.
pub(super) async fn fill(rig: &Rig, options: &Options) -> Result<Filled, sqlx::Error> {
    let began = Instant::now();
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    db.execute(
        "SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; \
         ALTER TABLE repositories SET (autovacuum_enabled = false)",
    )
    .await?;
    connections(&mut db, options).await?;
    let taken = take_away(&mut db).await?;
    for from in (0..options.rows).step_by(CHUNK as usize) {
        chunk(&mut db, from, (from + CHUNK).min(options.rows)).await?;
    }
    let making = Instant::now();
    for statement in taken {
        db.execute(AssertSqlSafe(statement)).await?;
    }
    db.execute("ALTER TABLE repositories RESET (autovacuum_enabled)")
        .await?;
    // What other statements read beside them.
    run_that_ends(&mut db, options).await?;
    db.execute(
        "UPDATE connections c SET repository_count = k.standing FROM \
            (SELECT connection_id, count(*) FILTER (WHERE removed_at IS NULL) AS standing \
             FROM repositories GROUP BY 1) k WHERE k.connection_id = c.id",
    )
    .await?;
    db.execute(
        "INSERT INTO organization_counters (organization_id, connections, active_connections, repositories) \
         SELECT organization_id, count(*), count(*), sum(repository_count) FROM connections GROUP BY 1 \
         ON CONFLICT (organization_id) DO UPDATE SET connections = excluded.connections, \
            active_connections = excluded.active_connections, repositories = excluded.repositories",
    )
    .await?;
    // One by one: a vacuum is no part of a transaction.
    for table in [
        "repositories",
        "connections",
        "turns",
        "organizations",
        "organization_counters",
        "sync_pages",
    ] {
        db.execute(AssertSqlSafe(format!("VACUUM (ANALYZE) {table}")))
            .await?;
    }
    let indexes = making.elapsed();
    let (table_mib, indexes_mib, connections): (i64, i64, i64) = sqlx::query_as(
        "SELECT pg_table_size('repositories') / 1048576, pg_indexes_size('repositories') / 1048576, \
            (SELECT count(*) FROM connections)",
    )
    .fetch_one(&mut db)
    .await?;
    Ok(Filled {
        rows: options.rows,
        connections,
        took: began.elapsed(),
        indexes,
        table_mib,
        indexes_mib,
    })
}

/// Organizations, their connections, whose turn comes when, and in `bench_stretches` which repositories
/// each has.
async fn connections(db: &mut PgConnection, options: &Options) -> Result<(), sqlx::Error> {
    let (large, one) = (options.large(), options.connection());
    let each = large / OF_LARGE;
    let usual = (options.rows.saturating_sub(large + one)).div_ceil(USUAL);
    db.execute(AssertSqlSafe(format!(
        "CREATE TABLE bench_stretches (connection bigint PRIMARY KEY, organization bigint, first bigint, rows bigint);
         INSERT INTO bench_stretches SELECT n, 1, (n - 1) * {each}, {each} FROM generate_series(1, {OF_LARGE}) n;
         INSERT INTO bench_stretches VALUES ({OF_LARGE} + 1, 2, {OF_LARGE} * {each}, {one});
         INSERT INTO bench_stretches SELECT {OF_LARGE} + 1 + n, 2 + n, {OF_LARGE} * {each} + {one} + (n - 1) * {USUAL}, {USUAL}
            FROM generate_series(1, {usual}) n;
         CREATE INDEX ON bench_stretches (first);
         INSERT INTO organizations (id, name, created_at, updated_at)
            SELECT DISTINCT {organization}, 'Organization ' || organization, now(), now() FROM bench_stretches;
         INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, status, health_code,
                health_since, is_active, username, validated_at, last_synced_at, last_complete_sync_at,
                created_at, updated_at)
            SELECT {organization}, {connection}, 'Connection ' || connection, 'github', 'https://github.com', 'pat',
                'active', 'ok', now(), true, 'user-' || connection, now(), now(), now(), now(), now() FROM bench_stretches;
         INSERT INTO turns (organization_id, connection_id, last_at, kind)
            SELECT organization_id, id, now() - (hashtext(id::text || kind) & 65535) / 65535.0 * interval '4 hours 2 minutes', kind
            FROM connections, (VALUES ('sync'), ('validation')) k(kind) ON CONFLICT DO NOTHING;
         ANALYZE bench_stretches",
        organization = id_of(1, "organization"),
        connection = id_of(2, "connection"),
    )))
    .await?;
    Ok(())
}

/// Takes away what may go for as long as rows are loaded; how to make it again.
async fn take_away(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let constraints: Vec<(String, String)> = sqlx::query_as(
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint c \
         WHERE conrelid = 'repositories'::regclass AND contype IN ('u', 'f') AND NOT EXISTS \
            (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid AND f.confrelid = c.conrelid)",
    )
    .fetch_all(&mut *db)
    .await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i \
         WHERE i.indrelid = 'repositories'::regclass \
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut again = Vec::new();
    for (name, definition) in indexes {
        db.execute(AssertSqlSafe(format!("DROP INDEX {name}")))
            .await?;
        again.push(definition);
    }
    for (name, definition) in constraints {
        let table = "ALTER TABLE repositories";
        db.execute(AssertSqlSafe(format!("{table} DROP CONSTRAINT \"{name}\"")))
            .await?;
        again.push(format!("{table} ADD CONSTRAINT \"{name}\" {definition}"));
    }
    Ok(again)
}

/// Repositories from one number to before another, by connection, their ids in order of time.
async fn chunk(db: &mut PgConnection, from: u64, to: u64) -> Result<(), sqlx::Error> {
    let insert = format!(
        "INSERT INTO repositories (organization_id, id, connection_id, provider_repository_id, provider, name,
            full_name, url, clone_url, ssh_url, private, default_branch, description, language, archived, fork,
            has_write_access, size_kb, pushed_at, first_seen_at, last_changed_at, removed_at)
         SELECT {organization}, (left(t, 8) || '-' || right(t, 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
            {connection}, (300000000 + n)::text, 'github', name, owner || '/' || name,
            'https://github.com/' || owner || '/' || name, 'https://github.com/' || owner || '/' || name || '.git',
            'git@github.com:' || owner || '/' || name || '.git', n % 3 > 0, 'main',
            CASE WHEN n % 2 = 0 THEN 'What the team of ' || owner || ' keeps for itself and for others' END,
            (ARRAY['Rust', 'Go', 'TypeScript', 'Java', NULL])[1 + n % 5], n % 50 = 0, n % 20 = 0, true, n % 100000,
            now() - n % 1000 * interval '1 hour', now(), now(), CASE WHEN n % 100 = 7 THEN now() END
         FROM bench_stretches s CROSS JOIN LATERAL generate_series(GREATEST(s.first, {from}), LEAST(s.first + s.rows, {to}) - 1) n
            CROSS JOIN LATERAL (SELECT 'owner-' || s.connection AS owner,
                substr(md5(n::text), 1, 7) || CASE WHEN n % {NEEDLE_EVERY} = 77 THEN '-{NEEDLE}-' ELSE '-service-' END || n % 1000 AS name,
                lpad(to_hex(1760000000000 + n / 50), 12, '0') AS t) named
         WHERE s.first < {to} AND s.first + s.rows > {from} ORDER BY n",
        organization = id_of(1, "s.organization"),
        connection = id_of(2, "s.connection"),
    );
    db.execute(AssertSqlSafe(insert)).await?;
    Ok(())
}

/// A run at its end, over the one connection: each page with its ids, but for one in a thousand that none
/// has.
async fn run_that_ends(db: &mut PgConnection, options: &Options) -> Result<(), sqlx::Error> {
    let number = OF_LARGE + 1;
    let run = format!(
        "INSERT INTO sync_runs (organization_id, id, connection_id, job_id, trigger, status, full_listing, pages, started_at)
            VALUES ('{organization}', '{run}', '{connection}', '{run}', 'scheduled', 'running', true, {pages}, now());
         INSERT INTO sync_pages (organization_id, run_id, page, cursor, repository_ids)
            SELECT '{organization}', '{run}', (row - 1) / 100, ((row - 1) / 100)::text, array_agg(provider_repository_id)
            FROM (SELECT provider_repository_id, row_number() OVER (ORDER BY id) AS row FROM repositories
                  WHERE organization_id = '{organization}' AND connection_id = '{connection}') all_of_it
            WHERE row % 1000 <> 500 GROUP BY (row - 1) / 100",
        organization = organization(2),
        connection = connection(number),
        run = run_id(),
        pages = options.connection() / 100,
    );
    db.execute(AssertSqlSafe(run)).await?;
    Ok(())
}

/// The run that is at its end.
pub(super) fn run_id() -> Uuid {
    id(3, 1)
}
