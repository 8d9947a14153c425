//! UUIDs in braces, which follow from the forge's ids and lead back to them.

use crate::model::{OwnerId, RepositoryId};

const REPOSITORY: &str = "00000001-0000-4000-8000-";
const ACCOUNT: &str = "00000002-0000-4000-8000-";

/// The UUID of a repository as Bitbucket shows it, in braces.
pub fn repository_uuid(id: RepositoryId) -> String {
    format!("{{{REPOSITORY}{id:012x}}}")
}

/// The UUID of an account and of its workspace as Bitbucket shows it, in braces.
pub fn account_uuid(id: OwnerId) -> String {
    format!("{{{ACCOUNT}{id:012x}}}")
}

pub(crate) fn repository_of(text: &str) -> Option<RepositoryId> {
    number(text, REPOSITORY)
}

pub(super) fn account_of(text: &str) -> Option<OwnerId> {
    number(text, ACCOUNT)
}

fn number(text: &str, kind: &str) -> Option<u64> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    u64::from_str_radix(inner.strip_prefix(kind)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let id = 300_000_001;
        assert_eq!(
            repository_uuid(id),
            "{00000001-0000-4000-8000-000011e1a301}"
        );
        assert_eq!(repository_of(&repository_uuid(id)), Some(id));
        assert_eq!(account_of(&account_uuid(1001)), Some(1001));
        assert_eq!(account_of(&repository_uuid(id)), None);
        assert_eq!(repository_of("storefront"), None);
    }
}
