//! What the server says of the statements that it ran: `auto_explain`, read back from its log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};

use super::super::rig::Rig;
use crate::exit::Failure;

/// The superuser that `initdb` made.
const SUPERUSER: &str = "postgres";
/// A server reads its files anew in less.
const HEARS_WITHIN: Duration = Duration::from_secs(10);

/// The server's word on statements.
pub(super) struct Plans {
    log: PathBuf,
    admin: PgConnection,
}

/// A statement that ran, in short.
pub(super) struct Plan {
    pub(super) statement: String,
    /// The kinds of its nodes, with what they scan.
    pub(super) nodes: BTreeSet<String>,
    /// Blocks that were found in the buffers, and those that were not.
    pub(super) blocks: (u64, u64),
    /// Rows that its scans looked at, kept or not.
    pub(super) read: f64,
    /// Rows that came out.
    pub(super) returned: f64,
    /// The whole of it.
    pub(super) whole: Value,
}

impl Plans {
    /// `None` where the server has no `auto_explain`. For sessions that begin from now on.
    pub(super) async fn of(rig: &Rig) -> Result<Option<Self>, Failure> {
        let mut admin = administrator(rig).await?;
        if admin.execute("LOAD 'auto_explain'").await.is_err() {
            return Ok(None);
        }
        for setting in [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = -1",
            "auto_explain.log_analyze = on",
            "auto_explain.log_buffers = on",
            "auto_explain.log_timing = off",
            "auto_explain.log_format = 'json'",
            "auto_explain.log_level = 'warning'",
        ] {
            let setting = format!("ALTER SYSTEM SET {setting}");
            admin.execute(sqlx::AssertSqlSafe(setting)).await?;
        }
        admin.execute("SELECT pg_reload_conf()").await?;
        Ok(Some(Self {
            log: rig.config.data_dir.path.join("postgres.log"),
            admin,
        }))
    }

    /// From now on the server tells of every statement, or of none.
    pub(super) async fn tell(&mut self, wanted: bool) -> Result<(), Failure> {
        let least = if wanted { 0 } else { -1 };
        let setting = format!("ALTER SYSTEM SET auto_explain.log_min_duration = {least}");
        self.admin.execute(sqlx::AssertSqlSafe(setting)).await?;
        self.admin.execute("SELECT pg_reload_conf()").await?;
        // Each session hears of it with its next statement, some moments from now.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    }

    /// How far the log goes.
    pub(super) fn mark(&self) -> Result<u64, Failure> {
        Ok(std::fs::metadata(&self.log)?.len())
    }

    /// What was told of since then, of statements that name repositories or turns.
    pub(super) fn since(&self, mark: u64) -> Result<Vec<Plan>, Failure> {
        let log = std::fs::read(&self.log)?;
        let new = log
            .get(usize::try_from(mark).unwrap_or(0)..)
            .unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        let plans = text.split("plan:\n").skip(1).filter_map(|rest| {
            // The document goes on over lines that the log has set in by a tab.
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            values.next()?.ok().map(Plan::read)
        });
        let of_ours = |plan: &Plan| {
            ["repositories", " turns"]
                .iter()
                .any(|name| plan.statement.contains(name))
        };
        Ok(plans.filter(of_ours).collect())
    }
}

impl Plan {
    fn read(whole: Value) -> Self {
        let root = &whole["Plan"];
        let number = |name: &str| root[name].as_u64().unwrap_or(0);
        let mut plan = Self {
            statement: whole["Query Text"].as_str().unwrap_or_default().to_owned(),
            nodes: BTreeSet::new(),
            blocks: (number("Shared Hit Blocks"), number("Shared Read Blocks")),
            read: 0.0,
            returned: root["Actual Rows"].as_f64().unwrap_or(0.0),
            whole: Value::Null,
        };
        plan.visit(root);
        plan.whole = whole;
        plan
    }

    fn visit(&mut self, node: &Value) {
        let word = |name: &str| node[name].as_str().unwrap_or_default();
        let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
        let scanned = match (word("Index Name"), word("Relation Name")) {
            ("", "") => String::new(),
            ("", table) => format!(" {table}"),
            (index, _) => format!(" {index}"),
        };
        self.nodes.insert(format!("{}{scanned}", word("Node Type")));
        let dropped = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        // Of a bitmap the heap scan counts, not the index beside it.
        if !word("Relation Name").is_empty() && word("Node Type") != "ModifyTable" {
            self.read += (number("Actual Rows") + dropped) * number("Actual Loops");
        }
        for below in node["Plans"].as_array().into_iter().flatten() {
            self.visit(below);
        }
    }
}

/// The superuser of the benchmark's own server, who is let in by a line that no other server has: it is
/// thrown away with its data.
async fn administrator(rig: &Rig) -> Result<PgConnection, Failure> {
    let root = &rig.config.data_dir.path;
    let hba = root.join("postgres.hba");
    let lines = std::fs::read_to_string(&hba)?;
    std::fs::write(&hba, format!("local all {SUPERUSER} trust\n{lines}"))?;
    let server = std::fs::read_to_string(root.join("postgres").join("postmaster.pid"))?;
    let id = server.lines().next().and_then(|id| id.trim().parse().ok());
    if let Some(id) = id.and_then(Pid::from_raw) {
        kill_process(id, Signal::HUP).map_err(std::io::Error::from)?;
    }
    let options = rig.database.connect_options().username(SUPERUSER);
    let until = Instant::now() + HEARS_WITHIN;
    loop {
        match PgConnection::connect_with(&options).await {
            Ok(admin) => return Ok(admin),
            // It has not heard of the line yet.
            Err(_) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => return Err(error.into()),
        }
    }
}
