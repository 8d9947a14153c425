//! An identity provider's JWKS address on loopback, that counts who asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shared::authz::jwt::Jwks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Pair;
use crate::world::outbound;

pub struct IdentityProvider {
    shared: Arc<Shared>,
    url: String,
}

struct Shared {
    /// None while it is out of order.
    document: Mutex<Option<Value>>,
    fetches: AtomicUsize,
}

impl IdentityProvider {
    pub async fn serve(pairs: &[Pair]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            document: Mutex::default(),
            fetches: AtomicUsize::new(0),
        });
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, serving.clone()));
            }
        });
        let provider = Self { shared, url };
        let keys: Vec<Value> = pairs.iter().map(Pair::jwk).collect();
        provider.set(&keys);
        provider
    }

    /// What an API takes its keys from.
    pub fn keys(&self) -> Jwks {
        Jwks::new(self.url.parse().unwrap(), Arc::new(outbound("127.0.0.1:*")))
    }

    pub fn set(&self, keys: &[Value]) {
        *self.shared.document.lock().unwrap() = Some(json!({ "keys": keys }));
    }

    pub fn break_down(&self) {
        *self.shared.document.lock().unwrap() = None;
    }

    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }
}

/// One request per connection.
async fn answer(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let document = shared.document.lock().unwrap().clone();
    let (status, body) = match document {
        Some(document) => ("200 OK", document.to_string()),
        None => ("500 Internal Server Error", "{}".to_owned()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
