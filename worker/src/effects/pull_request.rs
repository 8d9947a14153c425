//! A pull request changed: a preview is wanted, or is over. For connected repositories, as for pushes.

use chrono::TimeDelta;
use serde_json::json;
use shared::domain::outbox::EventType;
use shared::flows::Error;
use shared::providers::{PullRequest, PullRequestChange};
use shared::store::connected_repositories;
use shared::store::outbox::{self, NewEvent};
use shared::store::repositories::{self, Dated, Mark};

use super::Scene;

pub(super) async fn apply(scene: &mut Scene<'_>, request: &PullRequest) -> Result<(), Error> {
    let connection = scene.connection.id;
    let told = &request.repository;
    let connected =
        connected_repositories::of_repository(&mut **scene.tx, connection, &told.id).await?;
    if connected.is_empty() {
        scene.did("nothing: the repository is not connected");
        return Ok(());
    }
    let (kind, state) = match request.change {
        PullRequestChange::Opened => (EventType::PreviewRequested, "opened"),
        PullRequestChange::Synchronized => (EventType::PreviewRequested, "synchronized"),
        PullRequestChange::Closed { merged: true } => (EventType::PreviewClosed, "merged"),
        PullRequestChange::Closed { merged: false } => (EventType::PreviewClosed, "closed"),
    };
    let topic = format!("pull/{}", request.number);
    // What is newest is told by date and change; the same twice is told once.
    let stands = format!(
        "{state} {}",
        request.commit_sha.as_deref().unwrap_or_default()
    );
    let tie = match kind {
        EventType::PreviewClosed => TimeDelta::milliseconds(1),
        _ => TimeDelta::zero(),
    };
    // An edit and a vote are told like a new commit.
    let same = match (request.change, &request.commit_sha) {
        (PullRequestChange::Synchronized, Some(commit)) => {
            vec![format!("opened {commit}"), format!("synchronized {commit}")]
        }
        _ => Vec::new(),
    };
    let mark = Mark {
        repository: &told.id,
        topic: &topic,
        sha: Some(&stands),
        before: Some(""),
        // Within one second of the provider's clock, an end is the last.
        at: scene.at.unwrap_or(scene.delivery.received_at) + tie,
        // Of states that name no state before, the dates are all there is.
        dated: Dated::ByProvider,
        same: &same,
    };
    let organization = scene.connection.organization_id;
    let moved = repositories::move_mark(&mut **scene.tx, organization.0, connection, &mark).await?;
    if !moved {
        scene.did(format!("nothing: {topic} has changed since"));
        return Ok(());
    }
    let events: Vec<NewEvent> = connected
        .iter()
        .map(|one| NewEvent {
            kind,
            data: json!({
                "connection_id": connection,
                "connected_repository_id": one.id,
                "provider": scene.connection.provider,
                "provider_repository_id": told.id,
                "full_name": told.full_name.as_ref().unwrap_or(&one.full_name),
                "number": request.number,
                "title": request.title,
                "state": state,
                "source_branch": request.source_branch,
                "target_branch": request.target_branch,
                "commit_sha": request.commit_sha,
                "delivery_id": scene.delivery.id,
            }),
        })
        .collect();
    outbox::append(&mut **scene.tx, organization, &events, scene.now).await?;
    scene.did(format!("told {kind} of {topic}"));
    Ok(())
}
