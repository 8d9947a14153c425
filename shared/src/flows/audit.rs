//! The activity log's one way in, and its chain.
//!
//! Needs: an entry exists exactly if its change was committed; nobody with the database alone can
//! change, drop or reorder entries unnoticed; a storm of changes in one tenant must not stand in a
//! queue behind a head row.
//! Design: [`record`] writes the entry in the change's transaction with a MAC of its own content.
//! [`seal`] is run by one sealer per organization (it holds the lock on the head): it gives
//! `sequence` and `hash` in batches, in the order of ids of what is committed. The hash is an
//! HMAC-SHA256 chain; the head (count and last hash) is kept apart under a MAC of its own.
//! Races: an entry committed late may have a smaller id than one already sealed; it is sealed
//! after it, so `sequence` is the order of the chain and `id` the order of writing. Two sealers:
//! the lock makes the second wait, and it then finds nothing. A sealer that dies rolls back.
//! Keys: an entry and its link are under the key that was the first one when it was written, so a
//! key stays in the keyring, behind the first, for as long as entries under it are to be verified.
//! Out of scope: whoever holds the encryption keys can forge the chain; whoever can delete both a
//! tail of entries and restore an older head is only found with an exported head.

mod together;

pub use together::seal_together;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::Error;
use crate::authz::Permit;
use crate::clock::Clock;
use crate::domain::activity::{Entry, Event, Subject};
use crate::domain::connection::Connection;
use crate::domain::ids::{ActivityId, OrganizationId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::store::activity::{Head, StoredEntry};
use crate::store::{Db, TenantTx, activity};
use crate::vault::Vault;

const ENTRY: &str = "activity entry";
const CHAIN: &str = "activity chain";
const HEAD: &str = "activity head";

/// Entries sealed in one transaction.
const BATCH: i64 = 1_000;

/// What happened, to be recorded.
pub struct Change {
    /// The event.
    pub event: Event,
    /// What it is about.
    pub subject: Subject,
    /// More of it; never a secret.
    pub metadata: Map<String, Value>,
}

impl Change {
    /// A change of a thing of this kind, id and name.
    #[must_use]
    pub fn new(event: Event, kind: &str, id: impl Into<Uuid>, name: Option<&str>) -> Self {
        Self {
            event,
            subject: Subject {
                kind: kind.to_owned(),
                id: Some(id.into()),
                name: name.map(str::to_owned),
            },
            metadata: Map::new(),
        }
    }

    /// A change of a connection.
    #[must_use]
    pub fn of_connection(event: Event, connection: &Connection) -> Self {
        Self::new(event, "connection", connection.id, Some(&connection.name))
    }

    /// What a connection's status has become, from what it was.
    #[must_use]
    pub fn of_status(connection: &Connection, before: ConnectionStatus) -> Self {
        Self::of_connection(Event::GitConnectionStatusChanged, connection)
            .with("from", before.as_str())
            .with("to", connection.status.as_str())
            .with("code", connection.health_code.as_str())
    }

    /// With one more detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }
}

/// Writes an entry into the transaction of the change.
///
/// # Errors
/// As every statement of the store.
pub async fn record(
    tx: &mut TenantTx,
    vault: &Vault,
    clock: &Clock,
    permit: &Permit,
    change: Change,
) -> Result<(), Error> {
    let stored = entry_in(tx.organization(), vault, permit, change, clock.now());
    activity::append(&mut **tx, &stored).await?;
    Ok(())
}

/// The entry of a change in the permit's organization, for a statement that appends it itself.
#[must_use]
pub fn entry(vault: &Vault, permit: &Permit, change: Change, now: DateTime<Utc>) -> StoredEntry {
    entry_in(permit.organization(), vault, permit, change, now)
}

fn entry_in(
    organization_id: OrganizationId,
    vault: &Vault,
    permit: &Permit,
    change: Change,
    now: DateTime<Utc>,
) -> StoredEntry {
    let entry = Entry {
        id: ActivityId::new(now),
        organization_id,
        sequence: None,
        event: change.event.as_str().to_owned(),
        actor: permit.actor().clone(),
        subject: change.subject,
        metadata: change.metadata,
        request_id: permit.request().request_id.clone(),
        ip: permit.request().ip.clone(),
        created_at: now,
        hash: None,
    };
    let (key_id, mac) = vault.mac(ENTRY, &[&content(&entry)]);
    StoredEntry {
        entry,
        key_id,
        mac: mac.to_vec(),
    }
}

/// The bytes that an entry's MAC covers: all of it except what sealing adds. The time counts in
/// microseconds, as Postgres keeps it; JSON objects are sorted by key, as `jsonb` does not keep
/// their order.
fn content(entry: &Entry) -> Vec<u8> {
    let value = serde_json::json!([
        entry.organization_id,
        entry.id,
        entry.event,
        entry.actor.id,
        entry.actor.kind,
        entry.actor.name,
        entry.subject.kind,
        entry.subject.id,
        entry.subject.name,
        entry.metadata,
        entry.request_id,
        entry.ip,
        entry.created_at.timestamp_micros(),
    ]);
    value.to_string().into_bytes()
}

fn link(sequence: i64, previous: &[u8], mac: &[u8]) -> [Vec<u8>; 3] {
    [
        sequence.to_be_bytes().to_vec(),
        previous.to_vec(),
        mac.to_vec(),
    ]
}

fn head_parts(organization: OrganizationId, entries: i64, hash: &[u8]) -> [Vec<u8>; 3] {
    [
        organization.0.as_bytes().to_vec(),
        entries.to_be_bytes().to_vec(),
        hash.to_vec(),
    ]
}

fn mac_of(vault: &Vault, purpose: &str, parts: &[Vec<u8>; 3]) -> (String, [u8; 32]) {
    vault.mac(purpose, &parts.each_ref().map(Vec::as_slice))
}

fn head_of(vault: &Vault, organization: OrganizationId, entries: i64, hash: Vec<u8>) -> Head {
    let (key_id, mac) = mac_of(vault, HEAD, &head_parts(organization, entries, &hash));
    Head {
        entries,
        hash,
        key_id,
        mac: mac.to_vec(),
    }
}

/// Seals what is committed and not sealed yet; how many entries.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer; nothing is half done.
pub async fn seal(
    db: &Db,
    vault: &Vault,
    clock: &Clock,
    organization: OrganizationId,
) -> Result<usize, Error> {
    let mut sealed = 0;
    loop {
        let mut tx = db.tenant(organization).await?;
        let batch = seal_batch(&mut tx, vault, clock).await?;
        if batch == 0 {
            return Ok(sealed);
        }
        tx.commit().await?;
        sealed += batch;
        if i64::try_from(batch).unwrap_or(i64::MAX) < BATCH {
            return Ok(sealed);
        }
    }
}

/// Seals one batch within a transaction, which then holds the head's lock until it ends.
///
/// # Errors
/// As every statement of the store.
pub async fn seal_batch(tx: &mut TenantTx, vault: &Vault, clock: &Clock) -> Result<usize, Error> {
    let organization = tx.organization();
    let now = clock.now();
    let empty = head_of(vault, organization, 0, vec![0; 32]);
    activity::ensure_head(&mut **tx, organization, &empty, now).await?;
    let Some(head) = activity::lock_head(&mut **tx).await? else {
        return Ok(0);
    };
    let batch = activity::unsealed(&mut **tx, BATCH).await?;
    if batch.is_empty() {
        return Ok(0);
    }
    let (mut sequence, mut hash) = (head.entries, head.hash);
    let (mut ids, mut sequences, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for stored in &batch {
        sequence += 1;
        // The chain's key is the entry's own, so that a chain outlives rotations of the keyring.
        hash = vault
            .mac_under(&stored.key_id, CHAIN, &link(sequence, &hash, &stored.mac))
            .ok_or_else(|| missing_key(&stored.key_id))?
            .to_vec();
        ids.push(stored.entry.id.0);
        sequences.push(sequence);
        hashes.push(hash.clone());
    }
    let head = head_of(vault, organization, sequence, hash);
    activity::seal(&mut *tx, &ids, &sequences, &hashes, &head, now).await?;
    Ok(batch.len())
}

fn missing_key(key_id: &str) -> Error {
    Error::Conflict {
        code: "key_missing",
        message: format!(
            "Entries of this chain are under the key {key_id:?}, which is not in MOORING_ENCRYPTION_KEYS. Add it again, after the first one, to seal and verify."
        ),
    }
}

/// What a check of a chain found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Verification {
    /// Whether every entry, every link and the head hold.
    pub ok: bool,
    /// Entries in the chain, by its head.
    pub entries: i64,
    /// The head's hash, hexadecimal; to be kept elsewhere by who wants to prove a missing tail.
    pub head: Option<String>,
    /// The sequence of the first entry that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<i64>,
}

/// Checks the chain of the transaction's organization, entry by entry.
///
/// # Errors
/// As every statement of the store.
pub async fn verify(tx: &mut TenantTx, vault: &Vault) -> Result<Verification, Error> {
    let organization = tx.organization();
    let Some(head) = activity::head(&mut **tx).await? else {
        return Ok(Verification {
            ok: true,
            entries: 0,
            head: None,
            first_bad: None,
        });
    };
    let parts = head_parts(organization, head.entries, &head.hash);
    let head_holds = vault.mac_holds(
        &head.key_id,
        HEAD,
        &parts.each_ref().map(Vec::as_slice),
        &head.mac,
    );
    let (mut sequence, mut hash) = (0_i64, vec![0_u8; 32]);
    let mut first_bad = None;
    'walk: loop {
        let batch = activity::sealed_after(&mut **tx, sequence, BATCH).await?;
        if batch.is_empty() {
            break;
        }
        for stored in &batch {
            sequence += 1;
            if !vault.holds_key(&stored.key_id) {
                return Err(missing_key(&stored.key_id));
            }
            let own = vault.mac_holds(
                &stored.key_id,
                ENTRY,
                &[&content(&stored.entry)],
                &stored.mac,
            );
            let next = vault.mac_under(&stored.key_id, CHAIN, &link(sequence, &hash, &stored.mac));
            let linked = next.is_some_and(|next| {
                hash = next.to_vec();
                stored.entry.hash.as_deref() == Some(hex::encode(next).as_str())
            });
            if !own || !linked || stored.entry.sequence != Some(sequence) {
                first_bad = Some(sequence);
                break 'walk;
            }
        }
    }
    if first_bad.is_none() && (sequence != head.entries || hash != head.hash) {
        first_bad = Some(sequence.min(head.entries) + 1);
    }
    Ok(Verification {
        ok: head_holds && first_bad.is_none(),
        entries: head.entries,
        head: Some(hex::encode(&head.hash)),
        first_bad,
    })
}
