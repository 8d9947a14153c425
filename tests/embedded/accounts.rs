//! As root, and as an ordinary user.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use mooring::embedded::{Embedded, EmbeddedError};
use sqlx::{Connection, PgConnection};

use crate::program::Program;
use crate::workplace::{Workplace, is_root};

#[tokio::test]
async fn an_ordinary_user_runs_it_as_itself() {
    if !is_root() {
        println!("skipped: every other test runs as an ordinary user already");
        return;
    }
    let place = Workplace::new();
    let exe = place.root.join("program");
    std::fs::copy(std::env::current_exe().expect("this binary"), &exe).expect("copies");
    let data_dir = place.root.join("home/data");
    std::fs::create_dir(place.root.join("home")).expect("makes");
    std::os::unix::fs::chown(place.root.join("home"), Some(65534), Some(65534)).expect("as root");
    let Some(program) = Program::start_as("65534", &exe, &data_dir) else {
        println!("skipped: no setpriv on this machine");
        return;
    };
    assert_eq!(program.word, "ready", "{}", program.text);
    let owner = |path: &str| {
        data_dir
            .join(path)
            .metadata()
            .map(|meta| (meta.uid(), meta.mode() & 0o777))
            .expect("it is there")
    };
    assert_eq!(
        (owner(""), owner("postgres"), owner("postgres.password")),
        ((65534, 0o700), (65534, 0o700), (65534, 0o600))
    );
    PgConnection::connect(&program.text)
        .await
        .expect("logs in")
        .close()
        .await
        .expect("closes");
    program.end();
}

#[tokio::test]
async fn as_root_the_server_is_somebody_else_who_cannot_read_our_secrets() {
    if !is_root() {
        println!("skipped: this is not root");
        return;
    }
    let place = Workplace::new();
    let mut options = place.options("data");
    options.surroundings.passwd = place.root.join("passwd");
    let passwd =
        "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
    std::fs::write(&options.surroundings.passwd, passwd).expect("writes");
    let embedded = Embedded::start(&options).await.expect("starts as nobody");
    let owner = |path: &str| {
        options
            .data_dir
            .join(path)
            .metadata()
            .map(|meta| (meta.uid(), meta.mode() & 0o777))
            .expect("it is there")
    };
    assert_eq!(owner(""), (0, 0o711));
    assert_eq!(
        (owner("postgres"), owner("socket")),
        ((65534, 0o700), (65534, 0o700))
    );
    assert_eq!(
        (
            owner("postgres.password"),
            owner("postgres.log"),
            owner("postgres.json")
        ),
        ((0, 0o600), (0, 0o600), (0, 0o600))
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", embedded.server_pid()))
        .expect("it runs");
    assert!(
        status.contains("Uid:\t65534\t65534\t65534\t65534"),
        "{status}"
    );
    assert!(
        status.contains("Groups:\t \n") || status.contains("Groups:\t\n"),
        "no group of root's is left: {status}"
    );
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", embedded.server_pid()))
        .expect("it runs");
    assert!(!environment.contains("CARGO"), "{environment}");
    embedded.stop().await.expect("stops");

    // On a machine where `postgres` has come since, the database still belongs to nobody.
    let again = Embedded::start(&place.options("data"))
        .await
        .expect("starts as its owner");
    again.stop().await.expect("stops");
}

#[tokio::test]
async fn a_directory_the_server_cannot_reach_is_refused_by_name() {
    if !is_root() {
        println!("skipped: this is not root");
        return;
    }
    let place = Workplace::new();
    let closed = place.root.join("closed");
    std::fs::create_dir(&closed).expect("makes");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("its own");
    let error = Embedded::start(&place.options("closed/below/data"))
        .await
        .expect_err("nobody may enter");
    match &error {
        EmbeddedError::Unreachable { folder, .. } => assert_eq!(folder, &closed),
        other => panic!("{other}"),
    }
    assert!(
        error.to_string().starts_with("MOORING_DATA_DIR "),
        "{error}"
    );
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn without_a_user_for_the_server_the_message_says_how_to_get_one() {
    if !is_root() {
        println!("skipped: this is not root");
        return;
    }
    let place = Workplace::new();
    let mut options = place.options("data");
    options.surroundings.passwd = place.root.join("passwd");
    std::fs::write(&options.surroundings.passwd, "root:x:0:0::/root:/bin/sh\n").expect("writes");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime
        .block_on(Embedded::start(&options))
        .expect_err("there is nobody");
    assert!(error.to_string().contains("useradd"), "{error}");
}
