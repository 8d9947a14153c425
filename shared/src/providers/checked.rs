//! Pages that are asked for by what is known of them.

use super::{Cursor, RepositoryPage};

/// What is known of a page from when its body was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPage {
    /// Its ETag, as the provider gave it.
    pub etag: String,
    /// The page that followed it.
    pub next: Option<Cursor>,
    /// Repositories on it.
    pub repositories: usize,
}

/// A page, or word that it is as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckedPage {
    /// The page. Where it is unchanged it holds no repositories, but what follows it, requests and
    /// rate limit are told all the same.
    pub page: RepositoryPage,
    /// Its ETag, where the provider gives one.
    pub etag: Option<String>,
    /// The provider answered 304.
    pub not_modified: bool,
}

impl From<RepositoryPage> for CheckedPage {
    fn from(page: RepositoryPage) -> Self {
        Self {
            page,
            ..Self::default()
        }
    }
}
