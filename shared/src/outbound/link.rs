//! The `Link` header (RFC 8288), as far as paging needs it. Pure.
//!
//! Only parameters are taken out of its URLs: where the next page is asked is ours to know, so
//! that no host can send a credential elsewhere, and a proxy that writes internal host names into
//! the header does no harm.

use http::HeaderMap;
use http::header::LINK;
use url::Url;

/// A query parameter of the URL that the header gives for a relation such as `next` or `last`.
/// `None` where there is no such link; an inner `None` where its URL lacks the parameter.
#[must_use]
pub fn link_parameter(
    headers: &HeaderMap,
    relation: &str,
    parameter: &str,
) -> Option<Option<String>> {
    let values = headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for value in values {
        let mut rest = value;
        while let Some((target, tail)) = next_target(rest) {
            let end = tail.find('<').unwrap_or(tail.len());
            if has_relation(&tail[..end], relation) {
                return Some(query_parameter(target, parameter));
            }
            rest = &tail[end..];
        }
    }
    None
}

fn next_target(text: &str) -> Option<(&str, &str)> {
    let (_, from_target) = text.split_once('<')?;
    from_target.split_once('>')
}

fn has_relation(parameters: &str, relation: &str) -> bool {
    parameters.split([';', ',']).any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return false;
        };
        name.trim().eq_ignore_ascii_case("rel")
            && value
                .trim()
                .trim_matches('"')
                .split_ascii_whitespace()
                .any(|word| word.eq_ignore_ascii_case(relation))
    })
}

fn query_parameter(target: &str, parameter: &str) -> Option<String> {
    // A base for targets that are relative; its host is never used.
    let base = Url::parse("https://relative.invalid/").ok()?;
    let url = base.join(target).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == parameter)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(link: &str, relation: &str, parameter: &str) -> Option<Option<String>> {
        let headers = HeaderMap::from_iter([(LINK, link.parse().unwrap())]);
        link_parameter(&headers, relation, parameter)
    }

    #[test]
    fn both_vendors_forms() {
        let github = "<https://api.github.com/user/repos?per_page=100&page=2>; rel=\"next\", <https://api.github.com/user/repos?per_page=100&page=5>; rel=\"last\"";
        assert_eq!(parameter(github, "next", "page"), Some(Some("2".into())));
        assert_eq!(parameter(github, "last", "page"), Some(Some("5".into())));
        assert_eq!(parameter(github, "prev", "page"), None);
        let gitlab = "<http://internal:3000/api/v4/projects?id_after=42&x=a%2Cb%3Ec,d>; rel=next; title=\"x\"";
        assert_eq!(
            parameter(gitlab, "next", "id_after"),
            Some(Some("42".into()))
        );
        assert_eq!(parameter(gitlab, "next", "page"), Some(None));
        assert_eq!(
            parameter("</x?page=3>; rel=\"prev next\"", "next", "page"),
            Some(Some("3".into()))
        );
    }

    #[test]
    fn nonsense_is_no_link() {
        for link in [
            "",
            "<",
            "<x",
            "rel=\"next\"",
            "<x>; rel",
            "<x>; notrel=next",
        ] {
            assert_eq!(parameter(link, "next", "page"), None, "{link}");
        }
    }
}
