//! Something happened to an installation of a GitHub App.
//!
//! A deletion is final: an App that is installed again has another number. Suspensions come and go, so
//! the provider's date decides, and where it does not, the provider is asked.

use shared::flows::Error;
use shared::flows::connections::{Told, told};
use shared::providers::InstallationChange;
use shared::store::connections;

use super::Scene;

pub(super) async fn apply(scene: &mut Scene<'_>, change: InstallationChange) -> Result<(), Error> {
    let what = match change {
        InstallationChange::Deleted => Told::Uninstalled,
        InstallationChange::Suspended => Told::Suspended,
        InstallationChange::Unsuspended => Told::Unsuspended,
        InstallationChange::PermissionsAccepted => {
            scene.want_check("other permissions were accepted");
            scene.want_sync("other permissions may show other repositories");
            return Ok(());
        }
        InstallationChange::Created => {
            scene.want_check("the App was installed");
            return Ok(());
        }
    };
    if what != Told::Uninstalled {
        let last = scene.known.installation_event_at;
        let Some(at) = scene.at else {
            scene.want_check("the event has no date");
            return Ok(());
        };
        if last.is_some_and(|last| at < last) {
            scene.did("nothing: a newer event has counted");
            return Ok(());
        }
        // The provider was asked after that, or it is as old as the last one.
        let asked = scene
            .connection
            .validated_at
            .is_some_and(|asked| at <= asked);
        if asked || last == Some(at) {
            scene.want_check("the event is not newer than what the provider said last");
            return Ok(());
        }
        connections::note_installation_event(&mut **scene.tx, scene.connection.id, at).await?;
    }
    let jobs = told(
        scene.context,
        scene.permit,
        scene.tx,
        scene.connection.clone(),
        what,
    )
    .await?;
    scene.jobs.extend(jobs);
    scene.did(match what {
        Told::Uninstalled => "connection disconnected: the App was uninstalled",
        Told::Suspended => "connection suspended",
        _ => "validation: the suspension was lifted",
    });
    if what == Told::Unsuspended {
        scene.want_sync("the suspension was lifted");
    }
    Ok(())
}
