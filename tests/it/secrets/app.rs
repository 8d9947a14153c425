//! A GitHub App: its key pasted, configured and refused, and the tokens that are minted with it.

use mooring_forge::{Action, AppSpec, Canned, Fault, InstallationSpec, Match, Role};
use serde_json::json;

use super::Planted;
use super::life::Lived;
use crate::world::{Caller, World};

pub async fn live(w: &World, owner: &Caller, lived: &mut Lived) {
    w.forge.add_organization("wharf", &[("octo", Role::Owner)]);
    w.forge.add_repositories("wharf", 3);
    let app = w.forge.add_app("octo", AppSpec::new("crane"));
    let other = w.forge.add_app("octo", AppSpec::new("derrick"));
    let id = w.forge.install(InstallationSpec::all(app.id, "wharf"));
    for (what, key) in [
        ("a pasted key", &app.private_key),
        ("another App's key", &other.private_key),
    ] {
        // Any line of it tells half of it.
        let line = key.lines().nth(7).unwrap();
        lived.secrets.push(Planted::new(what, line));
    }
    let body = |key: &str| {
        json!({ "name": "Wharf", "provider": "github", "auth_method": "github_app",
            "github_app_id": app.id, "github_app_installation_id": id,
            "github_app_private_key": key })
    };
    for path in ["/git-connections", "/git-connections/test"] {
        for wrong in [other.private_key.clone(), app.private_key.replace('M', "N")] {
            owner.post(path, body(&wrong)).await.headers.len();
        }
    }
    let made = owner.post("/git-connections", body(&app.private_key)).await;
    let connection = made.expect(201)["id"].as_str().unwrap().to_owned();
    owner.synced(&connection).await;
    let path = format!("/git-connections/{connection}");
    // A host that repeats the token that it was sent.
    for secret in w.forge.read(mooring_forge::State::installation_secrets) {
        let echo = Canned::json(500, json!({ "message": format!("no entry for {secret}") }));
        let lists = Match::any().path("/installation/repositories");
        let fault = w.forge.fault(Fault::on(lists, Action::Answer(echo)));
        owner.get(&format!("{path}/repositories?source=live")).await;
        owner.post(&format!("{path}/validate"), json!({})).await;
        w.forge.remove_fault(fault);
    }
    let swapped = json!({ "github_app_private_key": w.forge.add_app_key(app.id) });
    owner.patch(&path, swapped).await.expect(200);
    w.forge.edit(|state| state.uninstall(id));
    owner
        .post(&format!("{path}/validate"), json!({}))
        .await
        .expect(200);
    for secret in w.forge.read(mooring_forge::State::installation_secrets) {
        lived
            .secrets
            .push(Planted::new("an installation's token", secret));
    }
}
