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
