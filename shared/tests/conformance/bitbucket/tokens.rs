//! Whose token it is, and where it is for.

use mooring_forge::{RepositorySpec, Role, TokenKind, TokenSpec};
use shared::domain::secret::ExposeSecret;
use shared::providers::{Access, ErrorClass, Scheme};

use super::{names, walk, world};
use crate::world::{World, branches_of, hundred};

/// An access token, with what a person gave beside it.
fn bearer(world: &World, spec: TokenSpec, username: Option<&str>) -> Access {
    Access {
        scheme: Scheme::Bearer,
        username: username.map(str::to_owned),
        ..world.access_with(&world.forge.mint(spec))
    }
}

#[tokio::test]
async fn an_access_token_of_a_workspace_finds_it_by_itself() {
    let world = world().await;
    world
        .forge
        .add_organization("acme", &[("ada", Role::Owner)]);
    world.forge.add_repositories("acme", 101);
    world.forge.add_repositories("ada", 1);
    let access = bearer(&world, TokenSpec::bitbucket_access("acme"), None);
    let provider = world.provider();
    let identity = provider.identity(&access).await.expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("acme"));
    assert_eq!(identity.account.kind.as_deref(), Some("workspace"));
    assert!(identity.missing_scopes.is_empty());
    let scopes = identity.scopes.expect("scopes");
    assert_eq!(scopes, ["account", "repository"]);
    let pages = walk(&world, &access).await;
    assert_eq!(names(&pages).len(), 101);
    assert_eq!(pages[0].total, Some(101));
    // No role is asked for, and writing takes a scope that this one lacks.
    let roles = world.forge.requests(&world.lists());
    assert!(roles.iter().all(|request| !request.query.has("role")));
    assert_eq!(pages[0].repositories[0].has_write_access, Some(false));
    let query = branches_of("acme/repo-00001");
    let page = provider.branches(&access, &query).await;
    assert_eq!(page.expect("branches").branches.len(), 1);
}

#[tokio::test]
async fn an_access_token_of_a_repository_has_to_be_told_its_place() {
    let world = world().await;
    world
        .forge
        .add_organization("acme", &[("ada", Role::Owner)]);
    let site = world
        .forge
        .add_repository("acme", RepositorySpec::named("site"));
    world
        .forge
        .add_repository("acme", RepositorySpec::named("shop"));
    world
        .forge
        .add_repository("acme", RepositorySpec::named("open").public());
    let spec = || {
        TokenSpec::bitbucket_access("acme")
            .scopes(["repository:write"])
            .repositories([site])
    };
    let provider = world.provider();
    let untold = bearer(&world, spec(), None);
    let error = provider.identity(&untold).await.expect_err("no place");
    assert_eq!(error.class, ErrorClass::Forbidden);
    let fault = provider.explain_refusal(&untold, &error).expect("a word");
    assert_eq!(
        (fault.field, fault.code),
        ("username", "workspace_required")
    );
    assert!(fault.message.contains("workspace/repository"));

    let access = bearer(&world, spec(), Some("acme/site"));
    let identity = provider.identity(&access).await.expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("acme/site"));
    assert_eq!(identity.account.kind.as_deref(), Some("repository"));
    let pages = walk(&world, &access).await;
    assert_eq!(names(&pages), ["acme/site"]);
    assert_eq!(pages[0].repositories[0].has_write_access, Some(true));
    assert_eq!((pages[0].total, pages[0].requests), (Some(1), 1));

    let access = bearer(&world, spec(), Some("acme"));
    let identity = provider.identity(&access).await.expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("acme"));
    assert_eq!(
        names(&walk(&world, &access).await),
        ["acme/site", "acme/open"]
    );

    for wrong in ["acme/shop", "nobody", "nobody/site"] {
        let access = bearer(&world, spec(), Some(wrong));
        let error = provider.identity(&access).await.expect_err(wrong);
        let fault = provider.explain_refusal(&access, &error).expect("a word");
        assert_eq!(fault.code, "workspace_unreachable", "{wrong}");
    }
}

#[tokio::test]
async fn a_dead_access_token_is_told_from_one_without_a_place() {
    let world = world().await;
    let spec = TokenSpec::bitbucket_access("ada");
    for username in [None, Some("ada")] {
        let access = bearer(&world, spec.clone(), username);
        world.forge.revoke(access.token.expose_secret());
        let provider = world.provider();
        let error = provider.identity(&access).await.expect_err("dead");
        assert_eq!(error.class, ErrorClass::Unauthorized);
    }
}

#[tokio::test]
async fn a_grant_of_oauth_is_a_user() {
    let world = world().await;
    world.forge.add_repositories("ada", 2);
    let spec = TokenSpec::of(
        "ada",
        TokenKind::BitbucketOAuth,
        &["account", "repository:write"],
    );
    let access = bearer(&world, spec, None);
    let identity = world.provider().identity(&access).await;
    let identity = identity.expect("an identity");
    assert_eq!(identity.account.login.as_deref(), Some("ada"));
    assert!(identity.missing_scopes.is_empty());
    assert_eq!(names(&walk(&world, &access).await).len(), 2);
}

#[tokio::test]
async fn a_token_that_may_not_read_its_user_says_what_it_lacks() {
    let world = world().await;
    let spec = TokenSpec::bitbucket("ada").scopes(["read:repository:bitbucket"]);
    let access = world.access_with(&world.forge.mint(spec));
    let identity = world.provider().identity(&access).await;
    let identity = identity.expect("an identity");
    assert_eq!(
        identity.missing_scopes,
        ["read:user:bitbucket", "read:workspace:bitbucket"]
    );
    let error = world
        .provider()
        .repositories(&access, &hundred(), None)
        .await
        .expect_err("a scope");
    assert_eq!(error.class, ErrorClass::ScopeMissing);
}
