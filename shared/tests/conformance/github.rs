//! What GitHub alone does.

use mooring_forge::{Match, Role, TokenSpec};
use shared::providers::{BranchQuery, ErrorClass, ListQuery};

use crate::world::{Way, World, branches_of, hundred};

#[tokio::test]
async fn a_listing_says_that_single_sign_on_left_something_out() {
    let world = World::start(Way::Github).await;
    world
        .forge
        .add_organization("acme", &[("ada", Role::Owner)]);
    world
        .forge
        .edit(|state| state.organization_mut("acme").sso_enforced = true);
    world.forge.add_repositories("acme", 3);
    world.forge.add_repositories("ada", 2);
    let page = world.first_page().await.expect("a page");
    assert_eq!((page.repositories.len(), page.partial), (2, true));
    let authorized = world
        .forge
        .mint(TokenSpec::classic("ada").sso_authorized("acme"));
    let access = world.access_with(&authorized);
    let page = world
        .provider()
        .repositories(&access, &hundred(), None)
        .await
        .expect("a page");
    assert_eq!((page.repositories.len(), page.partial), (5, false));
    let error = world
        .provider()
        .repository(&world.access(), "acme/repo-00001")
        .await;
    let error = error.expect_err("a wall");
    assert_eq!(error.class, ErrorClass::SsoBlocked);
    assert!(error.status == Some(403));
}

#[tokio::test]
async fn a_fine_grained_token_tells_no_scopes() {
    let world = World::start(Way::Github).await;
    let access = world.access_with(&world.forge.mint(TokenSpec::fine_grained("ada")));
    let identity = world
        .provider()
        .identity(&access)
        .await
        .expect("an identity");
    assert_eq!((identity.scopes, identity.missing_scopes.len()), (None, 0));
}

#[tokio::test]
async fn the_pages_ahead_may_be_asked_at_once() {
    let world = World::start(Way::Github).await;
    world.forge.add_repositories("ada", 450);
    let (provider, access) = (world.provider(), world.access());
    let first = world.first_page().await.expect("a page");
    let cursors: Vec<_> = first.next.iter().chain(&first.ahead).collect();
    assert_eq!(cursors.len(), 4);
    let mut seen = first.repositories.len();
    for cursor in cursors.into_iter().rev() {
        let page = provider
            .repositories(&access, &hundred(), Some(cursor))
            .await
            .expect("a page");
        seen += page.repositories.len();
        assert!(page.ahead.is_empty());
    }
    assert_eq!(seen, 450);
}

#[tokio::test]
async fn a_search_is_bounded_and_goes_on_from_its_cursor() {
    let world = World::start(Way::Github).await;
    world.forge.add_repositories("ada", 1_050);
    let query = ListQuery {
        search: Some("repo-01050".to_owned()),
        page: Some(1),
        per_page: 30,
    };
    let (provider, access) = (world.provider(), world.access());
    let first = provider
        .repositories(&access, &query, None)
        .await
        .expect("a page");
    assert_eq!(
        (first.repositories.len(), first.requests, first.total),
        (0, 10, None)
    );
    let next = first.next.expect("a cursor");
    let second = provider
        .repositories(&access, &query, Some(&next))
        .await
        .expect("a page");
    assert_eq!((second.repositories.len(), second.next), (1, None));
}

#[tokio::test]
async fn a_full_name_of_a_branch_is_found_behind_the_bound() {
    let world = World::start(Way::Github).await;
    let names = (0..1_050)
        .map(|n| format!("b{n:04}"))
        .chain(["zz/last".to_owned()]);
    let spec = mooring_forge::RepositorySpec::named("boat").branches(names);
    world.forge.add_repository("ada", spec);
    let query = BranchQuery {
        search: Some("zz/la".to_owned()),
        ..branches_of("ada/boat")
    };
    let page = world
        .provider()
        .branches(&world.access(), &query)
        .await
        .expect("a page");
    let found: Vec<_> = page
        .branches
        .iter()
        .map(|one| (one.name.as_str(), one.is_protected))
        .collect();
    assert_eq!(found, [("zz/last", None)]);
    let refs = Match::any().path("/repos/ada/boat/git/matching-refs/heads/zz/la");
    assert_eq!(world.forge.count(&refs), 1);
}
