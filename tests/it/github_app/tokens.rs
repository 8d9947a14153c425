//! Tokens of an installation: minted once, renewed under way, waited for.

use std::sync::Arc;

use chrono::TimeDelta;
use mooring_forge::{Face, Forge, Hold, InstallationSpec, Match, Serve};
use serde_json::json;

use super::installed;
use crate::world::run_test;

#[test]
fn fifty_who_ask_at_once_cost_one_token() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 5);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        assert_eq!(w.forge.count(&one.mints()), 1);
        w.clock.advance(TimeDelta::minutes(56));
        let gate = w.forge.gate(one.mints(), Hold::BeforeWork);
        let path = format!("/git-connections/{id}/repositories?source=live");
        let askers: Vec<_> = (0..50)
            .map(|_| {
                let (owner, path) = (owner.clone(), path.clone());
                tokio::spawn(async move { owner.get(&path).await.expect(200)["total"].clone() })
            })
            .collect();
        gate.arrived(1).await;
        gate.open();
        for asker in askers {
            assert_eq!(asker.await.unwrap(), 5);
        }
        assert_eq!(w.forge.count(&one.mints()), 2);
    });
}

#[test]
fn a_sync_outlives_the_token_that_it_began_with() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 350);
        let lists = Match::face(Face::GitHub).path("/installation/repositories");
        let third = w.forge.gate(lists.clone().page(3), Hold::BeforeWork);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        third.arrived(1).await;
        // The one that is held fails with the token's end; the walk goes on with another.
        w.clock.advance(TimeDelta::minutes(61));
        third.open();
        owner.synced(&id).await;
        let runs = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        assert_eq!(
            (&runs["syncs"][0]["found"], &runs["syncs"][0]["complete"]),
            (&json!(350), &json!(true))
        );
        assert_eq!(w.forge.count(&one.mints()), 2);
    });
}

#[test]
fn a_token_that_is_new_everywhere_but_here_is_waited_for() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 2);
        for status in [401, 403] {
            let set = |state: &mut mooring_forge::State| {
                state.settings.github.fresh_token_refusals = Some((status, 2));
            };
            w.forge.edit(set);
            let made = owner.post("/git-connections", one.body()).await.expect(201);
            assert_eq!(made["health"]["code"], "ok");
            w.clock.advance(TimeDelta::minutes(61));
            let job = owner.sync(made["id"].as_str().unwrap()).await;
            assert_eq!(job["status"], "succeeded", "{job}");
        }
    });
}

#[test]
fn a_clock_that_is_wrong_by_an_hour_is_no_obstacle() {
    run_test(|w| async move {
        let owner = w.owner();
        for (seed, apart) in [(7, 3600), (8, -3600)] {
            let ours = w.clock.clone();
            let theirs = Arc::new(move || ours.now() + TimeDelta::seconds(apart));
            let forge = Forge::new(theirs, seed);
            let served = forge.serve(Serve::default()).await.unwrap();
            forge.add_user("ada");
            forge.add_repositories("ada", 2);
            let app = forge.add_app("ada", mooring_forge::AppSpec::new("mooring"));
            let id = forge.install(InstallationSpec::all(app.id, "ada"));
            let mut body = super::Installed { app, id }.body();
            body["base_url"] = json!(served.github.web_url);
            let made = owner.post("/git-connections", body).await.expect(201);
            assert_eq!(made["health"]["code"], "ok", "{made}");
            owner.synced(made["id"].as_str().unwrap()).await;
        }
    });
}
