//! What an installation is refused for, and how its tokens are minted and renewed.

use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use mooring_forge::{Action, AppSpec, Canned, Fault, Match, Role, TokenKind, TokenSpec};
use serde_json::json;
use shared::domain::secret::{ExposeSecret, Secret};
use shared::providers::{Access, App, ErrorClass, Holding, Narrowing, Scheme};
use shared::session::{KeySource, MintedTokens, installed};

use super::{World, lists, number};
use crate::world::hundred;

#[tokio::test]
async fn suspended_and_uninstalled_are_told_apart() {
    let world = World::start().await;
    let (provider, access) = world.open();
    provider.identity(&access).await.expect("an identity");
    let id = world.installation;
    world.forge.edit(|state| state.suspend(id, true));
    let error = world.error_of_identity().await;
    assert_eq!(error.class, ErrorClass::Suspended);
    let settings = format!("/organizations/acme/settings/installations/{id}");
    assert!(error.action_url.expect("a page").ends_with(&settings));
    // By a token that was minted before, and where there is none.
    for tokens in [world.tokens.clone(), MintedTokens::default()] {
        let parts = (&world.providers, &tokens, &world.clock);
        let (provider, access) = installed(parts, world.app(), KeySource::Pasted, number(id));
        let refused = provider.repositories(&access, &hundred(), None).await;
        assert_eq!(refused.expect_err("suspended").class, ErrorClass::Suspended);
    }
    world.forge.edit(|state| state.uninstall(id));
    let refused = provider.repositories(&access, &hundred(), None).await;
    assert_eq!(refused.expect_err("gone").class, ErrorClass::Uninstalled);
    let error = world.error_of_identity().await;
    assert_eq!(error.class, ErrorClass::Uninstalled);
    let page = error.action_url.expect("a page");
    assert!(page.ends_with("/apps/mooring/installations/new"), "{page}");
}

#[tokio::test]
async fn whose_key_it_is_that_is_refused() {
    let world = World::start().await;
    let other = world.forge.add_app("ada", AppSpec::new("other"));
    let key = Secret::from(other.private_key.as_str());
    let wrong = || App {
        private_key: key.clone(),
        ..world.app()
    };
    for (source, class) in [
        (KeySource::Pasted, ErrorClass::Unauthorized),
        (KeySource::Configured, ErrorClass::Operator),
    ] {
        let (provider, access) = world.with(wrong(), source);
        let error = provider.identity(&access).await.expect_err("refused");
        assert_eq!(error.class, class);
        let error = provider.repositories(&access, &hundred(), None).await;
        assert_eq!(error.expect_err("refused").class, class);
    }
    // The numbers of another App with a key that is good for it: no installation of it.
    let foreign = App {
        id: number(other.id),
        private_key: key.clone(),
        ..world.app()
    };
    let (provider, access) = world.with(foreign, KeySource::Pasted);
    let error = provider.identity(&access).await.expect_err("another's");
    assert_eq!(error.class, ErrorClass::Uninstalled);
    let nobody = App {
        id: 1,
        ..world.app()
    };
    let (provider, access) = world.with(nobody, KeySource::Pasted);
    let error = provider.identity(&access).await.expect_err("no such App");
    assert_eq!(error.class, ErrorClass::Unauthorized);
}

#[tokio::test]
async fn a_made_up_key_is_not_given_what_another_has_bought() {
    let world = World::start().await;
    let (provider, access) = world.open();
    provider.identity(&access).await.expect("an identity");
    let other = world.forge.add_app("ada", AppSpec::new("other"));
    let made_up = App {
        private_key: Secret::from(other.private_key.as_str()),
        ..world.app()
    };
    let (provider, access) = world.with(made_up, KeySource::Pasted);
    let refused = provider.repositories(&access, &hundred(), None).await;
    assert_eq!(
        refused.expect_err("refused").class,
        ErrorClass::Unauthorized
    );
}

