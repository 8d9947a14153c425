//! The clusters that tests use.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use mooring::embedded::{Surroundings, ThrowawayCluster};
use sqlx::{Connection, PgConnection};

use crate::program::Program;
use crate::workplace::{Workplace, eventually};

fn folder_of(cluster: &ThrowawayCluster) -> PathBuf {
    let socket = cluster
        .admin_options()
        .get_socket()
        .expect("a socket")
        .clone();
    socket.parent().expect("inside the folder").to_owned()
}

async fn migrate(url: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::raw_sql("CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things SELECT generate_series(1, 100)").execute(&mut connection).await?;
    Ok(())
}

async fn count(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("logs in");
    let count = sqlx::query_scalar("SELECT count(*) FROM things")
        .fetch_one(&mut connection)
        .await
        .expect("counts");
    connection.close().await.expect("closes");
    count
}

#[tokio::test]
async fn every_test_has_its_own_copy_of_one_template() {
    let begun = Instant::now();
    let cluster = ThrowawayCluster::start(&Surroundings::current())
        .await
        .expect("starts");
    println!("cluster in {:?}", begun.elapsed());
    let folder = folder_of(&cluster);
    let made = AtomicU32::new(0);
    let make = |url| {
        made.fetch_add(1, Ordering::Relaxed);
        migrate(url)
    };
    let (one, two) = tokio::join!(cluster.database("key", make), cluster.database("key", make));
    let (one, two) = (one.expect("copies"), two.expect("copies"));
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let mut connection = PgConnection::connect(&one.url).await.expect("logs in");
    sqlx::query("DELETE FROM things")
        .execute(&mut connection)
        .await
        .expect("deletes");
    assert_eq!((count(&one.url).await, count(&two.url).await), (0, 100));

    let mut taken = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        drop(cluster.database("key", make).await.expect("copies"));
        taken.push(begun.elapsed());
    }
    println!("a database in {taken:?}");

    // A connection is still open.
    let url = one.url.clone();
    drop(one);
    while PgConnection::connect(&url).await.is_ok() {
        tokio::task::yield_now().await;
    }
    drop((two, cluster));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_failed_migration_is_told_and_can_be_repeated() {
    let cluster = ThrowawayCluster::start(&Surroundings::current())
        .await
        .expect("starts");
    let error = cluster
        .database("key", |_| async { Err("no such table") })
        .await
        .expect_err("fails");
    assert!(error.to_string().contains("no such table"), "{error}");
    let database = cluster.database("key", migrate).await.expect("copies");
    assert_eq!(count(&database.url).await, 100);
}

#[tokio::test]
async fn a_shared_server_serves_several_runs() {
    let server = ThrowawayCluster::start(&Surroundings::current())
        .await
        .expect("starts");
    let socket = server
        .admin_options()
        .get_socket()
        .expect("a socket")
        .clone();
    let mut admin = PgConnection::connect_with(&server.admin_options())
        .await
        .expect("logs in");
    sqlx::raw_sql("CREATE ROLE tester LOGIN CREATEDB CREATEROLE")
        .execute(&mut admin)
        .await
        .expect("creates");
    let url = format!(
        "postgres://tester@localhost/postgres?host={}",
        socket.display()
    );
    let made = AtomicU32::new(0);
    let run = async || {
        let cluster = ThrowawayCluster::shared(&url).await.expect("connects");
        let make = |url| {
            made.fetch_add(1, Ordering::Relaxed);
            migrate(url)
        };
        let database = cluster.database("key", make).await.expect("copies");
        assert_eq!(count(&database.url).await, 100);
    };
    tokio::join!(run(), run(), run());
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname LIKE 'mooring_test%'")
            .fetch_one(&mut admin)
            .await
            .expect("counts");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_run_leaves_no_folder_however_it_ends() {
    for kill in [true, false] {
        let mut program = Program::start(Path::new("throwaway"));
        assert_eq!(program.word, "ready", "{}", program.text);
        let folder = Path::new(&program.text)
            .parent()
            .expect("inside the folder")
            .to_owned();
        assert!(folder.exists());
        // The copy ends without dropping its cluster, as one with a `static` cluster does.
        if kill {
            program.kill()
        } else {
            program.end()
        }
        eventually("the folder is removed", || !folder.exists());
    }
}

#[tokio::test]
async fn a_folder_that_nobody_holds_is_removed_by_the_next_run() {
    let place = Workplace::new();
    let mut surroundings = Surroundings::current();
    surroundings.memory = place.root.clone();
    let stale = place.root.join("mooring-throwaway-stale");
    std::fs::create_dir_all(stale.join("postgres")).expect("makes");
    std::fs::write(stale.join("mooring.lock"), "1\n").expect("writes");
    let first = ThrowawayCluster::start(&surroundings)
        .await
        .expect("starts");
    let second = ThrowawayCluster::start(&surroundings)
        .await
        .expect("starts beside it");
    assert!(!stale.exists());
    assert!(folder_of(&first).starts_with(&place.root) && folder_of(&first).exists());
    first.empty_database().await.expect("it was left alone");
    drop((first, second));
}

#[tokio::test]
async fn one_that_is_down_is_not_taken_for_one_that_was_left_over() {
    let place = Workplace::new();
    let mut surroundings = Surroundings::current();
    surroundings.memory = place.root.clone();
    let down = ThrowawayCluster::durable(&surroundings)
        .await
        .expect("starts");
    let database = down.database("key", migrate).await.expect("copies");
    down.crash().await.expect("crashes");
    let next = ThrowawayCluster::start(&surroundings)
        .await
        .expect("starts beside it");
    down.restart().await.expect("recovers");
    assert_eq!(count(&database.url).await, 100);
    drop((database, down, next));
}

#[tokio::test]
async fn a_durable_one_survives_its_crashes() {
    let cluster = ThrowawayCluster::durable(&Surroundings::current())
        .await
        .expect("starts");
    let database = cluster.database("key", migrate).await.expect("copies");
    for round in 0..3 {
        let mut connection = PgConnection::connect(&database.url).await.expect("logs in");
        sqlx::query("INSERT INTO things VALUES ($1)")
            .bind(1000 + round)
            .execute(&mut connection)
            .await
            .expect("inserts");
        cluster.crash().await.expect("crashes");
        assert!(PgConnection::connect(&database.url).await.is_err());
        cluster.restart().await.expect("recovers");
        assert_eq!(count(&database.url).await, 101 + i64::from(round));
    }
    let again = cluster
        .database("key", migrate)
        .await
        .expect("the administrator's connections recover too");
    assert_eq!(count(&again.url).await, 100);
}
