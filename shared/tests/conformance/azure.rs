//! What Azure DevOps alone does.

use std::collections::BTreeSet;

use mooring_forge::{
    Access as Rights, Action, Canned, Face, Fault, Match, RepositorySpec, Role, SignIn, TokenKind,
    TokenSpec,
};
use shared::providers::{Access, Cursor, ErrorClass, ListQuery, RepositoryPage, Scheme};

use crate::world::{Way, World, branches_of, hundred};

/// A person's access by Microsoft Entra, to all of her organizations.
fn person(world: &World) -> Access {
    let spec = TokenSpec::of("ada", TokenKind::AzureEntra, &["user_impersonation"]);
    let token = world.forge.mint(spec);
    Access {
        scheme: Scheme::Bearer,
        azure_organization: None,
        ..world.access_with(&token)
    }
}

/// Every page from the start.
async fn pages(world: &World, access: &Access) -> Vec<RepositoryPage> {
    let mut pages: Vec<RepositoryPage> = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = world
            .provider()
            .repositories(access, &hundred(), cursor.as_ref())
            .await
            .expect("a page");
        cursor.clone_from(&page.next);
        pages.push(page);
        if cursor.is_none() {
            return pages;
        }
    }
}

fn names(pages: &[RepositoryPage]) -> BTreeSet<String> {
    let rows = pages.iter().flat_map(|page| &page.repositories);
    rows.map(|one| one.full_name.clone()).collect()
}

async fn with_organizations() -> World {
    let world = World::start(Way::Azure).await;
    world.forge.add_user("bob");
    world
        .forge
        .add_organization("acme", &[("ada", Role::Member)]);
    world.forge.add_repositories("ada", 2);
    world.forge.add_repositories("acme", 130);
    let shared = RepositorySpec::named("shared").collaborator("ada", Rights::Read);
    world.forge.add_repository("bob", shared);
    world
}

#[tokio::test]
async fn a_person_sees_all_her_organizations() {
    let world = with_organizations().await;
    let access = person(&world);
    let found = pages(&world, &access).await;
    let names = names(&found);
    assert_eq!(names.len(), 133);
    for name in [
        "ada/ada/repo-00001",
        "acme/acme/repo-00130",
        "bob/bob/shared",
    ] {
        assert!(names.contains(name), "{name}");
    }
    assert!(found.iter().all(|page| !page.partial));
    // Who she is and where she belongs is asked once.
    assert_eq!(world.forge.count(&Match::any().path("/_apis/accounts")), 1);
    let identity = world.provider().identity(&access).await.expect("somebody");
    assert_eq!(identity.account.login.as_deref(), Some("ada@example.com"));
    let one = world
        .provider()
        .repository(&access, "acme/acme/repo-00007")
        .await;
    assert_eq!(one.expect("it").name, "repo-00007");
    let page = world
        .provider()
        .branches(&access, &branches_of("bob/bob/shared"))
        .await;
    assert_eq!(page.expect("branches").branches.len(), 1);
    let query = ListQuery {
        page: Some(2),
        per_page: 30,
        search: Some("REPO-001".to_owned()),
    };
    let live = world.provider().repositories(&access, &query, None).await;
    let live = live.expect("a page");
    assert_eq!(
        (live.repositories.len(), live.total, live.next),
        (1, Some(31), None)
    );
}

#[tokio::test]
async fn an_organization_that_keeps_her_out_is_left_out_and_told() {
    let world = with_organizations().await;
    let access = person(&world);
    let acme = Match::face(Face::Azure).path("/acme/_apis/projects");
    for refusal in [
        Canned::azure_sign_in(),
        Canned::json(
            403,
            serde_json::json!({"message": "VS403463: The conditional access policy"}),
        ),
        Canned::html(404),
    ] {
        world.forge.clear_faults();
        world
            .forge
            .fault(Fault::on(acme.clone(), Action::Answer(refusal)));
        let found = pages(&world, &access).await;
        assert_eq!(names(&found).len(), 3);
        assert!(found.iter().any(|page| page.partial));
    }
    // A failing one is no refusal.
    world.forge.clear_faults();
    world
        .forge
        .fault(Fault::on(acme, Action::Answer(Canned::html(503))));
    let mut cursor = None;
    let error = loop {
        let page = world
            .provider()
            .repositories(&access, &hundred(), cursor.as_ref())
            .await;
        match page {
            Ok(page) => cursor = Some(page.next.expect("more")),
            Err(error) => break error,
        }
    };
    assert_eq!(error.class, ErrorClass::Unavailable);
}

#[tokio::test]
async fn a_token_that_ends_during_a_walk_is_no_cut_listing() {
    let world = with_organizations().await;
    let access = person(&world);
    let provider = world.provider();
    for number in 0..30 {
        let spec = RepositorySpec::named(format!("p{number}")).project(format!("p{number}"));
        world.forge.add_repository("ada", spec);
    }
    let first = provider
        .repositories(&access, &hundred(), None)
        .await
        .expect("a page");
    let next = first.next.expect("more");
    world.forge.edit(|state| {
        let secret = {
            use shared::domain::secret::ExposeSecret;
            access.token.expose_secret().to_owned()
        };
        assert!(state.revoke(&secret));
    });
    let error = provider
        .repositories(&access, &hundred(), Some(&next))
        .await;
    assert_eq!(error.expect_err("refused").class, ErrorClass::Unauthorized);
}

