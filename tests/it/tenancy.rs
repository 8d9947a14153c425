//! Promise 7: tenants are walled off by the database too. Every statement of the store is run with
//! its `WHERE` taken away, as one tenant, beside another tenant's rows.

pub mod statements;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::world::{World, new_organization, run_without_worker};
use shared::domain::ids::OrganizationId;

/// Stands in every text of the other tenant.
const MARK: &str = "belongs-to-the-other-tenant";

/// Tables without row-level security: none of them holds a tenant's data.
const SHARED_TABLES: [&str; 8] = [
    "_sqlx_migrations",
    // No tenant may read or write these at all.
    "auth_trials",
    "intake_absences",
    "intake_presence",
    "job_leases",
    "job_schedule",
    "rate_budgets",
    "shared_connection_counter",
];

#[test]
fn every_table_of_tenants_forces_row_level_security() {
    run_without_worker(|w| async move {
        let mut owner = PgConnection::connect_with(&w.options).await.unwrap();
        let rows = owner
            .fetch_all(
                "SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                    EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
                            AND p.polroles @> ARRAY['mooring_app'::regrole::oid]) AS policy
                 FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
                 ORDER BY 1",
            )
            .await
            .unwrap();
        let mut open = Vec::new();
        for row in rows {
            let (name, forced, policy): (String, bool, bool) =
                (row.get("name"), row.get("forced"), row.get("policy"));
            if !forced {
                open.push(name);
            } else {
                assert!(policy, "{name} has no policy for mooring_app");
            }
        }
        assert_eq!(
            open, SHARED_TABLES,
            "a new table must be walled off, or be listed here"
        );
    });
}

#[test]
fn no_statement_without_its_where_shows_or_touches_another_tenant() {
    run_without_worker(|w| async move {
        let other = two_tenants(&w).await;
        let mut connection = PgConnection::connect_with(&w.options).await.unwrap();
        let before = fingerprint(&mut connection, other).await;
        let mut tried = 0;
        for statement in statements::all() {
            let Some(naked) = statements::without_where(&statement.query) else {
                continue;
            };
            connection.execute("BEGIN").await.unwrap();
            become_tenant(&mut connection, w.organization).await;
            let query = statements::bind_nulls(&naked, &statement.parameters);
            match query.fetch_all(&mut connection).await {
                Ok(rows) => {
                    tried += 1;
                    for row in &rows {
                        assert!(!mentions(row, other), "it shows another tenant: {naked}");
                    }
                    connection.execute("RESET ROLE").await.unwrap();
                    let after = fingerprint(&mut connection, other).await;
                    assert_eq!(before, after, "it touches another tenant: {naked}");
                }
                Err(error) => assert!(
                    refused(&error),
                    "neither run nor refused by the database: {error}: {naked}"
                ),
            }
            connection.execute("ROLLBACK").await.unwrap();
        }
        assert!(
            tried >= 70,
            "only {tried} statements ran: the test no longer tests"
        );
    });
}

#[test]
fn without_a_tenant_there_are_no_rows_and_a_foreign_row_cannot_be_written() {
    run_without_worker(|w| async move {
        let other = two_tenants(&w).await;
        let mut connection = PgConnection::connect_with(&w.options).await.unwrap();
        for table in statements::tenant_tables(&mut connection).await {
            connection
                .execute("BEGIN; SET LOCAL ROLE mooring_app")
                .await
                .unwrap();
            let sql = format!("SELECT count(*) FROM {table}");
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(count, 0, "{table} shows rows without a tenant");
            connection.execute("ROLLBACK").await.unwrap();
        }
        connection.execute("BEGIN").await.unwrap();
        become_tenant(&mut connection, w.organization).await;
        let foreign = sqlx::query(
            "INSERT INTO members (organization_id, user_id, role, created_at, updated_at)
             VALUES ($1, $1, 'owner', now(), now())",
        )
        .bind(other.0)
        .execute(&mut connection)
        .await;
        assert!(
            refused(&foreign.unwrap_err()),
            "a tenant wrote into another"
        );
    });
}

/// Privileges and policies (42501), a value that the statement itself forbids to be null, or a
/// recursion that has no end without its condition (57014).
fn refused(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(
        code.as_deref(),
        Some(
            "42501" | "57014" | "22023" | "23502" | "22004" | "23514" | "23505" | "21000" | "23503"
        )
    )
}

async fn become_tenant(connection: &mut PgConnection, organization: OrganizationId) {
    let sql = format!(
        "SET LOCAL statement_timeout = '1s'; SET LOCAL ROLE mooring_app; SELECT set_config('mooring.organization', '{organization}', true)"
    );
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

/// Everything of a tenant in one hash, as the owner sees it.
async fn fingerprint(connection: &mut PgConnection, organization: OrganizationId) -> String {
    let mut all = String::new();
    for table in statements::tenant_tables(connection).await {
        let column = if table == "organizations" {
            "id"
        } else {
            "organization_id"
        };
        let sql = format!(
            "SELECT COALESCE(md5(string_agg(t::text, '|' ORDER BY t::text)), '-') FROM {table} t WHERE {column} = $1"
        );
        let hash: String = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(organization.0)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert!(
            hash != "-" || table == "activity_archive",
            "{table} holds no row of the other tenant"
        );
        all.push_str(&hash);
    }
    all
}

/// Whether any column holds the other tenant's mark or id, whatever its type.
fn mentions(row: &sqlx::postgres::PgRow, other: OrganizationId) -> bool {
    (0..row.len()).any(|index| {
        let raw = row.try_get_raw(index).unwrap();
        raw.as_bytes().is_ok_and(|bytes| {
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
            holds(MARK.as_bytes())
                || holds(other.0.as_bytes())
                || holds(other.to_string().as_bytes())
        })
    })
}

/// Fills every tenant table with a row of the world's organization and one of another, whose
/// every text carries the mark.
async fn two_tenants(w: &World) -> OrganizationId {
    let other = new_organization(&w.context, MARK).await;
    let mut owner = PgConnection::connect_with(&w.options).await.unwrap();
    for (organization, text) in [(w.organization, "own"), (other, MARK)] {
        let sql = include_str!("tenancy/rows.sql")
            .replace("{organization}", &format!("'{organization}'::uuid"))
            .replace("{text}", &format!("'{text}'"));
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    other
}
