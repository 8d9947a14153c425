//! Branches moved.
//!
//! What the push shows of its repository is laid over what is known. What follows from it is for those
//! repositories that the organization connected: `branch.synchronized` for every branch that moved,
//! `deployment.requested` for the branch that the repository is read from. (Environments, which choose
//! a branch each, do not exist yet; a connected repository is what stands for one.) An older push tells
//! of nothing: its branch has a mark.

use serde_json::json;
use shared::domain::outbox::EventType;
use shared::domain::profile::is_structural;
use shared::flows::Error;
use shared::providers::{BranchMove, Push};
use shared::store::connected_repositories;
use shared::store::outbox::{self, NewEvent};
use shared::store::repositories::{self, Dated, Mark};

use super::Scene;
use super::order::{Order, order};
use super::repository::write;

pub(super) async fn apply(scene: &mut Scene<'_>, push: &Push) -> Result<(), Error> {
    let told = &push.repository;
    let connection = scene.connection.id;
    let known = repositories::known_for_update(&mut **scene.tx, connection, &told.id).await?;
    let stands = known.as_ref().filter(|known| known.removed_at.is_none());
    let Some(stands) = stands else {
        scene.want_sync("the repository is not known");
        return Ok(());
    };
    match order(scene.at, Some(stands), scene.known.synced_at) {
        Order::Newer => write(scene, told, Some(stands)).await?,
        // The date of the last push can be laid over anything: the latest counts.
        Order::Same | Order::Older | Order::Unsure => {
            let only_date = shared::providers::ToldRepository {
                id: told.id.clone(),
                pushed_at: told.pushed_at,
                ..Default::default()
            };
            let at = scene.at.take();
            write(scene, &only_date, Some(stands)).await?;
            scene.at = at;
        }
    }
    if push.more_paths || push.paths.iter().any(|path| is_structural(path)) {
        scene.did("analysis wanted: what the application is made of may have changed");
    }
    let connected =
        connected_repositories::of_repository(&mut **scene.tx, connection, &told.id).await?;
    for one in &connected {
        let default = one
            .default_branch
            .clone()
            .or_else(|| told.default_branch.clone())
            .or_else(|| stands.remote.default_branch.clone());
        for moved in &push.branches {
            if !is_newer(scene, &told.id, moved).await? {
                let branch = &moved.branch;
                if scene.dated == Dated::Late {
                    scene.want_sync(&format!("whether {branch} moved on since is not known"));
                } else {
                    scene.did(format!("nothing: {branch} moved on since"));
                }
                continue;
            }
            let mut kinds = vec![EventType::BranchSynchronized];
            if moved.after.is_some() && default.as_deref() == Some(&moved.branch) {
                kinds.push(EventType::DeploymentRequested);
            }
            let data = json!({
                "connection_id": connection,
                "repository_id": stands.id,
                "connected_repository_id": one.id,
                "provider": scene.connection.provider,
                "provider_repository_id": told.id,
                "full_name": told.full_name.as_ref().unwrap_or(&stands.remote.full_name),
                "branch": moved.branch,
                "commit_sha": moved.after,
                "previous_commit_sha": moved.before,
                "deleted": moved.after.is_none(),
                "delivery_id": scene.delivery.id,
            });
            let events: Vec<NewEvent> = kinds
                .iter()
                .map(|kind| NewEvent {
                    kind: *kind,
                    data: data.clone(),
                })
                .collect();
            outbox::append(
                &mut **scene.tx,
                scene.connection.organization_id,
                &events,
                scene.now,
            )
            .await?;
            for kind in kinds {
                scene.did(format!("told {kind} of {}", moved.branch));
            }
        }
    }
    Ok(())
}

async fn is_newer(
    scene: &mut Scene<'_>,
    repository: &str,
    moved: &BranchMove,
) -> Result<bool, Error> {
    let topic = format!("refs/heads/{}", moved.branch);
    let mark = Mark {
        repository,
        topic: &topic,
        sha: moved.after.as_deref(),
        before: moved.before.as_deref(),
        at: scene.at.unwrap_or(scene.delivery.received_at),
        dated: scene.dated,
        same: &[],
    };
    let (organization, connection) = (scene.connection.organization_id.0, scene.connection.id);
    Ok(repositories::move_mark(&mut **scene.tx, organization, connection, &mark).await?)
}
