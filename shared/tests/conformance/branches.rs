use mooring_forge::RepositorySpec;
use shared::providers::{BranchQuery, ErrorClass};

use crate::world::{Way, World, branches_of};

crate::everywhere!(
    all_branches_by_pages,
    a_search_finds_what_contains_the_text,
    an_empty_repository_has_none,
    a_repository_that_is_not_there,
);

async fn all_branches_by_pages(world: World) {
    let names = ["trunk".to_owned()]
        .into_iter()
        .chain((0..204).map(|n| format!("topic/{n:03}")));
    let spec = RepositorySpec::named("boat")
        .branches(names)
        .protected("topic/007");
    world.forge.add_repository("ada", spec);
    let mut found = Vec::new();
    for page in 1..=3 {
        let query = BranchQuery {
            page,
            ..branches_of(&world.full_name("ada/boat"))
        };
        let answer = world
            .provider()
            .branches(&world.access(), &query)
            .await
            .expect("a page");
        assert_eq!(answer.has_next, page < 3);
        found.extend(answer.branches);
    }
    assert_eq!(found.len(), 205);
    let default: Vec<_> = found
        .iter()
        .filter(|one| one.is_default)
        .map(|one| &one.name)
        .collect();
    assert_eq!(default, ["trunk"]);
    let protected = found.iter().filter(|one| one.is_protected == Some(true));
    let protected: Vec<_> = protected.map(|one| one.name.as_str()).collect();
    match world.way {
        // Written in policies, which no listing tells; for administrators alone to read.
        Way::Azure | Way::Bitbucket => assert!(found.iter().all(|one| one.is_protected.is_none())),
        _ => assert_eq!(protected, ["topic/007"]),
    }
    assert!(found.iter().all(|one| one.commit_sha.len() == 40));
}

async fn a_search_finds_what_contains_the_text(world: World) {
    let names = ["main", "feature/login", "fix/Login-page", "login", "other"];
    world
        .forge
        .add_repository("ada", RepositorySpec::named("boat").branches(names));
    let search = async |text: &str, page, per_page| {
        let search = Some(text.to_owned());
        let query = BranchQuery {
            search,
            page,
            per_page,
            ..branches_of(&world.full_name("ada/boat"))
        };
        let page = world
            .provider()
            .branches(&world.access(), &query)
            .await
            .expect("a page");
        let mut names: Vec<_> = page.branches.into_iter().map(|one| one.name).collect();
        names.sort();
        (names, page.has_next)
    };
    let (names, has_next) = search("login", 1, 100).await;
    assert_eq!(names, ["feature/login", "fix/Login-page", "login"]);
    assert!(!has_next);
    assert_eq!(search("main", 1, 100).await.0, ["main"]);
    assert!(search("nothing", 1, 100).await.0.is_empty());
    assert_eq!(
        (
            search("login", 1, 2).await.0.len(),
            search("login", 2, 2).await.0.len()
        ),
        (2, 1)
    );
    assert!(search("login", 1, 2).await.1);
}

async fn an_empty_repository_has_none(world: World) {
    world
        .forge
        .add_repository("ada", RepositorySpec::named("void").branches::<&str>([]));
    for search in [None, Some("main".to_owned())] {
        let query = BranchQuery {
            search,
            ..branches_of(&world.full_name("ada/void"))
        };
        let page = world
            .provider()
            .branches(&world.access(), &query)
            .await
            .expect("a page");
        assert!(page.branches.is_empty() && !page.has_next);
    }
}

async fn a_repository_that_is_not_there(world: World) {
    let error = world
        .provider()
        .branches(&world.access(), &branches_of(&world.full_name("ada/none")))
        .await;
    assert_eq!(error.expect_err("an error").class, ErrorClass::NotFound);
}
