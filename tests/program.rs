//! The program as an operator meets it: exit codes, one line per fault, and the demo from start to
//! end, on a real Postgres that it starts itself.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const USER: &str = "0192f0c1-0000-7000-8000-000000000001";

/// The program with nothing of this test's own environment, and a data directory of its own.
struct Program {
    folder: PathBuf,
}

impl Program {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("mooring-program-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
        let ours = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            name.starts_with("MOORING_") || name == "DATABASE_URL"
        });
        for (name, _) in ours {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .env("MOORING_DATA_DIR", self.folder.join("data"))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        Ended::from(self.command(arguments, environment).output().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn bad_usage_is_exit_code_2() {
    let program = Program::new();
    for line in [
        vec!["sail"],
        vec!["--no-such-flag"],
        vec!["token", "create"],
        vec!["token", "create", "--user", "x"],
        vec!["bench", "none"],
    ] {
        let ended = program.run(&line, &[]);
        assert_eq!(ended.code, Some(2), "{line:?}: {ended:?}");
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{ended:?}");
    }
    assert_eq!(
        program.run(&["--version"], &[]).out,
        format!("mooring {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(program.run(&["--help"], &[]).code, Some(0));
}

#[test]
fn every_fault_of_the_configuration_is_one_line_with_its_setting() {
    let environment = [
        (
            "DATABASE_URL",
            "postgres://mooring:hush-hush@127.0.0.1:1/mooring",
        ),
        ("MOORING_LISTEN", "eighty"),
        ("MOORING_JOB_LEASE", "5"),
        ("MOORING_JWT_SECRET", "hush-hush"),
    ];
    let ended = Program::new().run(&["api"], &environment);
    assert_eq!(ended.code, Some(2));
    let mut lines: Vec<_> = ended
        .err
        .lines()
        .map(|line| line.trim_start_matches("mooring: "))
        .collect();
    lines.sort_unstable();
    let names: Vec<_> = lines
        .iter()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "MOORING_ENCRYPTION_KEYS",
            "MOORING_JOB_LEASE",
            "MOORING_JWT_SECRET",
            "MOORING_LISTEN"
        ],
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("hush-hush"), "{}", ended.err);
}

#[test]
fn a_port_in_use_names_the_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["MOORING_LISTEN", "MOORING_METRICS_LISTEN"] {
        let mut environment = vec![("MOORING_LISTEN", "127.0.0.1:0")];
        environment.push((setting, &address));
        let ended = Program::new().run(&["up"], &environment);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended
                .err
                .contains(&format!("{setting}: {address} is in use")),
            "{}",
            ended.err
        );
    }
}

#[test]
fn without_a_database_the_other_commands_say_where_one_is() {
    let program = Program::new();
    for line in [
        vec!["api", "--listen", "127.0.0.1:0"],
        vec!["worker"],
        vec!["jobs", "list"],
        vec!["token", "create", "--user", USER],
    ] {
        let ended = program.run(&line, &[]);
        assert_eq!(ended.code, Some(2), "{line:?}: {ended:?}");
        assert!(
            ended.err.contains("MOORING_DATA_DIR") && ended.err.lines().count() == 1,
            "{line:?}: {}",
            ended.err
        );
    }
    let away = program.run(
        &["migrate"],
        &[("DATABASE_URL", "postgres://mooring@127.0.0.1:1/mooring")],
    );
    assert_eq!(away.code, Some(1), "{away:?}");
    assert!(away.err.contains("DATABASE_URL"), "{away:?}");
}

#[test]
fn keys_and_tokens_are_printed_alone() {
    let program = Program::new();
    let key = program.run(&["keys", "generate"], &[]).out;
    let (id, encoded) = key.trim_end().split_once(':').unwrap();
    assert!(id.starts_with('k') && encoded.len() == 44, "{key}");
    assert_ne!(key, program.run(&["keys", "generate"], &[]).out);
    assert_eq!(
        program
            .run(&["keys", "generate", "--id", "no spaces"], &[])
            .code,
        Some(2)
    );

    let secret = [("MOORING_JWT_SECRET", "0123456789abcdef0123456789abcdef")];
    let role = format!("{USER}=admin");
    let token = program.run(
        &[
            "token", "create", "--user", USER, "--role", &role, "--ttl", "10m",
        ],
        &secret,
    );
    assert_eq!(
        (token.code, token.out.trim_end().split('.').count()),
        (Some(0), 3),
        "{token:?}"
    );
}

#[test]
fn the_description_names_its_version_of_openapi() {
    let ended = Program::new().run(&["openapi"], &[]);
    assert_eq!(ended.code, Some(0));
    let description: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert!(
        description["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        description["openapi"]
    );
}

#[test]
fn the_demo_connects_and_syncs_and_leaves_nothing() {
    let program = Program::new();
    let scratch = program.folder.join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    // The server's user has to pass through it.
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&scratch, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = [
        ("TMPDIR", scratch.to_str().unwrap()),
        ("MOORING_LISTEN", "127.0.0.1:0"),
    ];
    let ended = program.run(&["demo", "--once"], &environment);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Vec<Vec<_>> = ended
        .out
        .lines()
        .map(|line| line.split_whitespace().skip(2).collect())
        .collect();
    for line in [
        "GitHub pat octocat 250 repositories",
        "GitHub oauth mona 42 repositories",
        "GitHub github_app shipyard 64 repositories",
        "GitLab gitlab_token tanuki 101 repositories",
        "GitLab oauth kitsune 37 repositories",
        "Bitbucket pat paddle 28 repositories",
        "Bitbucket oauth rudder 23 repositories",
        "Azure DevOps pat fabrikam@example.com 31 repositories",
        "Azure DevOps oauth contoso@example.com 19 repositories",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        assert!(told.contains(&words), "{line} is not in {}", ended.out);
    }
    for part in [
        "renewed the GitLab token of kitsune",
        "lent a git credential of kitsune",
        "595 repositories of 9 connections are stored",
    ] {
        assert!(ended.out.contains(part), "{part} is not in {}", ended.out);
    }
    for secret in ["ghp_", "glpat-", "demo-secret-of", "PRIVATE KEY"] {
        assert!(
            !ended.out.contains(secret) && !ended.err.contains(secret),
            "{secret}: {ended:?}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(&scratch)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_signal_ends_it_in_order_and_the_next_start_knows_its_secrets() {
    let program = Program::new();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut child = program
            .command(
                &["up"],
                &[("MOORING_LISTEN", "127.0.0.1:0"), ("MOORING_LOG", "warn")],
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let first = lines.next().unwrap().unwrap();
        assert!(
            first.starts_with("Mooring listens on http://127.0.0.1:"),
            "{first}"
        );
        let token = program.run(&["token", "create", "--user", USER], &[]);
        assert_eq!(token.code, Some(0), "{token:?}");
        tokens.push(std::fs::read(program.folder.join("data/jwt_secret")).unwrap());

        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let asked = Instant::now();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(
            asked.elapsed() < Duration::from_secs(25),
            "{:?}",
            asked.elapsed()
        );
    }
    assert_eq!(tokens[0], tokens[1]);
}
