//! The store's statements as they are compiled (`.sqlx`), and the same without their `WHERE`.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;
use sqlparser::ast::{Expr, Query, SetExpr, Statement, VisitMut, VisitorMut};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query as Prepared;
use sqlx::{AssertSqlSafe, Executor, Postgres, Row};

/// A statement of the store.
pub struct Compiled {
    pub query: String,
    pub parameters: Vec<String>,
}

/// Every statement that is checked at compile time.
pub fn all() -> Vec<Compiled> {
    #[derive(Deserialize)]
    struct File {
        query: String,
        describe: Describe,
    }
    #[derive(Deserialize)]
    struct Describe {
        parameters: Parameters,
    }
    #[derive(Deserialize)]
    struct Parameters {
        #[serde(rename = "Left")]
        left: Vec<serde_json::Value>,
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let file: File = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            let name = |value: &serde_json::Value| value.as_str().unwrap_or("Text").to_owned();
            let parameters = file.describe.parameters.left.iter().map(name).collect();
            Compiled {
                query: file.query,
                parameters,
            }
        })
        .collect()
}

/// Takes away every condition; the joins' too.
struct Naked;

impl VisitorMut for Naked {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.selection = None;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        match statement {
            Statement::Update { selection, .. } => *selection = None,
            Statement::Delete(delete) => delete.selection = None,
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// The statement without its conditions; `None` for an insert, which `WITH CHECK` guards.
pub fn without_where(sql: &str) -> Option<String> {
    let begins = |word: &str| sql.trim_start().starts_with(word);
    if !["SELECT", "WITH", "UPDATE", "DELETE"]
        .into_iter()
        .any(begins)
    {
        return None;
    }
    // The parser does not know this strength of lock.
    let sql = &sql.replace("FOR NO KEY UPDATE", "FOR UPDATE");
    let mut parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let statement = parsed.first_mut()?;
    if matches!(statement, Statement::Insert(_)) {
        return None;
    }
    let _ = statement.visit(&mut Naked);
    Some(statement.to_string())
}

/// The statement with a null of the right type for every parameter.
pub fn bind_nulls(sql: &str, parameters: &[String]) -> Prepared<'static, Postgres, PgArguments> {
    use chrono::{DateTime, Utc};
    use serde_json::Value;
    use uuid::Uuid;
    let highest = (1..=parameters.len())
        .rev()
        .find(|n| sql.contains(&format!("${n}")))
        .unwrap_or(0);
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    for name in &parameters[..highest] {
        query = match name.as_str() {
            "Uuid" => query.bind(None::<Uuid>),
            "UuidArray" => query.bind(None::<Vec<Uuid>>),
            "Text" | "Varchar" | "Name" => query.bind(None::<String>),
            "TextArray" => query.bind(None::<Vec<String>>),
            "Interval" => query.bind(None::<sqlx::postgres::types::PgInterval>),
            "Int2" => query.bind(None::<i16>),
            "Int2Array" => query.bind(None::<Vec<i16>>),
            "Int4" => query.bind(None::<i32>),
            "Int4Array" => query.bind(None::<Vec<i32>>),
            "Int8" => query.bind(None::<i64>),
            "Int8Array" => query.bind(None::<Vec<i64>>),
            "Float8" => query.bind(None::<f64>),
            "Bool" => query.bind(None::<bool>),
            "BoolArray" => query.bind(None::<Vec<bool>>),
            "Timestamptz" => query.bind(None::<DateTime<Utc>>),
            "TimestamptzArray" => query.bind(None::<Vec<DateTime<Utc>>>),
            "Bytea" => query.bind(None::<Vec<u8>>),
            "ByteaArray" => query.bind(None::<Vec<Vec<u8>>>),
            "Json" | "Jsonb" => query.bind(None::<Value>),
            "JsonbArray" | "JsonArray" => query.bind(None::<Vec<Value>>),
            other => panic!("a parameter of type {other}: add it here"),
        };
    }
    query
}

/// The tables under row-level security.
pub async fn tenant_tables(connection: &mut PgConnection) -> Vec<String> {
    connection
        .fetch_all(
            "SELECT relname::text AS name FROM pg_class WHERE relforcerowsecurity
               AND relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1",
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get("name"))
        .collect()
}
