//! Repositories came under an installation of a GitHub App, or left it.
//!
//! Little more than names is told of those that came, so they are shown at once and a sync fills in
//! the rest. Where an event is not known to be newer than the last listing, only the sync counts: a
//! repository that was taken away and given back since would else be taken away again.

use shared::flows::Error;
use shared::providers::ToldRepository;
use shared::store::repositories;

use super::Scene;
use super::order::{Order, order};
use super::repository;

pub(super) async fn apply(
    scene: &mut Scene<'_>,
    added: &[ToldRepository],
    removed: &[String],
) -> Result<(), Error> {
    let connection = scene.connection.id;
    for told in added {
        let known = repositories::known_for_update(&mut **scene.tx, connection, &told.id).await?;
        let order = order(scene.at, known.as_ref(), scene.known.synced_at);
        let stands = known
            .as_ref()
            .is_some_and(|known| known.removed_at.is_none());
        if matches!(order, Order::Newer | Order::Same) && !stands {
            repository::write(scene, told, known.as_ref()).await?;
        }
    }
    let mut gone = Vec::new();
    for id in removed {
        let known = repositories::known_for_update(&mut **scene.tx, connection, id).await?;
        let order = order(scene.at, known.as_ref(), scene.known.synced_at);
        if matches!(order, Order::Newer | Order::Same) && known.is_some() {
            gone.push(id.clone());
        }
    }
    if !gone.is_empty() {
        repository::removed(scene, &gone).await?;
    }
    scene.want_sync("the installation covers other repositories");
    Ok(())
}
