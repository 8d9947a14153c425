//! What GitLab alone does.

use mooring_forge::{Action, Canned, Fault, TokenSpec};
use serde_json::json;
use shared::providers::{ErrorClass, Scheme};

use crate::world::{Way, World};

#[tokio::test]
async fn a_token_that_may_not_read_its_user_says_what_it_lacks() {
    let world = World::start(Way::Gitlab).await;
    let token = world
        .forge
        .mint(TokenSpec::gitlab("ada").scopes(["read_repository"]));
    let identity = world
        .provider()
        .identity(&world.access_with(&token))
        .await
        .expect("an identity");
    assert_eq!(identity.missing_scopes, ["read_api"]);
    assert_eq!(identity.account.login, None);
    assert!(identity.account.id.is_some());
}

#[tokio::test]
async fn a_host_that_does_not_know_the_question_is_asked_for_the_user_alone() {
    let world = World::start(Way::Gitlab).await;
    for status in [400, 403, 404, 405] {
        world.forge.clear_faults();
        let canned = Canned::json(status, json!({"message": "no"}));
        world
            .forge
            .fault(Fault::on(world.asks_identity(), Action::Answer(canned)));
        let identity = world
            .provider()
            .identity(&world.access())
            .await
            .expect("an identity");
        assert_eq!(
            (identity.account.login.as_deref(), identity.scopes),
            (Some("ada"), None)
        );
    }
}

#[tokio::test]
async fn only_the_user_decides_on_a_bearer_token() {
    let world = World::start(Way::Gitlab).await;
    let canned = Canned::json(401, json!({"message": "401 Unauthorized"}));
    world
        .forge
        .fault(Fault::on(world.asks_identity(), Action::Answer(canned)));
    let mut access = world.access();
    let refused = world
        .provider()
        .identity(&access)
        .await
        .expect_err("refused");
    assert_eq!(refused.class, ErrorClass::Unauthorized);
    access.scheme = Scheme::Bearer;
    let identity = world
        .provider()
        .identity(&access)
        .await
        .expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_token_that_says_it_is_revoked_is_refused() {
    let world = World::start(Way::Gitlab).await;
    let body = json!({"scopes": ["api"], "revoked": true, "active": false, "expires_at": null, "user_id": 1});
    world.forge.fault(Fault::on(
        world.asks_identity(),
        Action::Answer(Canned::json(200, body)),
    ));
    let refused = world
        .provider()
        .identity(&world.access())
        .await
        .expect_err("refused");
    assert_eq!(refused.class, ErrorClass::Unauthorized);
}

#[tokio::test]
async fn a_walk_survives_a_proxy_that_drops_the_links() {
    let world = World::start(Way::Gitlab).await;
    let ids = world.forge.add_repositories("ada", 100);
    let page = world.first_page().await.expect("a page");
    let items: Vec<_> = page
        .repositories
        .iter()
        .map(|one| json!({"id": one.provider_repository_id.parse::<u64>().expect("a number"), "path": one.name, "path_with_namespace": one.full_name, "web_url": one.url}))
        .collect();
    let canned = Canned::json(200, json!(items));
    world
        .forge
        .fault(Fault::on(world.lists(), Action::Answer(canned)).once());
    let seen = world.walk(100, |_| ()).await;
    assert_eq!(seen.len(), ids.len());
}
