use std::collections::BTreeSet;

use mooring_forge::{Access, Action, Canned, Fault, RepositorySpec};
use serde_json::json;
use shared::providers::{ErrorClass, ListQuery};

use crate::world::{Way, World, hundred};

crate::everywhere!(
    every_repository_is_seen_once,
    what_comes_and_is_renamed_meanwhile_hides_nothing,
    a_walk_goes_on_from_a_failed_page,
    nothing_is_a_complete_listing,
    what_a_repository_is,
    what_one_may_write_to,
    pages_by_number,
    a_search_finds_what_contains_the_text,
    one_broken_item_does_not_hide_the_others,
    a_rename_is_followed,
    what_is_not_there,
);

async fn every_repository_is_seen_once(world: World) {
    for (owner, count) in [("ada", 250), ("acme", 101)] {
        if owner == "acme" {
            world
                .forge
                .add_organization(owner, &[("ada", mooring_forge::Role::Owner)]);
        }
        world.forge.add_repositories(owner, count);
    }
    // A token for one organization sees no other.
    let all = if world.way == Way::Azure { 250 } else { 351 };
    for per_page in [100, 39] {
        let ids = world.walk(per_page, |_| ()).await;
        assert_eq!(ids.len(), all);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), all);
    }
}

async fn what_comes_and_is_renamed_meanwhile_hides_nothing(world: World) {
    let ids = world.forge.add_repositories("ada", 250);
    let seen = world
        .walk(100, |page| {
            if page > 2 {
                return;
            }
            world
                .forge
                .add_repository("ada", RepositorySpec::named(format!("aaa-{page}")));
            let renamed = ids[200 + page];
            world
                .forge
                .edit(|state| state.rename(renamed, &format!("aab-{page}")));
        })
        .await;
    let seen: BTreeSet<_> = seen.into_iter().collect();
    for id in ids {
        assert!(seen.contains(&world.id_of(id)), "{id}");
    }
}

async fn a_walk_goes_on_from_a_failed_page(world: World) {
    // Only at Azure DevOps do projects matter: there they are the pages.
    for number in 0..250 {
        let spec = RepositorySpec::named(format!("repo-{number:03}"));
        let spec = spec.project(format!("part-{}", number / 100));
        world.forge.add_repository("ada", spec);
    }
    let (provider, access) = (world.provider(), world.access());
    let first = world.first_page().await.expect("a page");
    world
        .forge
        .fault(Fault::on(world.lists_rows(), Action::Answer(Canned::html(502))).once());
    let next = first.next.expect("a cursor");
    // As it comes back from where it was stored.
    let stored = serde_json::to_string(&next).expect("JSON");
    let next = serde_json::from_str(&stored).expect("a cursor");
    let failed = provider
        .repositories(&access, &hundred(), Some(&next))
        .await;
    assert_eq!(
        failed.expect_err("a failure").class,
        ErrorClass::Unavailable
    );
    let second = provider
        .repositories(&access, &hundred(), Some(&next))
        .await
        .expect("a page");
    assert_eq!(second.repositories.len(), 100);
    assert_ne!(first.repositories[0], second.repositories[0]);
}

async fn nothing_is_a_complete_listing(world: World) {
    let page = world.first_page().await.expect("a page");
    assert!(page.repositories.is_empty() && page.next.is_none() && !page.partial);
    // Bitbucket is asked for the workspaces first.
    let requests = if world.way == Way::Bitbucket { 2 } else { 1 };
    assert_eq!(page.requests, requests);
}

