//! The client on the wire: what leaves, what comes in, what does not.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use shared::outbound::{Limits, Lookup, Outbound, OutboundError, Requests};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers each connection with the next text, and keeps what was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn answering(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                    let mut buffer = [0; 4096];
                    match stream.read(&mut buffer).await {
                        Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
                        _ => break,
                    }
                }
                kept.lock()
                    .expect("no panic")
                    .push(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let mut all = format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    all.extend_from_slice(body);
    all
}

/// Names as the test says; a second look-up of a name may answer otherwise.
#[derive(Default)]
struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Names {
    fn with(self, name: &str, answers: &[&[&str]]) -> Self {
        let mut parsed: Vec<Vec<IpAddr>> = answers
            .iter()
            .map(|one| {
                one.iter()
                    .map(|text| text.parse().expect("an address"))
                    .collect()
            })
            .collect();
        parsed.reverse();
        self.0
            .lock()
            .expect("no panic")
            .insert(name.to_owned(), parsed);
        self
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().expect("no panic");
        let next = names.get_mut(host).and_then(Vec::pop);
        next.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))
    }
}

fn client(allow: &str, names: Names) -> Outbound {
    Outbound::with_lookup(allow.parse().expect("a list"), Limits::API, Arc::new(names))
        .expect("a client")
}

async fn get(client: &Outbound, url: &str) -> Result<Response<Bytes>, OutboundError> {
    let request = Request::get(url).header("authorization", "Bearer s3cret");
    client
        .send(request.body(Bytes::new()).expect("a request"))
        .await
}

