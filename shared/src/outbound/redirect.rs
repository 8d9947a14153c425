//! Whether an answer leads on, and where to.

use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// What follows an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the answer.
    Done,
    /// The same question, asked there.
    Follow(Url),
    /// Another origin, named without its path: nothing is asked there.
    Foreign(String),
}

/// Reads an answer. Only reading is repeated elsewhere: a redirected write is its caller's to
/// decide on.
pub(super) fn step(method: &Method, from: &Url, status: StatusCode, headers: &HeaderMap) -> Step {
    if !matches!(status.as_u16(), 301 | 302 | 307 | 308) || *method != Method::GET {
        return Step::Done;
    }
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(mut to) = location.and_then(|location| from.join(location).ok()) else {
        return Step::Done;
    };
    // What the host writes into its own redirect must not become a credential of ours.
    if to.set_username("").is_err()
        || to.set_password(None).is_err()
        || to.origin() != from.origin()
    {
        return Step::Foreign(to.origin().ascii_serialization());
    }
    to.set_fragment(None);
    Step::Follow(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(method: &Method, status: u16, location: Option<&str>) -> Step {
        let from = Url::parse("https://git.example.org:8443/api/v3/repos/a/b").unwrap();
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(LOCATION, location.parse().unwrap());
        }
        step(
            method,
            &from,
            StatusCode::from_u16(status).unwrap(),
            &headers,
        )
    }

    #[test]
    fn within_one_origin_only() {
        let there = "https://git.example.org:8443/api/v3/repositories/1";
        for status in [301, 302, 307, 308] {
            for location in [
                there,
                "/api/v3/repositories/1",
                "https://u:p@git.example.org:8443/api/v3/repositories/1#x",
            ] {
                let step = after(&Method::GET, status, Some(location));
                assert_eq!(
                    step,
                    Step::Follow(Url::parse(there).unwrap()),
                    "{status} {location}"
                );
            }
        }
        for location in [
            "https://git.example.org/x",
            "http://git.example.org:8443/x",
            "https://evil.example/x",
            "//evil.example:8443/x",
            "https://git.example.org.evil.example:8443/",
        ] {
            assert!(
                matches!(after(&Method::GET, 302, Some(location)), Step::Foreign(_)),
                "{location}"
            );
        }
        assert_eq!(after(&Method::POST, 307, Some(there)), Step::Done);
        assert_eq!(after(&Method::GET, 303, Some(there)), Step::Done);
        assert_eq!(after(&Method::GET, 301, None), Step::Done);
        assert_eq!(after(&Method::GET, 304, Some(there)), Step::Done);
    }
}
