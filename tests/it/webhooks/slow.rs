//! Bodies that come slowly: what they hold has a bound, and one address leaves room for the others.

use std::time::Duration;

use mooring_forge::Scheme;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Hook, Letters};
use crate::world::{Api, run_without_worker, until, verifier};

const PIECE: usize = 64 * 1024;

/// A delivery whose body stops after a piece.
async fn begin(hook: &Hook) -> TcpStream {
    let address = hook.api.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nx-github-event: push\r\ncontent-length: {}\r\n\r\n",
        hook.path,
        2 * PIECE
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Refused in the middle, the rest may not be taken.
    let _ = stream.write_all(&vec![b' '; PIECE]).await;
    stream
}

/// The head of a delivery, and nothing of its body.
async fn head(hook: &Hook, length: usize) -> TcpStream {
    let address = hook.api.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let path = &hook.path;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-github-event: push\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Everything that is answered until the server closes.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut told));
    // A line that is cut after the answer has told it all the same.
    let _ = read.await.expect("the server closes");
    String::from_utf8_lossy(&told).into_owned()
}

/// The status of what is answered, if anything is within a moment.
async fn answered(stream: &mut TcpStream) -> Option<String> {
    let mut buffer = vec![0_u8; 4096];
    let wait = Duration::from_millis(300);
    let read = tokio::time::timeout(wait, stream.read(&mut buffer)).await;
    let read = read.ok()?.ok()?;
    Some(String::from_utf8_lossy(&buffer[..read]).into_owned())
}

#[test]
fn slow_bodies_hold_so_much_and_no_more() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.max_delivery = 4 * PIECE;
            // A quarter of it is for one address: four bodies of a piece, with what a body costs.
            settings.delivery_room = 20 * PIECE;
        })
        .await;
        let owner = w.owner().at(&api);
        let slow = owner.any_connection(&w, "github").await;
        let slow = owner.hook(&slow, Scheme::GitHub).await;
        let other = owner.any_connection(&w, "gitlab").await;
        let other = owner.hook(&other, Scheme::GitLabToken).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            let mut stream = begin(&slow).await;
            assert_eq!(answered(&mut stream).await, None, "it waits for the rest");
            held.push(stream);
        }
        let mut fifth = begin(&slow).await;
        let mut told = String::new();
        while !told.contains("too_busy") {
            let more = answered(&mut fifth).await;
            told.push_str(&more.unwrap_or_default());
            assert!(
                told.is_empty() || told.starts_with("HTTP/1.1 503"),
                "{told}"
            );
        }
        assert!(told.starts_with("HTTP/1.1 503"), "{told}");
        assert!(
            told.contains("too_busy") && told.to_lowercase().contains("retry-after"),
            "{told}"
        );
        // The other address has its own share.
        other
            .accepted(&Letters(&w).letter("1", "Note Hook", &json!({})))
            .await;
        drop(held);
        let letter = Letters(&w).letter("2", "star", &json!({ "x": "y".repeat(PIECE) }));
        until("room", || async {
            (slow.send(&letter).await.status == 202).then_some(())
        })
        .await;
    });
}

#[test]
fn bodies_that_bring_nothing_have_no_more_room_than_others() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.max_delivery = PIECE;
            // A quarter of it, for one address, is what five bodies cost without a byte of theirs.
            settings.delivery_room = 20 * 16 * 1024 + 20;
            settings.delivery_within = Duration::from_millis(1500);
        })
        .await;
        let owner = w.owner().at(&api);
        let slow = owner.any_connection(&w, "github").await;
        let slow = owner.hook(&slow, Scheme::GitHub).await;
        let mut streams = Vec::new();
        for _ in 0..12 {
            streams.push(head(&slow, PIECE).await);
        }
        let mut told = Vec::new();
        for stream in &mut streams {
            told.push(to_the_end(stream).await);
        }
        let with = |status: &str| told.iter().filter(|told| told.contains(status)).count();
        // Those that were held got their time, and no more.
        assert_eq!(
            (with("HTTP/1.1 503"), with("HTTP/1.1 408")),
            (7, 5),
            "{told:?}"
        );
        assert_eq!(with("too_busy"), 7, "{told:?}");
    });
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.head_within = Duration::from_millis(400);
        })
        .await;
        let address = api.base.trim_start_matches("http://");
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ")
            .await
            .unwrap();
        let (mut from, mut to) = slow.split();
        let mut told = Vec::new();
        tokio::select! {
            _ = from.read_to_end(&mut told) => {}
            () = async {
                while to.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            } => {}
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("it may go on for ever"),
        }
        // One that is too long is refused before it is kept.
        let mut long = TcpStream::connect(address).await.unwrap();
        let _ = long.write_all(b"GET /healthz HTTP/1.1\r\nx-long: ").await;
        let _ = long.write_all(&vec![b'x'; 60 * 1024]).await;
        let told = to_the_end(&mut long).await;
        assert!(told.starts_with("HTTP/1.1 431"), "{told}");
    });
}

#[test]
fn whoever_finds_no_place_is_told_so() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.connections = 3;
        })
        .await;
        let address = api.base.trim_start_matches("http://").to_owned();
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(TcpStream::connect(&address).await.unwrap());
        }
        let mut fourth = TcpStream::connect(&address).await.unwrap();
        let told = to_the_end(&mut fourth).await;
        assert!(
            told.starts_with("HTTP/1.1 503") && told.contains("retry-after"),
            "{told}"
        );
        drop(held);
        until("a place", || async {
            let mut stream = TcpStream::connect(&address).await.ok()?;
            let asked = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            stream.write_all(asked).await.ok()?;
            to_the_end(&mut stream)
                .await
                .starts_with("HTTP/1.1 200")
                .then_some(())
        })
        .await;
    });
}
