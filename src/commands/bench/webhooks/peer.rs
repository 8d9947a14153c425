//! One row per commit, as a program without an inbox does it: by `pgbench` where that is installed,
//! else by as many connections of our own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::super::rig::Rig;
use crate::exit::Failure;
use crate::scratch::Scratch;

/// What it made.
pub struct Peer {
    /// Rows, and commits, per second.
    pub rate: f64,
    /// By what.
    pub by: &'static str,
    /// Whether bodies are compressed by lz4, as the inbox's are.
    pub lz4: bool,
    /// How soon a commit was answered at steady rates; nothing without `pgbench`.
    pub steady: Vec<Steady>,
}

/// Commits at a steady rate.
pub struct Steady {
    /// So many a second.
    pub rate: u32,
    /// The median time to the answer.
    pub p50: Duration,
    /// The time that one in a hundred exceeds.
    pub p99: Duration,
}

const INSERT: &str = "INSERT INTO peer_rows (delivery_id, body) VALUES (gen_random_uuid(), ";

/// Inserts rows with this body over so many connections for so long, as fast as can be and at rates.
pub async fn run(
    rig: &Rig,
    body: &[u8],
    connections: usize,
    time: Duration,
    rates: &[u32],
) -> Result<Peer, Failure> {
    let options = rig.database.connect_options();
    let mut db = PgConnection::connect_with(&options).await?;
    db.execute("CREATE TABLE peer_rows (delivery_id uuid PRIMARY KEY, body bytea NOT NULL)")
        .await?;
    let lz4 = db
        .execute("ALTER TABLE peer_rows ALTER COLUMN body SET COMPRESSION lz4")
        .await
        .is_ok();
    let run = async |rate| pgbench(&options, body, connections, time, rate).await;
    let Some((rate, _)) = run(None).await else {
        return Ok(Peer {
            rate: own(&options, body, connections, time).await?,
            by: "connections of our own (no pgbench here)",
            lz4,
            steady: Vec::new(),
        });
    };
    let mut steady = Vec::new();
    for rate in rates {
        let Some((_, mut took)) = run(Some(*rate)).await else {
            continue;
        };
        took.sort_unstable();
        let at = |part: f64| {
            let place = (took.len().saturating_sub(1) as f64 * part) as usize;
            took.get(place).copied().unwrap_or_default()
        };
        steady.push(Steady {
            rate: *rate,
            p50: at(0.50),
            p99: at(0.99),
        });
    }
    Ok(Peer {
        rate,
        by: "pgbench -M prepared",
        lz4,
        steady,
    })
}

/// Commits per second, and, where a rate was given, how long each took.
async fn pgbench(
    options: &PgConnectOptions,
    body: &[u8],
    connections: usize,
    time: Duration,
    rate: Option<u32>,
) -> Option<(f64, Vec<Duration>)> {
    let program = program().await?;
    let scratch = Scratch::new("pgbench").ok()?;
    std::fs::create_dir_all(scratch.path()).ok()?;
    let script = scratch.path().join("insert.sql");
    let literal = format!("{INSERT}'\\x{}'::bytea);\n", hex::encode(body));
    std::fs::write(&script, literal).ok()?;
    let mut command = Command::new(program);
    if let Some(rate) = rate {
        let log = scratch.path().join("log");
        command.args(["-R", &rate.to_string(), "-l", "--log-prefix"]);
        command.arg(log);
    }
    if let Some(socket) = options.get_socket() {
        command.arg("-h").arg(socket);
    } else {
        command.arg("-h").arg(options.get_host());
    }
    // The driver gives a password back as a part of an address alone.
    let address = options.to_url_lossy();
    let password = address.password().unwrap_or_default();
    let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
    command
        .env("PGPASSWORD", password.as_ref())
        .arg("-p")
        .arg(options.get_port().to_string())
        .arg("-U")
        .arg(options.get_username())
        .args(["-n", "-M", "prepared", "-j", "2"])
        .args([
            "-c",
            &connections.to_string(),
            "-T",
            &time.as_secs().max(1).to_string(),
        ])
        .arg("-f")
        .arg(&script)
        .arg(options.get_database().unwrap_or(options.get_username()))
        .stdin(Stdio::null());
    let output = command.output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        tracing::warn!(%why, "pgbench did not run");
    }
    let line = text.lines().find(|line| line.starts_with("tps = "))?;
    let rate = line.split_whitespace().nth(2)?.parse().ok()?;
    Some((rate, logged(scratch.path())))
}

/// The times of transactions in the logs of a folder: the third word of a line, in microseconds.
fn logged(folder: &Path) -> Vec<Duration> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("log."));
    let texts = logs.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let mut took = Vec::new();
    for text in texts {
        let times = text.lines().filter_map(|line| {
            let time = line.split_whitespace().nth(2)?;
            time.parse().ok().map(Duration::from_micros)
        });
        took.extend(times);
    }
    took
}

/// Beside the server's other programs, or on the path.
async fn program() -> Option<PathBuf> {
    let asked = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .await
        .ok();
    let named = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let mut places: Vec<PathBuf> = named.into_iter().map(PathBuf::from).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    places.push(PathBuf::from("/usr/bin"));
    places
        .into_iter()
        .map(|place| place.join("pgbench"))
        .find(|path| path.is_file())
}

async fn own(
    options: &PgConnectOptions,
    body: &[u8],
    connections: usize,
    time: Duration,
) -> Result<f64, Failure> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (options, body) = (options.clone(), body.to_vec());
        tasks.spawn(async move {
            let mut db = PgConnection::connect_with(&options).await?;
            let mut rows = 0_u64;
            while began.elapsed() < time {
                sqlx::query(
                    "INSERT INTO peer_rows (delivery_id, body) VALUES (gen_random_uuid(), $1)",
                )
                .bind(&body)
                .execute(&mut db)
                .await?;
                rows += 1;
            }
            Ok::<u64, sqlx::Error>(rows)
        });
    }
    let mut rows = 0;
    while let Some(done) = tasks.join_next().await {
        rows += done.map_err(|error| Failure::failed(error.to_string()))??;
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}
