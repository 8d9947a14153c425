//! Ids as Azure DevOps has them. A GUID holds what it stands for in its first and the forge's own id in its last group, so
//! a request by GUID costs no search.

use sha2::{Digest, Sha256};

use crate::model::{OwnerId, RepositoryId};

pub(super) const ACTIVITY: u32 = 0xac71_0001;
pub(super) const ACCOUNT: u32 = 0xacc0_0001;
pub(super) const PERSON: u32 = 0x9e25_0001;
const REPOSITORY: u32 = 0x5e90_0001;

/// The GUID of something that has an id.
pub(super) fn of(kind: u32, id: u64) -> String {
    format!("{kind:08x}-4d00-4f0e-8000-{:012x}", id & 0xffff_ffff_ffff)
}

/// The id under which the Azure DevOps face shows a repository.
pub fn repository_guid(id: RepositoryId) -> String {
    of(REPOSITORY, id)
}

/// The repository of a GUID, whatever the case of its digits.
pub(super) fn repository(guid: &str) -> Option<RepositoryId> {
    let id = RepositoryId::from_str_radix(guid.get(24..)?, 16).ok()?;
    guid.eq_ignore_ascii_case(&repository_guid(id))
        .then_some(id)
}

/// A project has no id of its own in the forge: its GUID follows from its account's and its name. `None` is the default
/// project, which keeps its GUID when the account is renamed.
pub(super) fn project(owner: OwnerId, name: Option<&str>) -> String {
    let name = name.map(str::to_lowercase);
    let digest = Sha256::digest(format!("{owner}\n{name:?}"));
    let digits = hex::encode(&digest[..16]);
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_by_its_guid() {
        let guid = repository_guid(300_000_001);
        assert_eq!(guid, "5e900001-4d00-4f0e-8000-000011e1a301");
        assert_eq!(repository(&guid), Some(300_000_001));
        assert_eq!(repository(&guid.to_uppercase()), Some(300_000_001));
        assert_eq!(repository(&of(ACCOUNT, 300_000_001)), None);
        assert_eq!(repository("repo-00001"), None);
        assert_eq!(project(1, Some("A")), project(1, Some("a")));
        assert_ne!(project(1, None), project(2, None));
        assert_eq!(project(1, None).len(), 36);
    }
}
