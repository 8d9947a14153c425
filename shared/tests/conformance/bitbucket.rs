//! What Bitbucket alone does.

mod tokens;

use chrono::TimeDelta;
use mooring_forge::{
    Access as Level, Action, Canned, Fault, Match, RepositorySpec, Role, account_uuid,
};
use serde_json::json;
use shared::clock::Clock;
use shared::providers::{Access, ErrorClass, ListQuery, RepositoryPage};

use crate::world::{Way, World, hundred};

async fn world() -> World {
    World::start(Way::Bitbucket).await
}

pub(super) async fn walk(world: &World, access: &Access) -> Vec<RepositoryPage> {
    let provider = world.provider();
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let page = provider
            .repositories(access, &hundred(), cursor.as_ref())
            .await
            .expect("a page");
        cursor = page.next.clone();
        pages.push(page);
        if cursor.is_none() {
            return pages;
        }
    }
}

async fn live_page(world: &World, query: &ListQuery) -> RepositoryPage {
    let (provider, access) = (world.provider(), world.access());
    let page = provider.repositories(&access, query, None).await;
    page.expect("a page")
}

pub(super) fn names(pages: &[RepositoryPage]) -> Vec<&str> {
    let found = pages.iter().flat_map(|page| &page.repositories);
    found.map(|one| one.full_name.as_str()).collect()
}

#[tokio::test]
async fn pages_are_followed_whatever_they_are_called() {
    let world = world().await;
    world
        .forge
        .edit(|state| state.settings.bitbucket.opaque_pages = true);
    world.forge.add_repositories("ada", 250);
    world
        .forge
        .add_organization("acme", &[("ada", Role::Member)]);
    world.forge.add_repositories("acme", 101);
    let ids = world.walk(50, |_| ()).await;
    assert_eq!(ids.len(), 351);
    let page = world.first_page().await.expect("a page");
    assert_eq!(page.total, None);
}

#[tokio::test]
async fn a_walk_asks_for_no_more_than_it_must() {
    let world = world().await;
    world.forge.add_user("bob");
    for number in 0..250 {
        let level = if number % 2 == 0 {
            Level::Read
        } else {
            Level::Write
        };
        let name = format!("r{number:03}");
        let spec = RepositorySpec::named(name).collaborator("ada", level);
        world.forge.add_repository("bob", spec);
    }
    let pages = walk(&world, &world.access()).await;
    // Ada's own workspace, empty; then three pages, each with one more question for what may be
    // written to; workspaces at the start, behind the first and behind the last of them.
    let requests: u32 = pages.iter().map(|page| page.requests).sum();
    assert_eq!(requests, 1 + 1 + 3 * 2 + 1);
    assert_eq!(world.forge.count(&Match::any()), 9);
    let found = pages.iter().flat_map(|page| &page.repositories);
    let may = found.filter(|one| one.has_write_access == Some(true));
    assert_eq!(may.count(), 125);
}

#[tokio::test]
async fn an_administrator_may_write_everywhere() {
    let world = world().await;
    world
        .forge
        .add_organization("acme", &[("ada", Role::Owner)]);
    world.forge.add_repositories("acme", 2);
    let pages = walk(&world, &world.access()).await;
    assert!(
        pages
            .iter()
            .flat_map(|page| &page.repositories)
            .all(|one| one.has_write_access == Some(true))
    );
    let roles = Match::any().query("role", "contributor");
    assert_eq!(world.forge.count(&roles), 0);
}

#[tokio::test]
async fn that_roles_cannot_be_asked_keeps_nobody_from_the_list() {
    let world = world().await;
    world
        .forge
        .add_organization("acme", &[("ada", Role::Member)]);
    world.forge.add_repositories("acme", 2);
    let refused = Canned::json(400, json!({ "error": { "message": "Invalid q" } }));
    let roles = Match::any().query("role", "contributor");
    world.forge.fault(Fault::on(roles, Action::Answer(refused)));
    let pages = walk(&world, &world.access()).await;
    let found: Vec<_> = pages
        .iter()
        .flat_map(|page| &page.repositories)
        .map(|one| one.has_write_access)
        .collect();
    assert_eq!(found, [None, None]);
}

#[tokio::test]
async fn workspaces_come_and_go_while_a_walk_goes_on() {
    let world = world().await;
    for name in ["acme", "globex", "initech"] {
        world.forge.add_organization(name, &[("ada", Role::Owner)]);
        world.forge.add_repositories(name, 101);
    }
    world.forge.add_repositories("ada", 1);
    let (provider, access) = (world.provider(), world.access());
    let mut page = world.first_page().await.expect("a page");
    let mut seen = Vec::new();
    for number in 1.. {
        assert!(!page.partial);
        seen.extend(page.repositories.iter().map(|one| one.full_name.clone()));
        let Some(next) = page.next else { break };
        // In the middle of acme: it is left, and so is globex, and umbrella is entered.
        if number == 2 {
            world.forge.edit(|state| {
                let ada = state.owner_named("ada").expect("ada").id;
                for name in ["acme", "globex"] {
                    state.organization_mut(name).members.remove(&ada);
                    let id = state.owner_named(name).expect(name).id;
                    state.user_mut(ada).organizations.remove(&id);
                }
            });
            world
                .forge
                .add_organization("umbrella", &[("ada", Role::Owner)]);
            world.forge.add_repositories("umbrella", 1);
        }
        page = provider
            .repositories(&access, &hundred(), Some(&next))
            .await
            .expect("a page");
    }
    let of = |name: &str| {
        let seen = seen.iter();
        seen.filter(|one| one.starts_with(&format!("{name}/")))
            .count()
    };
    let counts = ["ada", "acme", "globex", "initech", "umbrella"].map(of);
    assert_eq!(counts, [1, 100, 0, 101, 1]);
}