#[tokio::test]
async fn what_is_sent_and_what_comes_back() {
    let server = Server::answering(vec![answer("200 OK\r\nx-a: b", b"hello")]).await;
    let client = client("127.0.0.1", Names::default());
    let got = get(&client, &format!("http://127.0.0.1:{}/p?q=1", server.port))
        .await
        .expect("it");
    assert_eq!(
        (got.status().as_u16(), got.body().as_ref()),
        (200, b"hello".as_ref())
    );
    assert_eq!(
        (got.headers()["x-a"].to_str().ok(), Requests::behind(&got)),
        (Some("b"), 1)
    );
    let asked = server.asked()[0].to_lowercase();
    assert!(asked.starts_with("get /p?q=1 http/1.1\r\n"), "{asked}");
    let agent = format!("user-agent: mooring/{}\r\n", env!("CARGO_PKG_VERSION"));
    assert!(
        asked.contains(&agent) && asked.contains("accept-encoding: gzip\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_redirect_keeps_the_credential_within_its_origin() {
    let moved = answer("301 Moved\r\nlocation: /there", b"");
    let server = Server::answering(vec![moved, answer("200 OK", b"x")]).await;
    let client = client("127.0.0.1", Names::default());
    let got = get(&client, &format!("http://127.0.0.1:{}/", server.port))
        .await
        .expect("it");
    assert_eq!(Requests::behind(&got), 2);
    assert!(
        server.asked()[1].contains("Bearer s3cret") && server.asked()[1].starts_with("GET /there")
    );
}

#[tokio::test]
async fn a_redirected_write_is_its_callers() {
    let server = Server::answering(vec![answer("307 Moved\r\nlocation: /there", b"")]).await;
    let client = client("127.0.0.1", Names::default());
    let request = Request::post(format!("http://127.0.0.1:{}/", server.port));
    let got = client
        .send(request.body(Bytes::from_static(b"{}")).expect("a request"))
        .await;
    assert_eq!(got.expect("the answer").status().as_u16(), 307);
}

#[tokio::test]
async fn names_that_lead_inside_are_not_reached() {
    let server = Server::answering(vec![answer("200 OK", b"x")]).await;
    let names = Names::default()
        .with("inside.example", &[&["127.0.0.1"]])
        .with("metadata.example", &[&["169.254.169.254", "fd00:ec2::254"]])
        .with("mapped.example", &[&["::ffff:127.0.0.1"]])
        .with("nat.example", &[&["64:ff9b::7f00:1"]]);
    let client = client("", names);
    for name in ["inside", "metadata", "mapped", "nat"] {
        let error = get(&client, &format!("https://{name}.example:{}/", server.port)).await;
        assert!(
            matches!(error, Err(OutboundError::Blocked(_))),
            "{name}: {error:?}"
        );
    }
    let error = get(&client, "https://nowhere.example/").await;
    assert!(
        matches!(error, Err(OutboundError::NotResolved { .. })),
        "{error:?}"
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn addresses_and_plain_http_are_judged_without_a_resolver() {
    let client = client("", Names::default());
    for (url, code) in [
        ("http://git.example/", "insecure_url"),
        ("https://127.0.0.1/", "blocked_address"),
        ("https://[::1]/", "blocked_address"),
        ("https://2130706433/", "blocked_address"),
        ("https://localhost/", "blocked_address"),
    ] {
        match get(&client, url).await {
            Err(OutboundError::Url(error)) => assert_eq!(error.code, code, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_name_server_that_changes_its_mind_gains_nothing() {
    // The listed address first, the closed one at the second look-up; and the closed one is where
    // somebody listens.
    let server = Server::answering(vec![answer("200 OK", b"x"), answer("200 OK", b"y")]).await;
    let names = Names::default().with("r.example", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let client = client("127.0.0.1", names);
    let url = format!("http://r.example:{}/", server.port);
    assert_eq!(get(&client, &url).await.expect("it").body().as_ref(), b"x");
    assert!(matches!(
        get(&client, &url).await,
        Err(OutboundError::Blocked(_))
    ));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_open_name_is_open_on_its_port_alone() {
    let server = Server::answering(vec![answer("200 OK", b"x")]).await;
    let names = Names::default().with("git.corp.example", &[&["127.0.0.1"], &["127.0.0.1"]]);
    let client = client(&format!("git.corp.example:{}", server.port), names);
    let open = get(
        &client,
        &format!("http://git.corp.example:{}/", server.port),
    )
    .await;
    assert_eq!(open.expect("it").status().as_u16(), 200);
    let closed = get(
        &client,
        &format!("https://git.corp.example:{}/", server.port - 1),
    )
    .await;
    assert!(
        matches!(closed, Err(OutboundError::Blocked(_))),
        "{closed:?}"
    );
}

/// 64 KiB of zeros, as gzip packs them.
const PACKED: &str = "\
    1f8b0800000000000203edc101010000008090feafee080a00000000000000000000000000000000\
    00000000000000000000000000000000000000000000000000000000000000000000000000000000\
    000000000000006aeb8e97d700000100";

#[tokio::test]
async fn a_body_is_bounded_as_unpacked() {
    let packed = hex::decode(PACKED).expect("hex");
    assert!(packed.len() < 1000);
    let bomb = || answer("200 OK\r\ncontent-encoding: gzip", &packed);
    let server = Server::answering(vec![bomb(), bomb()]).await;
    let client = client("127.0.0.1", Names::default());
    let ask = async |body_bytes| {
        let limits = Limits {
            body_bytes,
            ..Limits::API
        };
        let request = Request::get(format!("http://127.0.0.1:{}/", server.port));
        client
            .send_within(request.body(Bytes::new()).expect("a request"), &limits)
            .await
    };
    assert_eq!(ask(65_536).await.expect("it").body().len(), 65_536);
    let error = ask(65_535).await;
    assert!(
        matches!(error, Err(OutboundError::TooLarge { limit: 65_535, .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_host_that_takes_and_says_nothing_ends_too() {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let client = client("127.0.0.1", Names::default());
    let limits = Limits {
        deadline: Duration::from_millis(100),
        ..Limits::API
    };
    let request = Request::get(format!("http://127.0.0.1:{port}/?secret"));
    let error = client
        .send_within(request.body(Bytes::new()).expect("a request"), &limits)
        .await;
    let error = error.expect_err("too late");
    assert!(matches!(error, OutboundError::TimedOut { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

/// Until the handshake is done nothing has left, so that is no time-out of an answer.
#[tokio::test]
async fn a_handshake_without_end_is_no_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let limits = Limits {
        connect: Duration::from_millis(100),
        ..Limits::API
    };
    let client = Outbound::new("127.0.0.1".parse().expect("a list"), limits).expect("a client");
    let request = Request::post(format!("https://127.0.0.1:{port}/"));
    let error = client.send(request.body(Bytes::from("x")).expect("a request"));
    let error = error.await.expect_err("no handshake");
    assert!(
        matches!(error, OutboundError::NotConnected { .. }),
        "{error:?}"
    );
}
