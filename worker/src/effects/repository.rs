//! A repository was made, changed, moved or deleted.

use chrono::TimeDelta;
use serde_json::json;
use shared::domain::outbox::EventType;
use shared::flows::Error;
use shared::providers::{RepositoryChange, ToldRepository};
use shared::store::outbox::{self, NewEvent};
use shared::store::repositories::{self, KnownRepository, Likely, Removed};

use super::Scene;
use super::merge::merge;
use super::order::{Order, order};

/// Our clock and a provider's differ by no more.
const SKEW: TimeDelta = TimeDelta::minutes(1);

pub(super) async fn apply(
    scene: &mut Scene<'_>,
    change: RepositoryChange,
    told: &ToldRepository,
) -> Result<(), Error> {
    let known =
        repositories::known_for_update(&mut **scene.tx, scene.connection.id, &told.id).await?;
    if change == RepositoryChange::Deleted {
        // The date that it bears is of the last change before, so it is as old as its way here; by another
        // clock than the events before it. It may have been restored since.
        let at = scene.came_at.map(|at| at + SKEW);
        return match order(at, known.as_ref(), scene.known.synced_at) {
            Order::Newer | Order::Same => removed(scene, std::slice::from_ref(&told.id)).await,
            Order::Older | Order::Unsure => {
                scene.want_sync("the repository may have been restored since");
                Ok(())
            }
        };
    }
    match order(scene.at, known.as_ref(), scene.known.synced_at) {
        Order::Older => {
            scene.did("nothing: a newer event has counted");
            return Ok(());
        }
        // One that nobody knows of can be shown at once: no state is undone by it.
        Order::Unsure if change == RepositoryChange::Created && known.is_none() => {
            scene.want_sync("the event is not newer than the last listing");
        }
        Order::Unsure => {
            scene.want_sync("the event is not newer than the last listing");
            return Ok(());
        }
        Order::Same => scene.want_sync("another event has the same date"),
        Order::Newer => {}
    }
    // What was seen to go comes back by a listing, unless it is told that it came.
    let gone = known
        .as_ref()
        .is_some_and(|known| known.removed_at.is_some());
    if gone && change != RepositoryChange::Created {
        scene.want_sync("the repository was gone");
        return Ok(());
    }
    if known.is_none() && change != RepositoryChange::Created {
        scene.want_sync("the repository is not known");
        return Ok(());
    }
    write(scene, told, known.as_ref()).await?;
    if change == RepositoryChange::Transferred {
        scene.want_sync("whether it is still seen hangs on its new owner");
    }
    Ok(())
}

/// Lays what was told over what is known.
pub(super) async fn write(
    scene: &mut Scene<'_>,
    told: &ToldRepository,
    known: Option<&KnownRepository>,
) -> Result<(), Error> {
    let connection = &scene.connection;
    let remote = known.map(|known| &known.remote);
    let Some(now_is) = merge(told, remote, &connection.base_url) else {
        scene.want_sync("the event does not name the repository");
        return Ok(());
    };
    let owner = repositories::Owner {
        organization: connection.organization_id,
        connection: connection.id,
        provider: connection.provider,
        now: scene.now,
    };
    let row = std::iter::once(&now_is);
    let changes = repositories::upsert_page(scene.tx, owner, Likely::Known, row).await?;
    if let Some(at) = scene.at {
        repositories::note_event(&mut **scene.tx, connection.id, &told.id, at).await?;
    }
    if changes.added != 0 {
        repositories::move_counters(
            scene.tx,
            connection.organization_id,
            connection.id,
            changes.added,
        )
        .await?;
        scene.did(format!("repository {} added", now_is.full_name));
    } else if changes.updated != 0 {
        scene.did(format!("repository {} updated", now_is.full_name));
    } else {
        scene.did("nothing: the repository stands like this already");
    }
    Ok(())
}

/// Marks repositories as removed.
pub(super) async fn removed(scene: &mut Scene<'_>, ids: &[String]) -> Result<(), Error> {
    let connection = &scene.connection;
    let at = scene.at.unwrap_or(scene.delivery.received_at);
    // Nothing that was under way when it went may bring it back.
    let at = at.max(scene.delivery.received_at);
    let gone = repositories::remove(&mut **scene.tx, connection.id, ids, at, scene.now).await?;
    let events: Vec<NewEvent> = gone.iter().map(|one| is_gone(scene, one)).collect();
    outbox::append(
        &mut **scene.tx,
        connection.organization_id,
        &events,
        scene.now,
    )
    .await?;
    let count = i32::try_from(gone.len()).unwrap_or(i32::MAX);
    if count != 0 {
        repositories::move_counters(scene.tx, connection.organization_id, connection.id, -count)
            .await?;
    }
    for one in &gone {
        scene.did(format!("repository {} removed", one.full_name));
    }
    if gone.is_empty() {
        scene.did("nothing: no such repository stands");
    }
    Ok(())
}

fn is_gone(scene: &Scene<'_>, removed: &Removed) -> NewEvent {
    NewEvent {
        kind: EventType::RepositoryRemoved,
        data: json!({
            "repository_id": removed.id,
            "connection_id": scene.connection.id,
            "provider": scene.connection.provider,
            "provider_repository_id": removed.provider_repository_id,
            "full_name": removed.full_name,
        }),
    }
}
