//! The short name of a tenant.

use crate::flows::FieldError;

/// Lower-case letters and digits, single hyphens between them, at most 63 characters.
pub(super) fn check(slug: &str, faults: &mut Vec<FieldError>) {
    let is_word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if slug.len() > 63 || !slug.split('-').all(is_word) {
        faults.push(FieldError::new(
            "slug",
            "invalid_slug",
            "A slug has at most 63 lower-case letters, digits and single hyphens between them.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_words_and_hyphens() {
        let ok = |slug: &str| {
            let mut faults = Vec::new();
            check(slug, &mut faults);
            faults.is_empty()
        };
        assert!(ok("acme") && ok("acme-2") && ok(&"a".repeat(63)));
        for bad in ["", "-a", "a-", "a--b", "Acme", "a b", "ä", &"a".repeat(64)] {
            assert!(!ok(bad), "{bad}");
        }
    }
}
