//! The user the server runs as.
//!
//! Postgres refuses root. A program started as root therefore runs it as `postgres`, the user every package makes, or as `nobody`
//! where there is none. Whether that user can reach a folder is asked by walking there as that user, not computed from mode bits:
//! access lists, mount options and security modules count too.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::EmbeddedError;
use super::launch;
use super::surroundings::Surroundings;

/// A user and its primary group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The user to change to, or None where the program's own user will do. A database that is there already belongs to somebody:
/// as root it is run as that user, whoever was found when it was made.
pub(super) fn choose(
    pgdata: &Path,
    surroundings: &Surroundings,
) -> Result<Option<Account>, EmbeddedError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    if let Some(owner) = pgdata.metadata().ok().filter(|owner| owner.uid() != 0) {
        let name = format!("with id {}", owner.uid());
        return Ok(Some(Account {
            name,
            uid: owner.uid(),
            gid: owner.gid(),
        }));
    }
    let file = &surroundings.passwd;
    let passwd = std::fs::read_to_string(file).map_err(EmbeddedError::file(file))?;
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| look_up(&passwd, name))
        .map(Some)
        .ok_or(EmbeddedError::NoAccount)
}

fn look_up(passwd: &str, name: &str) -> Option<Account> {
    // Some systems write nobody's id as -2: the same 32 bits, read as signed.
    let id = |field: &str| {
        field
            .parse::<u32>()
            .ok()
            .or_else(|| field.parse::<i32>().ok().map(i32::cast_unsigned))
    };
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, _, uid, gid, ..] = fields.as_slice() else {
            return None;
        };
        let account = Account {
            name: name.to_owned(),
            uid: id(uid)?,
            gid: id(gid)?,
        };
        (*found == name && account.uid != 0).then_some(account)
    })
}

/// The first folder on the way to `dir`, from the root, that the account cannot enter.
pub(super) fn first_closed_folder(
    account: &Account,
    dir: &Path,
    surroundings: &Surroundings,
) -> Result<Option<PathBuf>, EmbeddedError> {
    const WALK: &str =
        r#"n=10; for folder do cd -- "$folder" 2>/dev/null || exit $n; n=$((n + 1)); done"#;
    let mut folders: Vec<&Path> = dir.ancestors().collect();
    folders.reverse();
    let mut command = launch::command(Path::new("/bin/sh"), Some(account), surroundings);
    command.arg("-c").arg(WALK).arg("walk").args(&folders);
    let output = launch::run(command, "sh", None)?;
    match output.status.code() {
        Some(0) => Ok(None),
        Some(code) => {
            let index = usize::try_from(code - 10).ok();
            Ok(Some(
                index
                    .and_then(|index| folders.get(index))
                    .map_or(dir, |folder| *folder)
                    .to_owned(),
            ))
        }
        None => Ok(Some(dir.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_signed_ids_and_never_root() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:0:0::/:/bin/sh\nnobody:*:-2:-2:Unprivileged:/:/usr/bin/false\n";
        assert_eq!(look_up(passwd, "postgres"), None);
        assert_eq!(
            look_up(passwd, "nobody").map(|found| found.uid),
            Some(u32::MAX - 1)
        );
    }
}
