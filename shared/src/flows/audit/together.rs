//! Sealing the chains of many organizations in one transaction.
//!
//! Needs: a storm of changes spread over thousands of tenants must not be thousands of transactions
//! a second beside itself.
//! Design: the same chain as [`super::seal`] makes, through the door across tenants, which sees of an
//! entry its place and its MAC and nothing that it says.
//! Races: processes would do the same work, so one does it at a time, and what it leaves is found by
//! the next round of any; a chain that somebody else seals for a reader is passed by; an entry that is committed late is sealed
//! later; a chain whose key is missing is left as it is, and named.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{CHAIN, head_of, link, missing_key};
use crate::domain::ids::OrganizationId;
use crate::flows::{Context, Error};
use crate::store::StoreError;
use crate::store::activity::Head;
use crate::store::sweeps::chains::{self, Sealed, Unsealed};
use crate::vault::Vault;

/// Entries in one transaction, about.
const BATCH: usize = 2_000;
/// Of each organization at least so many.
const LEAST: usize = 20;

/// Seals what is committed and not sealed yet of these organizations, each up to a bound; how many
/// entries, and whether there may be more.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer; nothing is half done.
pub async fn seal_together(
    context: &Context,
    organizations: &[OrganizationId],
) -> Result<(usize, bool), Error> {
    if organizations.is_empty() {
        return Ok((0, false));
    }
    let now = context.clock.now();
    let vault = &context.vault;
    let each = (BATCH / organizations.len()).max(LEAST);
    let ids: Vec<Uuid> = organizations.iter().map(|of| of.0).collect();
    let mut tx = context.db.system().begin().await?;
    if !chains::alone(&mut tx).await? {
        return Ok((0, false));
    }
    let headless = chains::headless(&mut tx, &ids).await?;
    if !headless.is_empty() {
        let first = |of: OrganizationId| (of, head_of(vault, of, 0, vec![0; 32]));
        let heads: Vec<_> = headless.into_iter().map(first).collect();
        chains::add_heads(&mut tx, &heads, now).await?;
    }
    let heads = chains::lock_heads(&mut tx, &ids).await?;
    let locked: Vec<Uuid> = heads.iter().map(|(of, _)| of.0).collect();
    let limit = i64::try_from(each).unwrap_or(i64::MAX);
    let found = chains::unsealed(&mut tx, &locked, limit).await?;
    let mut entries: BTreeMap<OrganizationId, Vec<Unsealed>> = BTreeMap::new();
    for entry in found {
        entries.entry(entry.organization).or_default().push(entry);
    }
    let more = entries.values().any(|of| of.len() >= each);
    let (mut sealed, mut moved) = (Vec::new(), Vec::new());
    for (organization, head) in heads {
        let Some(entries) = entries.get(&organization) else {
            continue;
        };
        match chain(vault, organization, head, entries) {
            Ok((mut links, head)) => {
                sealed.append(&mut links);
                moved.push((organization, head));
            }
            Err(error) => {
                tracing::warn!(%organization, %error, "activity was not sealed; it is tried again");
            }
        }
    }
    if !sealed.is_empty() {
        chains::seal(&mut tx, &sealed, &moved, now).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok((sealed.len(), more && !sealed.is_empty()))
}

/// The links of entries behind a head, and the head behind them.
fn chain(
    vault: &Vault,
    organization: OrganizationId,
    head: Head,
    entries: &[Unsealed],
) -> Result<(Vec<Sealed>, Head), Error> {
    let (mut sequence, mut hash) = (head.entries, head.hash);
    let mut sealed = Vec::with_capacity(entries.len());
    for entry in entries {
        sequence += 1;
        // The chain's key is the entry's own, so that a chain outlives rotations of the keyring.
        hash = vault
            .mac_under(&entry.key_id, CHAIN, &link(sequence, &hash, &entry.mac))
            .ok_or_else(|| missing_key(&entry.key_id))?
            .to_vec();
        sealed.push(Sealed {
            id: entry.id,
            sequence,
            hash: hash.clone(),
        });
    }
    Ok((sealed, head_of(vault, organization, sequence, hash)))
}
