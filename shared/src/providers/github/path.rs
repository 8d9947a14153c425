//! Paths of GitHub's API from names that people and databases give.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::transport::failure;
use super::super::{ErrorClass, ProviderError};

/// What RFC 3986 leaves unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Names of refs keep their slashes.
const REF: &AsciiSet = &SEGMENT.remove(b'/');

/// `/repos/OWNER/NAME` for `OWNER/NAME`. Anything else names no repository, and is not asked:
/// `..` or further slashes would make it another path of the API.
pub(super) fn repository(full_name: &str) -> Result<String, ProviderError> {
    let parts: Vec<&str> = full_name.split('/').collect();
    match parts[..] {
        [owner, name] if is_segment(owner) && is_segment(name) => {
            let (owner, name) = (
                utf8_percent_encode(owner, SEGMENT),
                utf8_percent_encode(name, SEGMENT),
            );
            Ok(format!("/repos/{owner}/{name}"))
        }
        _ => Err(failure(
            ErrorClass::NotFound,
            "the full name is not of the form owner/name",
        )),
    }
}

/// `/repositories/ID`: where the addresses of a renamed repository lead, for every method. A stored name
/// may be an old one, and only what is read is led on from there.
pub(super) fn by_id(id: &str) -> Result<String, ProviderError> {
    let id: u64 = id
        .parse()
        .map_err(|_| failure(ErrorClass::NotFound, "the repository's id is no number"))?;
    Ok(format!("/repositories/{id}"))
}

/// A text as one segment of a path; `None` where a URL would take it for none.
pub(super) fn segment(text: &str) -> Option<String> {
    is_segment(text).then(|| utf8_percent_encode(text, SEGMENT).to_string())
}

/// The part of a path that is a ref or the beginning of one. A segment of dots would be taken out
/// of the URL, so such a text (which no ref may hold) is `None`.
pub(super) fn reference(name: &str) -> Option<String> {
    let plain = name
        .split('/')
        .all(|segment| !matches!(segment, "." | ".."));
    plain.then(|| utf8_percent_encode(name, REF).to_string())
}

fn is_segment(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_segment() {
        assert_eq!(
            repository("octocat/Hello-World").unwrap(),
            "/repos/octocat/Hello-World"
        );
        assert_eq!(
            repository("o/a b?c#d%").unwrap(),
            "/repos/o/a%20b%3Fc%23d%25"
        );
        for wrong in ["", "o", "o/", "/r", "o/..", "../r", "o/r/x", "o//r"] {
            assert!(repository(wrong).is_err(), "{wrong}");
        }
        assert_eq!(reference("feature/ä").as_deref(), Some("feature/%C3%A4"));
        assert_eq!(reference("../x"), None);
    }
}
