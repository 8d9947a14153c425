//! Clients that ask for events and take nothing: they cost others nothing, are let go, and do not
//! hold up the end of the server.

use std::net::SocketAddr;
use std::time::Duration;

use api::{ApiState, ServeError, Settings};
use shared::domain::ids::JobId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::upkeep::by_hand;
use crate::world::{Api, Caller, World, run_without_worker, verifier};

/// What the kernel keeps on either side: little, so that what the server keeps shows.
const KERNEL: u32 = 4096;

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    fn start(w: &World, patience: Duration) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(KERNEL).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            patience,
            ..Settings::new(&format!("http://{address}"))
        };
        let state = ApiState::new(w.context.clone(), verifier(&w.clock), settings, vec![]);
        let stop = CancellationToken::new();
        let end = stop.clone().cancelled_owned();
        let ended = tokio::spawn(api::serve(listener, api::router(state.clone()), state, end));
        Self {
            address,
            stop,
            ended,
        }
    }

    fn caller(&self, caller: &Caller) -> Caller {
        caller.at(&Api::at(&format!("http://{}", self.address)))
    }

    /// One that follows, up to its first mark, and then takes nothing.
    async fn deaf(&self, caller: &Caller) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(KERNEL).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let (home, token) = (&caller.home, &caller.token);
        let head = format!(
            "GET {home}/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains("id: ") {
            assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
        }
        stream
    }
}

/// So many jobs appear, which makes some hundred bytes of events each; the last of them.
async fn noise(w: &World, jobs: i32) -> JobId {
    let now = w.clock.now();
    let last = JobId::new(now);
    sqlx::query(
        "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, payload)
         SELECT $1, CASE WHEN n = $4 THEN $2 ELSE gen_random_uuid() END, 'quick', 1, 3,
             $3::timestamptz + interval '1 day', $3, '{}' FROM generate_series(1, $4) n",
    )
    .bind(w.organization.0)
    .bind(last.0)
    .bind(now)
    .bind(jobs)
    .execute(&mut by_hand(w).await)
    .await
    .unwrap();
    last
}

#[test]
fn a_client_that_takes_nothing_slows_nobody_and_is_let_go() {
    run_without_worker(|w| async move {
        let patience = Duration::from_secs(1);
        let server = Server::start(&w, patience);
        let mut deaf = server.deaf(&w.owner()).await;
        let mut hears = server.caller(&w.owner()).follow(None).await;
        for jobs in [400, 1, 1] {
            let last = noise(&w, jobs).await;
            let id = last.to_string();
            hears
                .until("the newest job", |event| event.data["id"] == id)
                .await;
        }
        tokio::time::sleep(3 * patience).await;
        // Its stream has ended by now; were it only waiting, it would go on for ever.
        let mut rest = Vec::new();
        let reading = deaf.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(20), reading).await;
        let _ = ended.expect("the connection was cut");
        assert!(
            rest.len() < 64 * 1024,
            "{} bytes of some 200,000",
            rest.len()
        );
        server.stop.cancel();
    });
}

#[test]
fn a_client_that_takes_nothing_does_not_hold_up_the_end() {
    run_without_worker(|w| async move {
        let server = Server::start(&w, Duration::from_secs(3600));
        let _deaf = server.deaf(&w.owner()).await;
        let mut hears = server.caller(&w.owner()).follow(None).await;
        // When the second is heard, the first has long been handed to the other one's connection too.
        for jobs in [400, 1] {
            let id = noise(&w, jobs).await.to_string();
            hears
                .until("the newest job", |event| event.data["id"] == id)
                .await;
        }
        server.stop.cancel();
        hears.ended().await;
        let ended = tokio::time::timeout(Duration::from_secs(20), server.ended).await;
        ended.expect("the server ends").unwrap().unwrap();
    });
}