#[tokio::test]
async fn many_small_projects_make_a_page_and_a_stored_cursor_goes_on() {
    let world = World::start(Way::Azure).await;
    for number in 0..230 {
        let spec = RepositorySpec::named(format!("r{number}")).project(format!("p{number:03}"));
        world.forge.add_repository("ada", spec);
    }
    let found = pages(&world, &world.access()).await;
    assert_eq!(names(&found).len(), 230);
    assert!(found.iter().all(|page| page.requests <= 20));
    assert_eq!(found.len(), 12);
    let asked = Match::face(Face::Azure).path("/ada/_apis/projects");
    assert_eq!(world.forge.count(&asked), 3);
    for page in &found {
        let Some(next) = &page.next else { continue };
        let stored = serde_json::to_string(next).expect("JSON");
        assert!(!stored.contains("http") && stored.len() < 5_000, "{stored}");
    }
}

#[tokio::test]
async fn a_project_that_is_deleted_meanwhile_is_gone() {
    let world = World::start(Way::Azure).await;
    for project in ["a", "b", "c"] {
        for number in 0..100 {
            let spec = RepositorySpec::named(format!("{project}{number}")).project(project);
            world.forge.add_repository("ada", spec);
        }
    }
    let (provider, access) = (world.provider(), world.access());
    let first = provider
        .repositories(&access, &hundred(), None)
        .await
        .expect("a page");
    world.forge.edit(|state| {
        let of_b = state
            .repositories()
            .filter(|one| one.project.as_deref() == Some("b"));
        let ids: Vec<_> = of_b.map(|one| one.id).collect();
        ids.into_iter().for_each(|id| state.delete(id));
    });
    let second = provider
        .repositories(&access, &hundred(), first.next.as_ref())
        .await;
    let second = second.expect("a page");
    assert_eq!(
        (second.repositories.len(), second.next, second.partial),
        (100, None, false)
    );
}

#[tokio::test]
async fn every_way_to_the_sign_in_page_is_a_refusal() {
    let world = World::start(Way::Azure).await;
    world.forge.revoke(&world.token);
    let page = format!("{}/ada/_usersSettings/tokens", world.at.azure.url);
    for (sign_in, status) in [
        (SignIn::Page, 203),
        (SignIn::Redirect, 302),
        (SignIn::Unauthorized, 401),
    ] {
        world
            .forge
            .edit(|state| state.settings.azure.sign_in = sign_in);
        let error = world.provider().identity(&world.access()).await;
        let error = error.expect_err("refused");
        assert_eq!(
            (error.class, error.status),
            (ErrorClass::Unauthorized, Some(status))
        );
        assert_eq!(error.action_url.as_deref(), Some(page.as_str()));
    }
    // Nobody went there.
    assert_eq!(world.forge.count(&Match::any().path("/_signin")), 0);
    // Another organization is not asked: it would answer like to a dead token.
    world.forge.clear_log();
    let error = world
        .provider()
        .repository(&world.access(), "acme/p/r")
        .await;
    assert_eq!(error.expect_err("elsewhere").class, ErrorClass::NotFound);
    assert_eq!(world.forge.count(&Match::any()), 0);
}

#[tokio::test]
async fn a_success_that_asks_to_slow_down_ends_the_page_and_is_told() {
    let world = World::start(Way::Azure).await;
    for project in ["a", "b"] {
        world
            .forge
            .add_repository("ada", RepositorySpec::named(project).project(project));
    }
    world
        .forge
        .edit(|state| state.settings.azure.delayed_from = 0);
    let found = pages(&world, &world.access()).await;
    assert_eq!(names(&found).len(), 2);
    assert_eq!(found.len(), 3);
    for page in &found {
        assert_eq!(page.rate_limit.remaining, Some(0));
        assert!(page.rate_limit.reset_at.is_some());
    }
}

#[tokio::test]
async fn a_token_for_code_alone_gets_the_organization_in_one_answer() {
    let world = World::start(Way::Azure).await;
    for project in ["a", "b"] {
        world
            .forge
            .add_repository("ada", RepositorySpec::named(project).project(project));
    }
    let spec = TokenSpec::azure("ada").scopes(["vso.code"]);
    let access = world.access_with(&world.forge.mint(spec));
    let identity = world.provider().identity(&access).await.expect("somebody");
    assert!(identity.missing_scopes.is_empty());
    let found = pages(&world, &access).await;
    assert_eq!((found.len(), names(&found).len()), (1, 2));
    assert!(!found[0].partial);
}

#[tokio::test]
async fn names_with_spaces_are_found() {
    let world = World::start(Way::Azure).await;
    let spec = RepositorySpec::named("the boat").project("Sea & Shore");
    world.forge.add_repository("ada", spec);
    let page = world.first_page().await.expect("a page");
    let boat = &page.repositories[0];
    assert_eq!(boat.full_name, "ada/Sea & Shore/the boat");
    assert!(
        boat.clone_url
            .ends_with("/ada/Sea%20&%20Shore/_git/the%20boat")
    );
    assert!(!boat.clone_url.contains('@'));
    let (provider, access) = (world.provider(), world.access());
    let again = provider
        .repository(&access, &boat.full_name)
        .await
        .expect("it");
    assert_eq!(&again, boat);
    let branches = provider
        .branches(&access, &branches_of(&boat.full_name))
        .await;
    assert_eq!(branches.expect("branches").branches[0].name, "main");
}

#[tokio::test]
async fn ten_thousand_repositories_in_one_project_are_one_answer() {
    let world = World::start(Way::Azure).await;
    world.forge.add_repositories("ada", 10_000);
    let found = pages(&world, &world.access()).await;
    assert_eq!((found.len(), names(&found).len()), (1, 10_000));
    let query = ListQuery {
        page: Some(100),
        ..hundred()
    };
    let last = world
        .provider()
        .repositories(&world.access(), &query, None)
        .await
        .expect("a page");
    assert_eq!((last.repositories.len(), last.total), (100, Some(10_000)));
}
