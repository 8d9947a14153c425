//! The id of a request: the caller's own where it is harmless, else one of ours.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use shared::clock::Clock;
use shared::domain::ids::RequestId;

const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id of a caller's that is taken over.
const MAX_LENGTH: usize = 128;

/// The id of the request, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct CallId(pub Arc<str>);

impl CallId {
    /// Ids end up in logs and headers, so only letters, digits and `-_.:` are taken over.
    pub(super) fn of(headers: &HeaderMap, clock: &Clock) -> Self {
        let given = headers
            .get(NAME)
            .and_then(|value| value.to_str().ok())
            .filter(|text| {
                (1..=MAX_LENGTH).contains(&text.len())
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
            });
        match given {
            Some(text) => Self(text.into()),
            None => Self(RequestId::new(clock.now()).to_string().into()),
        }
    }

    pub(super) fn put(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            headers.insert(NAME, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmless_id_is_taken_over() {
        let clock = Clock::system();
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(NAME, HeaderValue::from_str(text).unwrap());
            CallId::of(&headers, &clock).0.to_string()
        };
        assert_eq!(of("build-7.step:2"), "build-7.step:2");
        for odd in ["", "a b", "a\"b", "ü", &"x".repeat(129)] {
            assert_eq!(of(odd).len(), 36, "{odd}");
        }
    }
}
