//! Bodies of deliveries: large, from anybody who knows an address, and held until they are stored.
//!
//! Needs: a provider sends up to 25 MiB; ten thousand slow senders must not take the memory; one address
//! must not take it from the others.
//! Design: what all bodies hold together is counted while they come, piece by piece, and so is what
//! those to one address hold. Each body counts for [`COSTS`] from its head on, whatever of it has come: ten
//! thousand that bring a byte a second hold more by what stands around them than by their bytes. A body
//! that finds no room is refused at once, and what it held is free again: the sender is told to come back,
//! and a provider shows a failed delivery.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use http_body_util::BodyExt;
use uuid::Uuid;

use super::read_body::TooLarge;
use crate::problem::Problem;

/// One address may hold this part of the room, and always one whole body.
const SHARE: usize = 4;
/// The last part of the room is for addresses that hold hardly anything: however many addresses are slow
/// at once, each within its share, they leave room for all others.
const RESERVE: usize = 8;
/// Hardly anything is this part of the room.
const LITTLE: usize = 256;
/// What a body holds beside its bytes: the buffer that its connection reads into, and the call.
const COSTS: usize = 16 * 1024;
/// A first piece that is smaller is copied, since it would keep the whole buffer that it came in.
const SMALL: usize = 4 * 1024;

/// The room that bodies of deliveries have together. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Room(Arc<Inner>);

struct Inner {
    most: usize,
    held: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    of: HashMap<Uuid, usize>,
}

/// What one body holds, until it is dropped.
pub(crate) struct Held {
    room: Room,
    address: Uuid,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            most,
            held: Mutex::default(),
        }))
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn take(&mut self, bytes: usize, largest: usize) -> bool {
        let most = self.room.0.most;
        let mut counts = self.room.counts();
        let own = counts.of.get(&self.address).copied().unwrap_or(0) + bytes;
        let all = counts.all + bytes;
        let reserved = all > most - most / RESERVE && own > most / LITTLE;
        if all > most || own > (most / SHARE).max(largest + COSTS) || reserved {
            return false;
        }
        counts.all += bytes;
        counts.of.insert(self.address, own);
        self.bytes += bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self.room.counts();
        counts.all -= self.bytes;
        if let Some(own) = counts.of.get_mut(&self.address) {
            *own -= self.bytes;
            if *own == 0 {
                counts.of.remove(&self.address);
            }
        }
    }
}

/// The whole body of a delivery to an address, and the room it holds.
pub(crate) async fn read_delivery(
    body: Body,
    (bound, within): (TooLarge, Duration),
    room: &Room,
    address: Uuid,
) -> Result<(Bytes, Held), Problem> {
    let mut held = Held {
        room: room.clone(),
        address,
        bytes: 0,
    };
    if !held.take(COSTS, bound.0) {
        return Err(no_room());
    }
    match tokio::time::timeout(within, collect(body, bound, held)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_incomplete",
            "The body took too long to come. Send it again.",
        )),
    }
}

async fn collect(
    mut body: Body,
    bound: TooLarge,
    mut held: Held,
) -> Result<(Bytes, Held), Problem> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "body_incomplete",
                "The body ended before it was whole. Send it again.",
            )
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        length += piece.len();
        if length > bound.0 {
            return Err(bound.problem());
        }
        if !held.take(piece.len(), bound.0) {
            return Err(no_room());
        }
        // Most come in one piece, which is not copied.
        if first.is_empty() && rest.is_empty() && piece.len() >= SMALL {
            first = piece;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&piece);
        }
    }
    let whole = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    Ok((whole, held))
}

fn no_room() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too_busy",
        "More deliveries are under way than there is room for. Send this one again in a moment.",
    )
    .header(RETRY_AFTER, HeaderValue::from_static("2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(room: &Room, address: u128) -> Held {
        Held {
            room: room.clone(),
            address: Uuid::from_u128(address),
            bytes: 0,
        }
    }

    #[test]
    fn one_address_holds_a_part_and_all_hold_no_more_than_there_is() {
        const K: usize = 1024;
        let room = Room::new(800 * K);
        let (mut one, mut again) = (held(&room, 1), held(&room, 1));
        let largest = 100 * K;
        assert!(one.take(150 * K, largest) && !again.take(51 * K, largest));
        assert!(again.take(50 * K, largest));
        let mut others: Vec<Held> = (2..5).map(|address| held(&room, address)).collect();
        assert!(others.iter_mut().all(|other| other.take(166 * K, largest)));
        assert!(!others[0].take(3 * K, largest), "the rest is for others");
        let mut last = held(&room, 9);
        assert!(
            last.take(3 * K, largest) && !last.take(K, largest),
            "a little"
        );
        drop(one);
        assert!(last.take(100 * K, largest));
        drop((again, others, last));
        let counts = room.counts();
        assert!(counts.all == 0 && counts.of.is_empty());
    }

    #[tokio::test]
    async fn a_body_is_whole_or_refused() {
        let room = Room::new(2 * COSTS);
        let (address, within) = (Uuid::nil(), Duration::from_secs(5));
        let pieces = ["ab", "", "cd", "e"].map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let (whole, held) = read_delivery(body, (TooLarge(5), within), &room, address)
            .await
            .ok()
            .unwrap();
        assert_eq!(&whole[..], b"abcde");
        assert_eq!(room.counts().all, COSTS + 5);
        // There is no place for what a second one costs, whatever it brings.
        let other = (TooLarge(5), within);
        let second = read_delivery(Body::from("a"), other, &room, Uuid::max()).await;
        assert_eq!(second.err().unwrap().code, "too_busy");
        drop(held);
        let long = read_delivery(Body::from("abcdef"), other, &room, address).await;
        assert_eq!(long.err().unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
        let endless = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
        let soon = (TooLarge(5), Duration::from_millis(20));
        let late = read_delivery(endless, soon, &room, address).await;
        assert_eq!(late.err().unwrap().status, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(room.counts().all, 0);
    }
}
