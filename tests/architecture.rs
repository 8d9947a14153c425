//! The shape of the house, read from the source: which module may know which, where the door across
//! tenants may be used, how long a file may be. `docs/ARCHITECTURE.md` says why.
//!
//! The rules are the tables below. A message says what to do; changing a table is changing the
//! architecture, and belongs into the document too.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of `shared` a module may name, besides itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &[]),
    ("telemetry", &["config"]),
    // Settings are read into the types of those who use them.
    ("config", &["domain", "telemetry", "vault"]),
    ("outbound", &["domain"]),
    ("vault", &["domain"]),
    ("store", &["domain"]),
    ("authz", &["clock", "domain", "outbound"]),
    ("queue", &["domain", "store"]),
    ("limits", &["clock", "domain", "store"]),
    ("providers", &["clock", "domain", "outbound"]),
    (
        "session",
        &[
            "authz",
            "clock",
            "domain",
            "flows",
            "providers",
            "queue",
            "store",
            "vault",
            "limits",
        ],
    ),
    (
        "flows",
        &[
            "authz",
            "clock",
            "domain",
            "limits",
            "providers",
            "queue",
            "session",
            "store",
            "vault",
        ],
    ),
];

/// Which of our crates a crate may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("tests/forge", &[]),
    ("api", &["shared"]),
    ("worker", &["shared"]),
];
const OURS: &[&str] = &["api", "worker", "shared", "mooring", "mooring-forge"];

/// Words that only these files may use in code: each path is a file or the beginning of one.
const HOMES: &[Home] = &[
    Home {
        words: &["SystemExecutor"],
        files: &[
            "shared/src/store/connect.rs",
            "shared/src/store/mod.rs",
            "shared/src/store/sweeps/",
            "shared/src/store/inbox.rs",
            "shared/src/store/lookups.rs",
            "worker/src/backend/",
        ],
        advice: "a query across tenants is a function of shared/src/store/{sweeps,inbox,lookups}.rs, with a LIMIT",
    },
    Home {
        words: &["mooring_system"],
        files: &[
            "shared/src/store/connect.rs",
            "shared/src/store/migrate.rs",
            "worker/src/backend/",
            "worker/src/engine.rs",
        ],
        advice: "only the job engine and shared/src/store/connect.rs become mooring_system; go through Db::tenant",
    },
    Home {
        words: &[
            "ProviderKind::Github =>",
            "ProviderKind::Gitlab =>",
            "ProviderKind::Bitbucket =>",
            "ProviderKind::AzureDevops =>",
        ],
        files: &["shared/src/domain/", "shared/src/providers/registry.rs"],
        advice: "what differs between providers is a method of the trait in shared/src/providers/mod.rs",
    },
    Home {
        words: &["sqlx::query", "sqlx::raw_sql"],
        files: &[
            "shared/src/store/",
            "worker/src/backend/",
            "worker/src/bench/",
            "worker/src/engine.rs",
            "worker/src/runtime/schedule.rs",
            // NOTIFY, on a connection of its own.
            "shared/src/queue/notify.rs",
            "src/embedded/",
            // Fills a throw-away database and counts in it.
            "src/commands/bench/refresh/",
            "src/commands/bench/repositories/",
            "src/commands/bench/webhooks/",
        ],
        advice: "SQL is a function in a file of shared/src/store",
    },
    Home {
        words: &["expose_secret()"],
        files: &[
            "shared/src/domain/secret.rs",
            "shared/src/vault/",
            "shared/src/providers/",
            "shared/src/authz/",
            "shared/src/flows/",
            "shared/src/session/",
            "shared/src/config/tests.rs",
            "api/src/",
            "src/",
        ],
        advice: "a secret is opened where it is used, and nowhere on the way",
    },
];

struct Home {
    words: &'static [&'static str],
    files: &'static [&'static str],
    advice: &'static str,
}

/// Names that say nothing of the field.
const EMPTY_NAMES: &[&str] = &[
    "utils", "util", "common", "helpers", "helper", "manager", "service", "misc",
];
/// Where "service" is the field's own word: what a process runs.
const NAMED_ON_PURPOSE: &[&str] = &["src/service"];

const LONGEST_FILE: usize = 400;