async fn what_a_repository_is(world: World) {
    let spec = RepositorySpec::named("boat")
        .description("Floats")
        .branches(["trunk", "x"]);
    world.forge.add_repository("ada", spec.archived());
    world.forge.add_repository(
        "ada",
        // A project of Azure DevOps is public or private as a whole.
        RepositorySpec::named("void")
            .public()
            .project("open")
            .branches::<&str>([]),
    );
    let page = world.first_page().await.expect("a page");
    let [boat, void] = page.repositories.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(
        (boat.name.as_str(), boat.full_name.as_str()),
        ("boat", world.full_name("ada/boat").as_str())
    );
    assert_eq!(boat.default_branch.as_deref(), Some("trunk"));
    // Bitbucket knows no archive.
    assert_eq!(boat.archived, world.way != Way::Bitbucket);
    assert!(boat.private && !boat.fork && !void.private && !void.archived);
    assert!(boat.ssh_url.is_some());
    if world.way == Way::Azure {
        let address = format!("{}/ada/ada/_git/boat", world.at.azure.url);
        assert_eq!((&boat.url, &boat.clone_url), (&address, &address));
        assert_eq!(boat.has_write_access, Some(false));
    } else {
        assert!(boat.url.ends_with("ada/boat") && boat.clone_url.ends_with("ada/boat.git"));
        assert_eq!(boat.description.as_deref(), Some("Floats"));
        assert!(boat.pushed_at.is_some());
    }
    let one = world
        .provider()
        .repository(&world.access(), &world.full_name("ada/boat"))
        .await
        .expect("it");
    assert_eq!(one.provider_repository_id, boat.provider_repository_id);
    assert_eq!(one.clone_url, boat.clone_url);
}

async fn what_one_may_write_to(world: World) {
    if world.way == Way::Azure {
        // No listing tells.
        world.forge.add_repositories("ada", 1);
        let page = world.first_page().await.expect("a page");
        assert_eq!(page.repositories[0].has_write_access, None);
        return;
    }
    world.forge.add_user("bob");
    for (name, access) in [("read", Access::Read), ("write", Access::Write)] {
        let spec = RepositorySpec::named(name).collaborator("ada", access);
        world.forge.add_repository("bob", spec);
    }
    world
        .forge
        .add_repository("bob", RepositorySpec::named("public").public());
    let mut page = world.first_page().await.expect("a page");
    // Bitbucket lists by workspace: ada's own is the first, and empty.
    if let Some(next) = page.next.as_ref().filter(|_| world.way == Way::Bitbucket) {
        let bobs = world
            .provider()
            .repositories(&world.access(), &hundred(), Some(next))
            .await;
        page = bobs.expect("a page");
    }
    let may: Vec<_> = page
        .repositories
        .iter()
        .map(|one| (one.name.as_str(), one.has_write_access))
        .collect();
    assert_eq!(may, [("read", Some(false)), ("write", Some(true))]);
}

async fn pages_by_number(world: World) {
    world.forge.add_repositories("ada", 45);
    let page = async |page| {
        let query = ListQuery {
            per_page: 20,
            page: Some(page),
            search: None,
        };
        let page = world
            .provider()
            .repositories(&world.access(), &query, None)
            .await;
        page.map(|page| (page.repositories.len(), page.next.is_some(), page.total))
            .expect("a page")
    };
    let total = matches!(world.way, Way::Gitlab | Way::Bitbucket | Way::Azure).then_some(45);
    assert_eq!(page(1).await, (20, true, total));
    assert_eq!(page(3).await, (5, false, Some(45)));
    assert_eq!(page(4).await.0, 0);
}

async fn a_search_finds_what_contains_the_text(world: World) {
    world.forge.add_repositories("ada", 230);
    for number in 0..5 {
        world
            .forge
            .add_repository("ada", RepositorySpec::named(format!("zz-Harbour-{number}")));
    }
    let (provider, access) = (world.provider(), world.access());
    let query = ListQuery {
        per_page: 2,
        page: Some(1),
        search: Some(" harbour ".to_owned()),
    };
    let mut page = provider
        .repositories(&access, &query, None)
        .await
        .expect("a page");
    let mut found = Vec::new();
    let mut pages = 1;
    loop {
        found.extend(page.repositories.into_iter().map(|one| one.name));
        let Some(next) = page.next else { break };
        pages += 1;
        page = provider
            .repositories(&access, &query, Some(&next))
            .await
            .expect("a page");
    }
    found.sort();
    assert_eq!(
        found,
        [0, 1, 2, 3, 4].map(|number| format!("zz-Harbour-{number}"))
    );
    assert_eq!(pages, 3);
    let third = ListQuery {
        page: Some(3),
        ..query
    };
    let third = provider
        .repositories(&access, &third, None)
        .await
        .expect("a page");
    assert_eq!((third.repositories.len(), third.next), (1, None));
}

