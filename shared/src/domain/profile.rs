//! The profile of an application: what a repository is made of.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::ids::RepositoryId;
use super::text_enum::text_enum;

text_enum! {
    /// How far a profile is.
    pub enum ProfileState {
        /// The repository is known; nobody has looked into it.
        Stub = "stub",
        /// As of `commit_sha`.
        Ready = "ready",
        /// The last analysis failed.
        Failed = "failed",
    }
}

/// What a repository is made of. Everything but the state is empty in a stub.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ApplicationProfile {
    /// The repository (ours).
    pub repository_id: RepositoryId,
    /// How far it is.
    pub state: ProfileState,
    /// What kind of application it is.
    pub app_type: Option<String>,
    /// Its languages.
    pub languages: Vec<Value>,
    /// Its package ecosystems.
    pub ecosystems: Vec<Value>,
    /// Its dependency manifests.
    pub manifests: Vec<Value>,
    /// What it depends on.
    pub dependencies: Vec<Value>,
    /// When it was last analyzed.
    pub analyzed_at: Option<DateTime<Utc>>,
    /// At which commit.
    pub commit_sha: Option<String>,
}

/// Whether a file says what an application is made of: a manifest of dependencies, a lock of them, or
/// what builds and lays out the code.
#[must_use]
pub fn is_structural(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "__manifest__.py",
        "__openerp__.py",
        "build.gradle",
        "build.gradle.kts",
        "bun.lock",
        "cargo.lock",
        "cargo.toml",
        "cmakelists.txt",
        "composer.json",
        "composer.lock",
        "containerfile",
        "docker-compose.yml",
        "dockerfile",
        "gemfile",
        "gemfile.lock",
        "go.mod",
        "go.sum",
        "go.work",
        "makefile",
        "mix.exs",
        "package-lock.json",
        "package.json",
        "package.swift",
        "pipfile",
        "pipfile.lock",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "poetry.lock",
        "pom.xml",
        "pubspec.yaml",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "uv.lock",
        "yarn.lock",
    ];
    const ENDINGS: &[&str] = &[".csproj", ".fsproj", ".sln", ".gemspec", ".tf"];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    NAMES.contains(&name.as_str())
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || (name.starts_with("requirements") && name.ends_with(".txt"))
}

#[cfg(test)]
mod tests {
    use super::is_structural;

    #[test]
    fn manifests_are_told_from_code() {
        for path in [
            "package.json",
            "a/Cargo.toml",
            "x/requirements-dev.txt",
            "src/App.csproj",
        ] {
            assert!(is_structural(path), "{path}");
        }
        for path in [
            "src/main.rs",
            "README.md",
            "package.json.md",
            "requirements.md",
            "",
        ] {
            assert!(!is_structural(path), "{path}");
        }
    }
}
