//! Data directories that are not quite what one would wish.

use mooring::embedded::{Embedded, EmbeddedError};
use sqlx::{Connection, PgConnection};

use crate::workplace::Workplace;

#[tokio::test]
async fn a_deep_directory_has_its_socket_elsewhere() {
    let place = Workplace::new();
    let deep = format!("{}/{}", "a".repeat(60), "b, \"c\" ".repeat(12));
    let options = place.options(&deep);
    let mut last = None;
    for _ in 0..2 {
        let embedded = Embedded::start(&options).await.expect("starts");
        let socket = embedded
            .connect_options()
            .get_socket()
            .expect("a socket")
            .clone();
        assert!(
            !socket.starts_with(&place.root) && socket.as_os_str().len() < 90,
            "{}",
            socket.display()
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &socket.metadata().expect("it is there").permissions(),
        );
        assert_eq!(mode & 0o777, 0o700);
        embedded.stop().await.expect("stops");
        assert!(!socket.exists());
        last = Some(socket);
    }
    assert!(last.is_some());
}

#[tokio::test]
async fn odd_names_are_quoted() {
    let place = Workplace::new();
    let embedded = Embedded::start(&place.options("a, \"b\"  ü"))
        .await
        .expect("starts");
    assert!(
        embedded
            .connect_options()
            .get_socket()
            .expect("a socket")
            .starts_with(&place.root)
    );
    let url = shared::domain::secret::ExposeSecret::expose_secret(&embedded.url()).to_owned();
    PgConnection::connect(&url)
        .await
        .expect("logs in")
        .close()
        .await
        .expect("closes");
    embedded.stop().await.expect("stops");
}

#[tokio::test]
async fn a_stale_pid_file_with_a_strangers_id_is_recognised() {
    let place = Workplace::new();
    let options = place.options("data");
    Embedded::start(&options)
        .await
        .expect("starts")
        .stop()
        .await
        .expect("stops");
    // This very process is alive and no Postgres.
    let pgdata = options.data_dir.join("postgres");
    let text = format!(
        "{}\n{}\n1700000000\n5432\n/nowhere\n\n     1         1\nready   \n",
        std::process::id(),
        pgdata.display()
    );
    std::fs::write(pgdata.join("postmaster.pid"), &text).expect("writes");
    let socket = options.data_dir.join("socket");
    std::fs::write(socket.join(".s.PGSQL.5432.lock"), &text).expect("writes");
    Embedded::start(&options)
        .await
        .expect("starts all the same")
        .stop()
        .await
        .expect("stops");
}

#[tokio::test]
async fn a_lost_password_is_replaced() {
    let place = Workplace::new();
    let options = place.options("data");
    Embedded::start(&options)
        .await
        .expect("starts")
        .stop()
        .await
        .expect("stops");
    std::fs::remove_file(options.data_dir.join("postgres.password")).expect("it was there");
    Embedded::start(&options)
        .await
        .expect("makes a new one")
        .stop()
        .await
        .expect("stops");
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let place = Workplace::new();
    let options = place.options("data");
    std::fs::create_dir_all(options.data_dir.join("postgres")).expect("makes");
    std::fs::write(options.data_dir.join("postgres/thesis.txt"), "precious").expect("writes");
    let error = Embedded::start(&options)
        .await
        .expect_err("that is no database");
    assert!(
        matches!(error, EmbeddedError::NotADatabase { .. }) && error.exit_code() == 2,
        "{error}"
    );
    assert!(options.data_dir.join("postgres/thesis.txt").exists());
}

#[tokio::test]
async fn another_major_version_is_named() {
    let place = Workplace::new();
    let mut options = place.options("data");
    options.surroundings.path = "/usr/bin:/bin:/usr/local/bin".into();
    std::fs::create_dir_all(options.data_dir.join("postgres")).expect("makes");
    std::fs::write(options.data_dir.join("postgres/PG_VERSION"), "12\n").expect("writes");
    let error = Embedded::start(&options).await.expect_err("nobody has 12");
    match error {
        EmbeddedError::WrongVersion { made_by, .. } => assert_eq!(made_by, 12),
        EmbeddedError::NoPrograms { .. } => println!("skipped: no Postgres on this machine"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_file_in_the_way_names_the_setting() {
    let place = Workplace::new();
    std::fs::write(place.root.join("file"), "").expect("writes");
    let error = Embedded::start(&place.options("file/data"))
        .await
        .expect_err("a file is no folder");
    assert!(
        error.to_string().contains("MOORING_DATA_DIR") && error.exit_code() == 2,
        "{error}"
    );
}