#[test]
fn arrows_between_the_modules_of_shared_point_down() {
    let mut faults = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.path.starts_with("shared/src/"))
    {
        let Some(module) = module_of(&source.path) else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            faults.push(format!("shared has a new module {module}: add it to ARROWS in tests/architecture.rs and to docs/ARCHITECTURE.md"));
            continue;
        };
        for named in named_modules(&source.code()) {
            let known = ARROWS.iter().any(|(name, _)| *name == named);
            if known && named != module && !allowed.contains(&named.as_str()) {
                faults.push(format!("{}: {module} may not know {named}; move what both need below them, or pass it as a parameter", source.path));
            }
        }
    }
    report(faults);
}

#[test]
fn crates_depend_in_one_direction() {
    let mut faults = Vec::new();
    for (folder, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if OURS.contains(&name) && !allowed.contains(&name) {
                faults.push(format!(
                    "{folder}/Cargo.toml: {folder} may not depend on {name}"
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn some_words_have_a_home() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let code = source.code();
        for home in HOMES
            .iter()
            .filter(|home| !home.files.iter().any(|file| source.path.starts_with(file)))
        {
            for word in home.words.iter().filter(|word| code.contains(**word)) {
                faults.push(format!(
                    "{}: {word} does not belong here; {}",
                    source.path, home.advice
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn no_file_is_too_long() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST_FILE).then(|| {
            format!(
                "{}: {lines} lines; split it by what it does, {LONGEST_FILE} is the limit",
                source.path
            )
        })
    });
    report(long.collect());
}

#[test]
fn names_say_something() {
    let mut faults = Vec::new();
    for source in sources() {
        let path = Path::new(&source.path);
        for part in path
            .with_extension("")
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
        {
            let on_purpose = NAMED_ON_PURPOSE
                .iter()
                .any(|folder| source.path.starts_with(folder));
            if EMPTY_NAMES.contains(&part.as_str()) && !on_purpose {
                faults.push(format!("{}: call {part} by what is in it", source.path));
            }
        }
    }
    report(faults);
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = sources()
        .into_iter()
        .filter(|source| !source.is_test() && !source.text.starts_with("//!"));
    report(
        silent
            .map(|source| {
                format!(
                    "{}: begin with //! and say what the file is for",
                    source.path
                )
            })
            .collect(),
    );
}

#[test]
fn the_scanner_sees_imports_in_every_form() {
    let code = "use crate::store::Db;\nuse crate::{authz::Permit, domain::{ids, page}, clock};\nlet x = crate::vault::open();\n";
    let named: Vec<_> = named_modules(code).into_iter().collect();
    assert_eq!(named, ["authz", "clock", "domain", "store", "vault"]);
    let source = Source {
        path: String::new(),
        text: "//! crate::store\n/// [`crate::vault`]\nlet a = 1; // crate::flows\n".to_owned(),
    };
    assert!(named_modules(&source.code()).is_empty());
}

struct Source {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// Without comments.
    fn code(&self) -> String {
        let without = self.text.lines().map(|line| match line.find("//") {
            // Not the slashes of a URL in a literal.
            Some(at) if !line[..at].ends_with(':') => &line[..at],
            _ => line,
        });
        without.collect::<Vec<_>>().join("\n")
    }

    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || name.ends_with("tests.rs")
    }
}

/// Every Rust file of the workspace.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "api", "worker", "shared", "tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the source was not found");
    found
}

fn walk(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let shown = path
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            found.push(Source {
                path: shown,
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `shared/src/store/members.rs` → `store`; `None` for the root of the crate.
fn module_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix("shared/src/")?;
    let name = rest.split('/').next()?.trim_end_matches(".rs");
    (name != "lib").then(|| name.to_owned())
}

/// The top-level modules that code names after `crate::`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, marker) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(group) => named.extend(group_heads(group)),
            None => named.extend(identifier(rest)),
        }
    }
    named
}

/// The first names of `a::b, c::{d, e}, f}`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut start) = (0, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            _ if start && !character.is_whitespace() => {
                heads.extend(identifier(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let name = &text[..end];
    name.starts_with(|c: char| c.is_ascii_lowercase())
        .then(|| name.to_owned())
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