#[tokio::test]
async fn clocks_that_differ() {
    for apart in [-3600, -90, 90, 3600] {
        let world = World::start().await;
        world.apart.store(apart, Ordering::SeqCst);
        let (provider, access) = world.open();
        provider
            .identity(&access)
            .await
            .unwrap_or_else(|error| panic!("{apart} s apart: {error}"));
        // A token lasts as long as it lasts, whatever their clock says.
        world.clock.advance(TimeDelta::minutes(50));
        let page = provider.repositories(&access, &hundred(), None).await;
        page.unwrap_or_else(|error| panic!("{apart} s apart: {error}"));
        let minted = format!("/app/installations/{}/access_tokens", world.installation);
        let minted = world.forge.requests(&Match::any().path(minted));
        let made = minted.iter().filter(|asked| asked.status == Some(201));
        assert_eq!(made.count(), 1, "{apart}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_clock_that_stays_is_no_refusal_of_the_key() {
    let world = World::start().await;
    let text = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
    let canned = Canned::json(401, json!({ "message": text }));
    let path = Match::any().path("/app/**");
    world
        .forge
        .fault(Fault::on(path.clone(), Action::Answer(canned)));
    let error = world.error_of_identity().await;
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(world.forge.count(&path), 2);
}

#[tokio::test]
async fn a_token_that_is_not_known_everywhere_yet() {
    for status in [401, 403] {
        let world = World::start().await;
        let refusals = Some((status, 2));
        let set = |state: &mut mooring_forge::State| {
            state.settings.github.fresh_token_refusals = refusals;
        };
        world.forge.edit(set);
        let (provider, access) = world.open();
        provider.identity(&access).await.expect("an identity");
        assert_eq!((world.mintings(), world.forge.count(&lists())), (1, 3));
    }
}

#[tokio::test]
async fn a_new_token_that_stays_refused_is_no_revocation() {
    let world = World::start().await;
    let refused = Canned::json(401, json!({ "message": "Bad credentials" }));
    world
        .forge
        .fault(Fault::on(lists(), Action::Answer(refused)));
    let (provider, access) = world.open();
    let error = provider.identity(&access).await.expect_err("refused");
    assert_eq!(error.class, ErrorClass::Unavailable, "{error:?}");
}

#[tokio::test]
async fn a_token_that_died_early_is_replaced() {
    let world = World::start().await;
    let (provider, access) = world.open();
    provider.identity(&access).await.expect("an identity");
    // Once the time is over in which a refusal says nothing.
    world.clock.advance(TimeDelta::seconds(6));
    let dead = Canned::json(401, json!({ "message": "Bad credentials" }));
    world
        .forge
        .fault(Fault::on(lists(), Action::Answer(dead)).once());
    let page = provider.repositories(&access, &hundred(), None).await;
    page.expect("a page");
    assert_eq!(world.mintings(), 2);
}

#[tokio::test]
async fn a_walk_outlives_its_token() {
    let world = World::start().await;
    world.forge.add_repositories("acme", 250);
    let (provider, access) = world.open();
    let first = provider.repositories(&access, &hundred(), None).await;
    let mut next = first.expect("a page").next;
    while let Some(cursor) = next {
        world.clock.advance(TimeDelta::minutes(56));
        next = provider
            .repositories(&access, &hundred(), Some(&cursor))
            .await
            .expect("a page")
            .next;
    }
    assert_eq!(world.mintings(), 3);
    let refused = world.forge.requests(&lists());
    assert!(refused.iter().all(|asked| asked.status == Some(200)));
}

#[tokio::test]
async fn fifty_who_ask_at_once_cost_one_token() {
    let world = World::start().await;
    world.forge.add_repositories("acme", 1);
    let askers: Vec<_> = (0..50)
        .map(|_| {
            let (provider, access) = world.open();
            tokio::spawn(async move {
                let page = provider.repositories(&access, &hundred(), None).await;
                page.expect("a page").repositories.len()
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.expect("an answer"), 1);
    }
    assert_eq!((world.mintings(), world.forge.count(&lists())), (1, 50));
}

#[tokio::test]
async fn a_token_can_be_narrowed() {
    let world = World::start().await;
    world.forge.add_repositories("acme", 2);
    let narrowing = Narrowing {
        repositories: ["repo-00002".to_owned()].into(),
        permissions: [("metadata".to_owned(), "read".to_owned())].into(),
    };
    let apps = world.providers.apps();
    let minted = apps
        .mint(&world.app(), number(world.installation), &narrowing)
        .await
        .expect("a token");
    assert_eq!(minted.permissions.len(), 1);
    let token = minted.token.expose_secret();
    assert!(token.starts_with("ghs_") && token.len() > 500);
    let access = Access {
        token: minted.token,
        ..world.open().1
    };
    let github = world.providers.of(access.instance.kind);
    let page = github.repositories(&access, &hundred(), None).await;
    assert_eq!(page.expect("a page").repositories[0].name, "repo-00002");
    let wide = Narrowing {
        repositories: ["repo-00009".to_owned()].into(),
        ..Narrowing::default()
    };
    let error = apps
        .mint(&world.app(), number(world.installation), &wide)
        .await;
    assert_eq!(error.expect_err("refused").status, Some(422));
}

#[tokio::test]
async fn an_access_without_a_token_asks_nothing() {
    let world = World::start().await;
    let (_, access) = world.open();
    let github = world.providers.of(access.instance.kind);
    let error = github.identity(&access).await.expect_err("no token");
    assert_eq!(error.class, ErrorClass::Unexpected);
    assert_eq!(world.forge.count(&Match::any()), 0);
}

#[tokio::test]
async fn how_far_a_person_holds_an_installation() {
    let world = World::start().await;
    let ids = world.forge.add_repositories("acme", 3);
    for login in ["eve", "mia", "bob"] {
        world.forge.add_user(login);
    }
    world.forge.edit(|state| {
        state.add_member("acme", "mia", Role::Member);
        let admin = mooring_forge::Access::Admin;
        state.add_collaborator(ids[0], "bob", admin);
    });
    for (login, expected) in [
        ("ada", Holding::Whole { repositories: 3 }),
        ("mia", Holding::Part),
        // An administrator of one of three.
        ("bob", Holding::Whole { repositories: 1 }),
        ("eve", Holding::None),
    ] {
        let user = TokenSpec::of(login, TokenKind::GitHubUser, &[]).app(world.app.id);
        let access = Access {
            token: Secret::from(world.forge.mint(user)),
            scheme: Scheme::Bearer,
            ..world.open().1
        };
        let apps = world.providers.apps();
        let holding = apps.holding(&access, number(world.installation)).await;
        assert_eq!(holding.expect("an answer"), expected, "{login}");
    }
}
