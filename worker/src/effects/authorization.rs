//! A person took back every grant to an App.
//!
//! The event names the person and nothing else: no date, no grant. So a grant that is younger than the
//! delivery's arrival, or that another client holds, or whose client nobody told, is asked about and
//! not believed to be gone.

use shared::flows::Error;
use shared::flows::connections::{Told, told};

use super::Scene;

pub(super) async fn apply(scene: &mut Scene<'_>) -> Result<(), Error> {
    let obtained = scene.known.obtained_at;
    let younger = obtained.is_none_or(|obtained| obtained >= scene.delivery.received_at);
    let through_row = scene.known.provider_config.map(|id| id.0);
    // The source of an App that is configured in a row is that row.
    let same_row = through_row == Some(scene.delivery.source_id.0);
    let of_settings = through_row.is_none()
        && scene.known.oauth_client.is_some()
        && scene.known.oauth_client == platform_client(scene)
        && scene.delivery.organization_id.is_platform();
    if younger || scene.delivery.recovered || !(same_row || of_settings) {
        scene.want_check("the person took a grant back");
        return Ok(());
    }
    let jobs = told(
        scene.context,
        scene.permit,
        scene.tx,
        scene.connection.clone(),
        Told::Revoked,
    )
    .await?;
    scene.jobs.extend(jobs);
    scene.did("connection revoked by the person at the provider");
    Ok(())
}

/// The client of the platform's settings.
fn platform_client(scene: &Scene<'_>) -> Option<String> {
    let app = scene.context.apps.oauth(scene.connection.provider)?;
    Some(app.client_id.clone())
}