async fn one_broken_item_does_not_hide_the_others(world: World) {
    world.forge.add_repositories("ada", 1);
    let good = json!({
        "id": 7, "name": "good", "full_name": "ada/good", "html_url": "https://h/ada/good",
        "clone_url": "https://h/ada/good.git", "private": false,
        "path": "good", "path_with_namespace": "ada/good", "web_url": "https://h/ada/good",
        "a_new_field": {"of": ["the", "vendor"]},
    });
    let body = match world.way {
        Way::Bitbucket => {
            let clone = json!([{ "name": "https", "href": "https://ada@h/ada/good.git" }]);
            let good = json!({ "uuid": "7", "full_name": "ada/good", "links": { "clone": clone }, "more": {} });
            json!({ "values": [good, { "uuid": "8", "full_name": 5 }, "no object at all"] })
        }
        Way::Azure => {
            let good = json!({
                "id": "7", "name": "good", "project": { "name": "ada" },
                "remoteUrl": "https://ada@h/ada/good.git", "a_new_field": [],
            });
            json!({ "count": 3, "value": [good, { "id": "8", "name": 5 }, "no object at all"] })
        }
        _ => json!([good, { "id": 8, "name": 5 }, "no object at all"]),
    };
    world.forge.fault(Fault::on(
        world.lists_rows(),
        Action::Answer(Canned::json(200, body)),
    ));
    let page = world.first_page().await.expect("a page");
    assert_eq!(page.repositories.len(), 1);
    assert_eq!(page.repositories[0].clone_url, "https://h/ada/good.git");
    let unread: Vec<_> = page
        .undecodable
        .iter()
        .map(|one| (one.id.as_deref(), one.detail.as_str()))
        .collect();
    let [(Some("8"), first), (None, second)] = unread[..] else {
        panic!("{unread:?}")
    };
    assert!(
        first.starts_with("id 8: ") && second.starts_with("item 2: "),
        "{unread:?}"
    );
}

async fn a_rename_is_followed(world: World) {
    let id = world
        .forge
        .add_repository("ada", RepositorySpec::named("old"));
    world.forge.edit(|state| state.rename(id, "new"));
    let (provider, access) = (world.provider(), world.access());
    if world.way == Way::Azure {
        let old = world.full_name("ada/old");
        let found = provider.repository(&access, &old).await;
        // Nothing leads from an old name to a new one.
        assert_eq!(found.expect_err("gone").class, ErrorClass::NotFound);
        return;
    }
    // However it is called: that is what a walk asks before something counts as gone.
    let known = provider
        .known_repository(&access, &world.id_of(id), "ada/old")
        .await
        .expect("it");
    assert_eq!(known.full_name, "ada/new");
    if world.way == Way::Bitbucket {
        let old = provider.repository(&access, "ada/old").await;
        assert_eq!(old.expect_err("no redirect").class, ErrorClass::NotFound);
        return;
    }
    let found = provider.repository(&access, "ada/old").await.expect("it");
    assert_eq!(
        (found.full_name.as_str(), found.provider_repository_id),
        ("ada/new", world.id_of(id))
    );
    let branches = crate::world::branches_of("ada/old");
    let page = world
        .provider()
        .branches(&world.access(), &branches)
        .await
        .expect("branches");
    assert_eq!(page.branches.len(), 1);
}

async fn what_is_not_there(world: World) {
    for name in ["ada/none", "ada/../x", "none", "1", "ada/no ne?x#y"] {
        let error = world
            .provider()
            .repository(&world.access(), &world.full_name(name))
            .await
            .expect_err(name);
        assert_eq!(error.class, ErrorClass::NotFound, "{name}");
    }
}
