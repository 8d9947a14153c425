//! What the log tells of a request. A program of its own: what a log line holds depends on which
//! subscriber is there when the line is first reached, and tests of one program share that.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use shared::outbound::{Limits, Outbound};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a subscriber writes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_holds_no_header_and_no_query_at_any_level() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let host = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        assert!(String::from_utf8_lossy(&request[..read]).contains("s3cret"));
        let answer = b"HTTP/1.1 200 OK\r\nx-a: s3cret\r\ncontent-length: 6\r\n\r\ns3cret";
        stream.write_all(answer).await.expect("a listener");
    };
    let client =
        Outbound::new("127.0.0.1".parse().expect("a list"), Limits::API).expect("a client");
    let request = Request::get(format!("http://127.0.0.1:{port}/p?q=s3cret"))
        .header("authorization", "Bearer s3cret")
        .body(Bytes::new())
        .expect("a request");
    let (answer, ()) = tokio::join!(client.send(request), host);
    answer.expect("it");
    let text = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
    let told = [
        "method=GET",
        "host=\"127.0.0.1\"",
        "path=\"/p\"",
        "status=200",
        "milliseconds=",
    ];
    for part in told {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
}
