//! The embedded Postgres, with real processes: started, killed, started again.

mod accounts;
mod crashes;
mod directories;
mod program;
mod programs;
mod throwaway;
mod workplace;

use mooring::embedded::{Embedded, EmbeddedError, attach};
use sqlx::{Connection, PgConnection};
use workplace::Workplace;

#[tokio::test]
async fn the_owner_is_no_superuser_and_owns_the_database() {
    let place = Workplace::new();
    let embedded = Embedded::start(&place.options("data"))
        .await
        .expect("starts");
    let url = shared::domain::secret::ExposeSecret::expose_secret(&embedded.url()).to_owned();
    let mut connection = PgConnection::connect(&url)
        .await
        .expect("the URL is one that sqlx reads");
    let (role, superuser, may_create_roles, owner): (String, bool, bool, String) = sqlx::query_as(
        "SELECT rolname::text, rolsuper, rolcreaterole, (SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()) \
         FROM pg_roles WHERE rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await
    .expect("answers");
    assert_eq!(
        (role.as_str(), superuser, may_create_roles, owner.as_str()),
        ("mooring", false, true, "mooring")
    );

    let (fsync, tcp, encoding, upper, sorted): (String, String, String, String, bool) = sqlx::query_as(
        "SELECT current_setting('fsync'), current_setting('listen_addresses'), current_setting('server_encoding'), upper('ü'), 'Z' < 'a'",
    )
    .fetch_one(&mut connection)
    .await
    .expect("answers");
    assert_eq!(
        (
            fsync.as_str(),
            tcp.as_str(),
            encoding.as_str(),
            upper.as_str(),
            sorted
        ),
        ("on", "", "UTF8", "Ü", true)
    );

    let stranger = embedded.connect_options().username("postgres");
    assert!(
        PgConnection::connect_with(&stranger).await.is_err(),
        "the superuser cannot log in"
    );
    let guess = embedded.connect_options().password("guess");
    assert!(
        PgConnection::connect_with(&guess).await.is_err(),
        "the password counts"
    );
    connection.close().await.expect("closes");
    embedded.stop().await.expect("stops");
}

#[tokio::test]
async fn later_starts_take_less_than_a_second() {
    let place = Workplace::on_disk();
    let mut taken = Vec::new();
    for _ in 0..4 {
        let begun = std::time::Instant::now();
        let embedded = Embedded::start(&place.options("data"))
            .await
            .expect("starts");
        taken.push(begun.elapsed());
        embedded.stop().await.expect("stops");
    }
    println!("first start {:?}, then {:?}", taken[0], &taken[1..]);
    let best = taken[1..].iter().min().expect("there were three");
    assert!(best.as_millis() < 1000, "{taken:?}");
}

#[tokio::test]
async fn one_attaches_while_another_runs() {
    let place = Workplace::new();
    let options = place.options("data");
    let missing = attach(&options.data_dir)
        .await
        .expect_err("nothing is there");
    assert_eq!(
        (missing.code(), missing.exit_code()),
        ("embedded_not_running", 2)
    );
    assert!(
        missing.to_string().contains("mooring up") && missing.to_string().contains("DATABASE_URL"),
        "{missing}"
    );

    let embedded = Embedded::start(&options).await.expect("starts");
    let door = attach(&options.data_dir).await.expect("attaches");
    let mut connection = PgConnection::connect_with(&door.connect_options())
        .await
        .expect("logs in");
    connection.ping().await.expect("answers");
    embedded
        .stop()
        .await
        .expect("stops although somebody is connected");

    let gone = attach(&options.data_dir).await.expect_err("it is gone");
    assert!(matches!(gone, EmbeddedError::NotRunning { .. }), "{gone}");
}
