//! Bodies that come slowly: what they hold has a bound, and one address leaves room for the others.

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

/// The status of what is answered, if anything is within a moment.
async fn answered(stream: &mut TcpStream) -> Option<String> {
    let mut buffer = vec![0_u8; 4096];
    let wait = std::time::Duration::from_millis(300);
    let read = tokio::time::timeout(wait, stream.read(&mut buffer)).await;
    let read = read.ok()?.ok()?;
    Some(String::from_utf8_lossy(&buffer[..read]).into_owned())
}

#[test]
fn slow_bodies_hold_so_much_and_no_more() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.max_delivery = 4 * PIECE;
            settings.delivery_room = 16 * PIECE;
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