#[tokio::test]
async fn a_workspace_behind_a_wall_makes_the_listing_partial() {
    let world = world().await;
    world
        .forge
        .add_organization("acme", &[("ada", Role::Owner)]);
    world.forge.add_repositories("acme", 1);
    world
        .forge
        .add_organization("zeta", &[("ada", Role::Owner)]);
    world.forge.add_repositories("zeta", 1);
    let acme = world
        .forge
        .read(|state| state.owner_named("acme").map(|owner| owner.id));
    let uuid = account_uuid(acme.expect("acme"));
    let path = format!(
        "/repositories/{}",
        uuid.replace('{', "%7B").replace('}', "%7D")
    );
    let said = "To access this workspace, an admin has to allow your IP address.";
    for (status, body) in [
        (403, json!({ "error": { "message": said } })),
        (410, json!({ "error": { "message": "Spam" } })),
    ] {
        world.forge.clear_faults();
        let wall = Canned::json(status, body);
        let on = Match::any().path(path.clone());
        world.forge.fault(Fault::on(on, Action::Answer(wall)));
        let pages = walk(&world, &world.access()).await;
        assert_eq!(names(&pages), ["zeta/repo-00001"]);
        let partial: Vec<bool> = pages.iter().map(|page| page.partial).collect();
        assert_eq!(partial, [false, true, false]);
        let live = ListQuery {
            page: Some(1),
            ..hundred()
        };
        let live = live_page(&world, &live).await;
        assert!(live.partial);
        assert_eq!(names(&[live]), ["zeta/repo-00001"]);
    }
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_asked() {
    let world = world().await;
    for next in [
        "https://evil.example/2.0/repositories/x?page=2",
        "http://127.0.0.1:9/2.0/repositories/x?page=2",
    ] {
        world.forge.clear_faults();
        let page = Canned::json(200, json!({ "values": [], "next": next }));
        world
            .forge
            .fault(Fault::on(world.lists(), Action::Answer(page)));
        let error = world.first_page().await.expect_err("another origin");
        assert_eq!(error.class, ErrorClass::Blocked);
        assert!(error.detail.contains("another origin"), "{}", error.detail);
    }
}

#[tokio::test]
async fn a_page_that_leads_back_ends_the_walk() {
    let world = world().await;
    let query = "role=member&sort=created_on&pagelen=100";
    let next = format!("{}/repositories/x?{query}", world.at.bitbucket.api_url);
    let page = Canned::json(200, json!({ "values": [], "next": next }));
    world
        .forge
        .fault(Fault::on(world.lists(), Action::Answer(page)));
    let error = world.first_page().await.expect_err("no way on");
    assert_eq!(error.class, ErrorClass::Unexpected);
}

#[tokio::test]
async fn live_pages_run_through_all_workspaces() {
    let world = world().await;
    world.forge.add_repositories("ada", 25);
    world
        .forge
        .add_organization("acme", &[("ada", Role::Member)]);
    world.forge.add_repositories("acme", 7);
    world
        .forge
        .add_organization("empty", &[("ada", Role::Member)]);
    world
        .forge
        .add_organization("zeta", &[("ada", Role::Member)]);
    world.forge.add_repositories("zeta", 13);
    let mut seen = Vec::new();
    for number in 1..=6 {
        let query = ListQuery {
            per_page: 10,
            page: Some(number),
            search: None,
        };
        let page = live_page(&world, &query).await;
        assert_eq!(page.total, Some(45));
        assert_eq!(page.next.is_some(), number < 5, "{number}");
        let count = page.repositories.len();
        assert_eq!(count, [10, 10, 10, 10, 5, 0][number as usize - 1]);
        assert!(
            page.repositories
                .iter()
                .all(|one| one.has_write_access == Some(one.full_name.starts_with("ada/")))
        );
        seen.extend(page.repositories.into_iter().map(|one| one.full_name));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 45);
}

#[tokio::test]
async fn a_spent_hour_is_waited_for_by_minutes() {
    let world = world().await;
    world
        .forge
        .set_remaining(mooring_forge::Face::Bitbucket, "ada", 0);
    let error = world.first_page().await.expect_err("limited");
    let wait = error.retry_at.expect("a time") - Clock::system().now();
    assert!(wait > TimeDelta::minutes(4), "{wait}");
}

#[tokio::test]
async fn a_removed_listing_is_named() {
    let world = world().await;
    let gone = json!({ "type": "error", "error": { "message": "CHANGE-2770 - Functionality has been deprecated" } });
    let on = Match::any().path("/user/workspaces");
    world
        .forge
        .fault(Fault::on(on, Action::Answer(Canned::json(410, gone))));
    let error = world.first_page().await.expect_err("gone");
    assert_eq!(error.class, ErrorClass::Unexpected);
    assert!(error.detail.contains("CHANGE-2770"), "{}", error.detail);
}
