//! The files that a push touches, as its commits list them.

use serde::Deserialize;

/// Files that are looked at in one push.
const MOST: usize = 5_000;

/// The files of one commit, from the root of the repository, as GitHub and GitLab write them.
#[derive(Deserialize)]
pub(in crate::providers) struct CommitPaths {
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    modified: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
}

/// The files of all commits, each once, in order; and whether they are as many as are looked at, so
/// that there may be more.
pub(in crate::providers) fn touched(
    commits: impl Iterator<Item = CommitPaths>,
) -> (Vec<String>, bool) {
    let mut paths: Vec<String> = commits
        .flat_map(|one| [one.added, one.modified, one.removed])
        .flatten()
        .take(MOST)
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let full = paths.len() >= MOST;
    (paths, full)
}
