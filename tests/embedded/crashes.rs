//! What happens when something is killed.

use std::process::Command;

use mooring::embedded::Embedded;
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};

use crate::program::Program;
use crate::workplace::{Workplace, eventually, is_alive, kill};

#[tokio::test]
async fn a_killed_program_leaves_no_server_and_loses_nothing() {
    let place = Workplace::on_disk();
    let options = place.options("data");
    let mut program = Program::start(&options.data_dir);
    assert_eq!(program.word, "ready", "{}", program.text);
    let server = program.number;
    let mut connection = PgConnection::connect(&program.text).await.expect("logs in");
    sqlx::query("CREATE TABLE kept (value text)")
        .execute(&mut connection)
        .await
        .expect("creates");
    sqlx::query("INSERT INTO kept VALUES ('still here')")
        .execute(&mut connection)
        .await
        .expect("inserts");

    program.kill();
    let taken = eventually("the server ends", || !is_alive(server));
    println!("the server was gone {taken:?} after kill -9");

    let embedded = Embedded::start(&options).await.expect("starts again");
    let mut connection = PgConnection::connect_with(&embedded.connect_options())
        .await
        .expect("logs in");
    let value: String = sqlx::query_scalar("SELECT value FROM kept")
        .fetch_one(&mut connection)
        .await
        .expect("reads");
    assert_eq!(value, "still here");
    embedded.stop().await.expect("stops");
}

#[tokio::test]
async fn a_start_right_after_a_kill_waits_for_the_old_server() {
    let place = Workplace::new();
    let options = place.options("data");
    for _ in 0..3 {
        let mut program = Program::start(&options.data_dir);
        assert_eq!(program.word, "ready", "{}", program.text);
        program.kill();
    }
    let embedded = Embedded::start(&options).await.expect("starts again");
    embedded.stop().await.expect("stops");
}

#[tokio::test]
async fn a_second_program_is_told_who_holds_the_directory() {
    let place = Workplace::new();
    let options = place.options("data");
    let program = Program::start(&options.data_dir);
    assert_eq!(program.word, "ready", "{}", program.text);
    let error = Embedded::start(&options)
        .await
        .expect_err("the directory is taken");
    assert_eq!((error.code(), error.exit_code()), ("data_dir_in_use", 1));
    let text = error.to_string();
    assert!(
        text.contains(&program.pid().to_string()) && text.contains("MOORING_DATA_DIR"),
        "{text}"
    );
    assert!(
        text.contains(&options.data_dir.display().to_string()),
        "{text}"
    );
    program.end();
    Embedded::start(&options)
        .await
        .expect("free again")
        .stop()
        .await
        .expect("stops");
}

#[tokio::test]
async fn the_program_hears_when_its_server_dies() {
    let place = Workplace::new();
    let options = place.options("data");
    let embedded = Embedded::start(&options).await.expect("starts");
    kill(embedded.server_pid(), Signal::KILL);
    let said = embedded.died().await;
    assert!(said.contains("signal: 9"), "{said}");
    drop(embedded);
    Embedded::start(&options)
        .await
        .expect("recovers")
        .stop()
        .await
        .expect("stops");
}

#[tokio::test]
async fn a_first_start_killed_half_way_is_begun_again() {
    let place = Workplace::new();
    let options = place.options("data");
    let mut program = Program::spawn(
        Command::new(std::env::current_exe().expect("this binary")),
        &options.data_dir,
    );
    let drafts = || {
        let entries = std::fs::read_dir(&options.data_dir)
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.map(|entry| entry.path());
        names
            .filter(|path| path.to_string_lossy().contains("postgres.new-"))
            .collect::<Vec<_>>()
    };
    eventually("initdb has begun", || {
        drafts().iter().any(|draft| draft.join("base").exists())
    });
    program.kill().expect("it is ours");
    program.wait().expect("it is ours");
    assert_eq!(drafts().len(), 1, "it was killed too late for this test");
    assert!(!options.data_dir.join("postgres").exists());

    let embedded = Embedded::start(&options).await.expect("begins again");
    embedded.stop().await.expect("stops");
    Embedded::start(&options)
        .await
        .expect("starts")
        .stop()
        .await
        .expect("stops");
    assert!(drafts().is_empty());
}

#[tokio::test]
async fn the_terminals_signals_do_not_reach_the_server() {
    let place = Workplace::new();
    let embedded = Embedded::start(&place.options("data"))
        .await
        .expect("starts");
    let server =
        rustix::process::Pid::from_raw(i32::try_from(embedded.server_pid()).expect("a process id"))
            .expect("not zero");
    let group = rustix::process::getpgid(Some(server)).expect("it runs");
    assert_eq!(group, server, "it leads its own group");
    embedded.stop().await.expect("stops");
}
