//! Files that this process may have open: each connection is one, and so are those to the database.
//!
//! Shells and service managers begin with a soft limit of 1,024, for the sake of programs that cannot
//! count further; the hard one is what an operator means. A process that used up its files could answer
//! nobody and lose its database, so connections end well before.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for everything else.
const OTHERS: u64 = 256;

/// Raises the limit as far as `most` connections need, and says how many it leaves room for.
pub fn connections(most: usize) -> usize {
    let most = most as u64;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(most + OTHERS);
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < wanted {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => files = wanted,
            Err(error) => tracing::warn!(%error, files, "the limit of open files stays as it is"),
        }
    }
    room(files, most)
}

/// How many of `most` connections so many files leave room for: at least half of the files.
fn room(files: u64, most: u64) -> usize {
    let room = files
        .saturating_sub(OTHERS)
        .max(files / 2)
        .clamp(1, most.max(1));
    usize::try_from(room).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(room(u64::MAX, 16_384), 16_384);
        assert_eq!(room(1_024, 16_384), 768);
        assert_eq!(room(100, 16_384), 50);
        assert_eq!(room(0, 16_384), 1);
        assert!(connections(16_384) >= 1);
        let limit = getrlimit(Resource::Nofile);
        assert!(limit.current.unwrap_or(u64::MAX) > connections(16_384) as u64);
    }
}
