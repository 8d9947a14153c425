//! Bodies of deliveries: large, from anybody who knows an address, and held until they are stored.
//!
//! Needs: a provider sends up to 25 MiB; ten thousand slow senders must not take the memory; one address
//! must not take it from the others.
//! Design: what all bodies hold together is counted while they come, piece by piece, and so is what
//! those to one address hold. A body that finds no room is refused at once, and what it held is free
//! again: the sender is told to come back, and a provider shows a failed delivery.

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

/// Longer than any provider waits for its answer.
const WITHIN: Duration = Duration::from_secs(30);
/// One address may hold this part of the room, and always one whole body.
const SHARE: usize = 4;

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
        if counts.all + bytes > most || own > (most / SHARE).max(largest) {
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
    bound: TooLarge,
    room: &Room,
    address: Uuid,
) -> Result<(Bytes, Held), Problem> {
    let held = Held {
        room: room.clone(),
        address,
        bytes: 0,
    };
    match tokio::time::timeout(WITHIN, collect(body, bound, held)).await {
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
        if held.bytes + piece.len() > bound.0 {
            return Err(bound.problem());
        }
        if !held.take(piece.len(), bound.0) {
            return Err(no_room());
        }
        // Most come in one piece, which is not copied.
        if first.is_empty() && rest.is_empty() {
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
        let room = Room::new(800);
        let (mut one, mut again) = (held(&room, 1), held(&room, 1));
        assert!(one.take(150, 100) && !again.take(51, 100) && again.take(50, 100));
        let mut others: Vec<Held> = (2..5).map(|address| held(&room, address)).collect();
        assert!(others.iter_mut().all(|other| other.take(200, 100)));
        let mut last = held(&room, 9);
        assert!(!last.take(1, 100), "there is no more");
        drop(one);
        assert!(last.take(150, 100) && !last.take(1, 100));
        drop((again, others, last));
        let counts = room.counts();
        assert!(counts.all == 0 && counts.of.is_empty());
    }

    #[tokio::test]
    async fn a_body_is_whole_or_refused() {
        let room = Room::new(1000);
        let address = Uuid::nil();
        let pieces = ["ab", "", "cd", "e"].map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let (whole, held) = read_delivery(body, TooLarge(5), &room, address)
            .await
            .ok()
            .unwrap();
        assert_eq!(&whole[..], b"abcde");
        drop(held);
        let long = read_delivery(Body::from("abcdef"), TooLarge(5), &room, address).await;
        assert_eq!(long.err().unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(room.counts().all, 0);
    }
}
