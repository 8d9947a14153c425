//! Paths of Bitbucket's API from names and UUIDs. A UUID keeps its braces, percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::transport::failure;
use super::super::{ErrorClass, ProviderError};

/// What RFC 3986 leaves unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `/repositories/{workspace}`, for a slug or a UUID.
pub(super) fn workspace(workspace: &str) -> Result<String, ProviderError> {
    if !is_segment(workspace) {
        return Err(no_name("the workspace has no name"));
    }
    Ok(format!(
        "/repositories/{}",
        utf8_percent_encode(workspace, SEGMENT)
    ))
}

/// `/repositories/{workspace}/{slug}` for `workspace/slug`. Anything else names no repository, and
/// is not asked: `..` or further slashes would make it another path of the API.
pub(super) fn repository(full_name: &str) -> Result<String, ProviderError> {
    match full_name.split_once('/') {
        Some((owner, slug)) if is_segment(slug) => Ok(format!(
            "{}/{}",
            workspace(owner)?,
            utf8_percent_encode(slug, SEGMENT)
        )),
        _ => Err(no_name(
            "the full name is not of the form workspace/repository",
        )),
    }
}

/// `/repositories/{}/{uuid}`: beside a UUID the workspace may be left open.
pub(super) fn by_uuid(uuid: &str) -> Result<String, ProviderError> {
    if !(uuid.starts_with('{') && uuid.ends_with('}') && is_segment(uuid)) {
        return Err(no_name("the repository's id is no UUID in braces"));
    }
    Ok(format!(
        "/repositories/%7B%7D/{}",
        utf8_percent_encode(uuid, SEGMENT)
    ))
}

fn no_name(detail: &str) -> ProviderError {
    failure(ErrorClass::NotFound, detail)
}

fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_segment() {
        assert_eq!(repository("acme/site").unwrap(), "/repositories/acme/site");
        assert_eq!(
            repository("a b?c/d#e%").unwrap(),
            "/repositories/a%20b%3Fc/d%23e%25"
        );
        for wrong in ["", "a", "a/", "/b", "a/..", "../b", "a/b/c", "a//b"] {
            assert!(repository(wrong).is_err(), "{wrong}");
        }
        assert_eq!(by_uuid("{0-1}").unwrap(), "/repositories/%7B%7D/%7B0-1%7D");
        for wrong in ["", "site", "{a/b}", "{", "0-1"] {
            assert!(by_uuid(wrong).is_err(), "{wrong}");
        }
        assert!(workspace("..").is_err());
    }
}
