//! What an event tells of a repository, laid over what is known of it. Pure.

use shared::domain::repository::RemoteRepository;
use shared::providers::ToldRepository;

/// The repository as it is now, in an instance with this root; `None` where nothing was known and too
/// little is told to show it.
pub(super) fn merge(
    told: &ToldRepository,
    known: Option<&RemoteRepository>,
    base_url: &str,
) -> Option<RemoteRepository> {
    let full_name = told
        .full_name
        .clone()
        .or_else(|| known.map(|known| known.full_name.clone()))?;
    let moved = known.is_some_and(|known| known.full_name != full_name);
    let last = full_name.rsplit('/').next().unwrap_or_default().to_owned();
    let name = told.name.clone();
    let name = name.or_else(|| standing(known, moved, |known| known.name.clone()));
    let url = told.url.clone().unwrap_or_else(|| {
        standing(known, moved, |known| known.url.clone())
            .unwrap_or_else(|| format!("{base_url}/{full_name}"))
    });
    let clone_url = told.clone_url.clone().unwrap_or_else(|| {
        standing(known, moved, |known| known.clone_url.clone())
            .unwrap_or_else(|| format!("{}.git", url.trim_end_matches(".git")))
    });
    let ssh_url = told
        .ssh_url
        .clone()
        .or_else(|| standing(known, moved, |known| known.ssh_url.clone()).flatten());
    Some(RemoteRepository {
        provider_repository_id: told.id.clone(),
        name: name.unwrap_or(last),
        url,
        clone_url,
        ssh_url,
        private: told
            .private
            .or(known.map(|known| known.private))
            .unwrap_or(true),
        default_branch: told
            .default_branch
            .clone()
            .or_else(|| known.and_then(|known| known.default_branch.clone())),
        description: match &told.description {
            Some(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            None => known.and_then(|known| known.description.clone()),
        },
        language: told
            .language
            .clone()
            .or_else(|| known.and_then(|known| known.language.clone())),
        archived: told
            .archived
            .or(known.map(|known| known.archived))
            .unwrap_or(false),
        fork: told.fork.or(known.map(|known| known.fork)).unwrap_or(false),
        has_write_access: known.and_then(|known| known.has_write_access),
        size_kb: told.size_kb.or(known.and_then(|known| known.size_kb)),
        // Pushes come in any order; the last one is the latest.
        pushed_at: told.pushed_at.max(known.and_then(|known| known.pushed_at)),
        full_name,
    })
}

/// What is known and not told stays, unless it hangs on a name that is another one now.
fn standing<T>(
    known: Option<&RemoteRepository>,
    moved: bool,
    read: impl FnOnce(&RemoteRepository) -> T,
) -> Option<T> {
    known.filter(|_| !moved).map(read)
}
