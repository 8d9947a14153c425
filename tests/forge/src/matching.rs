//! Which requests a fault, a gate or a question about the log means.

use http::Method;

use crate::face::Face;
use crate::log::Request;
use crate::model::{RefreshTokenId, TokenId};

/// A description of requests; what it does not name may be anything.
///
/// ```
/// # use mooring_forge::{Face, Match};
/// let third_page = Match::face(Face::GitHub).path("/user/repos").page(3);
/// let any_branches = Match::any().path("/repos/*/*/branches/**");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Match {
    face: Option<Face>,
    method: Option<Method>,
    path: Option<String>,
    page: Option<u32>,
    query: Vec<(String, String)>,
    token: Option<TokenId>,
    grant_type: Option<String>,
    refresh_token: Option<RefreshTokenId>,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests to one provider.
    pub fn face(face: Face) -> Self {
        Self {
            face: Some(face),
            ..Self::default()
        }
    }

    /// With this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// With a path of this form, below the face's API root (`/user/repos`, `/projects/*/repository/branches`), or below
    /// its web root for what is no API. `*` stands for one segment, `**` at the end for any number of them. Segments are
    /// compared as they were sent, so GitLab's `group%2Fname` is one.
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Asking for this page; no `page` at all is the first.
    pub fn page(mut self, number: u32) -> Self {
        self.page = Some(number);
        self
    }

    /// With this parameter.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Made with this token.
    pub fn token(mut self, id: TokenId) -> Self {
        self.token = Some(id);
        self
    }

    /// To a token endpoint, with this `grant_type`.
    pub fn grant_type(mut self, grant_type: impl Into<String>) -> Self {
        self.grant_type = Some(grant_type.into());
        self
    }

    /// Presenting this refresh token.
    pub fn refresh_token(mut self, id: RefreshTokenId) -> Self {
        self.refresh_token = Some(id);
        self
    }

    /// Whether a request is meant.
    pub fn meets(&self, request: &Request) -> bool {
        let page = || match request.query.get("page") {
            None => Some(1),
            Some(text) => text.parse().ok(),
        };
        self.face.is_none_or(|face| face == request.face)
            && self.method.as_ref().is_none_or(|m| *m == request.method)
            && self.path.as_ref().is_none_or(|p| fits(p, &request.path))
            && self.page.is_none_or(|number| page() == Some(number))
            && self.token.is_none_or(|id| request.token == Some(id))
            && (self.grant_type.is_none() || self.grant_type == request.grant_type)
            && (self.refresh_token.is_none() || self.refresh_token == request.refresh_token)
            && self
                .query
                .iter()
                .all(|(name, value)| request.query.get(name) == Some(value))
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        if part == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if part == "*" || part == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_segments() {
        assert!(fits("/user/repos", "/user/repos"));
        assert!(!fits("/user/repos", "/user/repos/1"));
        assert!(!fits("/user/repos", "/user"));
        assert!(fits("/repos/*/*/branches", "/repos/o/r/branches"));
        assert!(fits("/repos/**", "/repos/o/r/branches"));
        assert!(fits("/repos/**", "/repos"));
        assert!(!fits("/repos/*", "/repos/o/r"));
    }
}
