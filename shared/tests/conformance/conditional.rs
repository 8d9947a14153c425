use std::collections::{BTreeSet, VecDeque};

use mooring_forge::{Access, RepositorySpec};
use shared::providers::{CheckedPage, Cursor, HeldPage};

use crate::world::{Way, World, hundred};

crate::everywhere!(
    an_unchanged_page_is_not_sent_again,
    what_follows_a_full_last_page_is_found,
    writable_ones_are_all_there,
);

type Known = (Option<Cursor>, CheckedPage);

/// No ETag of Azure DevOps and Bitbucket is known: their pages are read whole each time.
fn has_etags(world: &World) -> bool {
    !matches!(world.way, Way::Azure | Way::Bitbucket)
}

fn repositories(pages: &[Known]) -> usize {
    let each = pages.iter().map(|(_, page)| page.page.repositories.len());
    each.sum()
}

/// Every page, asked for by what is known of it.
async fn pages(world: &World, known: &[Known]) -> Vec<Known> {
    let (provider, access) = (world.provider(), world.access());
    let mut open = VecDeque::from([None]);
    let mut seen: Vec<Known> = Vec::new();
    while let Some(cursor) = open.pop_front() {
        let held = known.iter().find(|(of, _)| *of == cursor);
        let held = held.map(|(_, known)| HeldPage {
            // Where none is known, whatever is held must not keep a page from being read.
            etag: known.etag.clone().unwrap_or_default(),
            next: known.page.next.clone(),
            repositories: known.page.repositories.len(),
        });
        let page = provider
            .repositories_if_changed(&access, &hundred(), cursor.as_ref(), held.as_ref())
            .await
            .expect("a page");
        open.extend(page.page.next.clone().map(Some));
        seen.push((cursor, page));
    }
    seen
}

async fn an_unchanged_page_is_not_sent_again(world: World) {
    let ids = world.forge.add_repositories("ada", 230);
    let first = pages(&world, &[]).await;
    let read = |page: &CheckedPage| !page.not_modified && page.etag.is_some() == has_etags(&world);
    assert!(first.iter().all(|(_, page)| read(page)));
    let again = pages(&world, &first).await;
    if !has_etags(&world) {
        assert!(again.iter().all(|(_, page)| read(page)));
        assert_eq!((repositories(&first), repositories(&again)), (230, 230));
        return;
    }
    assert_eq!(again.len(), first.len());
    for ((_, now), (_, then)) in again.iter().zip(&first) {
        assert!(now.not_modified && now.page.repositories.is_empty());
        assert_eq!(now.page.next, then.page.next);
        assert_eq!(now.page.requests, 1);
    }
    world.forge.edit(|state| state.rename(ids[150], "renamed"));
    let after = pages(&world, &first).await;
    let read: Vec<usize> = (0..after.len())
        .filter(|n| !after[*n].1.not_modified)
        .collect();
    assert_eq!(read, [1]);
    assert_eq!(after[1].1.page.repositories.len(), 100);
}

async fn what_follows_a_full_last_page_is_found(world: World) {
    world.forge.add_repositories("ada", 200);
    let first = pages(&world, &[]).await;
    let last = world.id_of(world.forge.add_repositories("ada", 1)[0]);
    let after = pages(&world, &first).await;
    let found = after.iter().flat_map(|(_, page)| &page.page.repositories);
    let found: Vec<_> = found
        .map(|found| found.provider_repository_id.clone())
        .collect();
    if has_etags(&world) {
        assert_eq!(found, [last]);
    } else {
        assert_eq!(found.len(), 201);
        assert!(found.contains(&last), "{last}");
    }
}

async fn writable_ones_are_all_there(world: World) {
    world.forge.add_repositories("ada", 230);
    for (name, access) in [("read-only", Access::Read), ("writable", Access::Write)] {
        world.forge.add_user(name);
        let spec = RepositorySpec::named("theirs").collaborator("ada", access);
        world.forge.add_repository(name, spec);
    }
    let (provider, access) = (world.provider(), world.access());
    let (mut open, mut asked) = (VecDeque::from([None]), BTreeSet::new());
    let mut names = BTreeSet::new();
    while let Some(cursor) = open.pop_front() {
        let page = provider
            .writable(&access, &hundred(), cursor.as_ref(), None)
            .await;
        let page = page.expect("a page").page;
        let told = page.next.iter().chain(&page.ahead).cloned();
        open.extend(
            told.filter(|next| asked.insert(next.0.to_string()))
                .map(Some),
        );
        let may = page
            .repositories
            .into_iter()
            .filter(|found| found.has_write_access != Some(false));
        names.extend(may.map(|found| found.full_name));
    }
    let theirs: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with("/theirs"))
        .collect();
    let (all, found) = match world.way {
        // A token there is for one organization, and these are in others.
        Way::Azure => (230, vec![]),
        _ => (231, vec!["writable/theirs"]),
    };
    assert_eq!(names.len(), all);
    assert_eq!(theirs, found);
}
