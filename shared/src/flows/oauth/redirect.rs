//! Where a browser may be sent in the end, and what is written there.

use url::Url;

use super::landing::{Arrived, Refusal};
use crate::flows::Error;

/// What we write; whatever a caller put there under these names is taken out, so that nobody reads
/// another outcome than ours.
const OURS: [&str; 7] = [
    "git_connection",
    "status",
    "account",
    "organization",
    "repository_count",
    "error",
    "message",
];

/// Longest address, in bytes.
const LONGEST: usize = 2048;

/// Checks an address against the origins that the operator allows.
pub(super) fn check(text: &str, origins: &[String]) -> Result<Url, Error> {
    let refuse = |code, message: String| Error::field("redirect_url", code, message);
    if text.len() > LONGEST {
        return Err(refuse(
            "too_long",
            format!("A redirect_url has at most {LONGEST} bytes."),
        ));
    }
    let url = Url::parse(text).ok();
    let mut url = url
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| {
            refuse(
                "invalid_url",
                "A redirect_url is a whole URL of your own front end, such as https://app.example.org/settings.".to_owned(),
            )
        })?;
    let origin = url.origin().ascii_serialization();
    if !origins.contains(&origin) {
        return Err(refuse(
            "redirect_not_allowed",
            format!(
                "{origin} is none of the origins that browsers may be sent to. The operator allows them in MOORING_REDIRECT_ALLOWLIST."
            ),
        ));
    }
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !OURS.contains(&name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Ok(url)
}

/// The address with an outcome.
pub(super) fn with_outcome(url: &Url, outcome: &Result<Arrived, Refusal>) -> Url {
    let mut url = url.clone();
    let mut query = url.query_pairs_mut();
    match outcome {
        Ok(arrived) => {
            query
                .append_pair("git_connection", &arrived.connection.to_string())
                .append_pair("status", "success")
                .append_pair("account", &arrived.account);
            if let Some(organization) = arrived.organization.shown() {
                query.append_pair("organization", &organization.to_string());
            }
            if let Some(count) = arrived.repository_count {
                query.append_pair("repository_count", &count.to_string());
            }
        }
        Err(refusal) => {
            query
                .append_pair("status", "error")
                .append_pair("error", refusal.code.as_str())
                .append_pair("message", &refusal.message);
        }
    }
    drop(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::oauth::RefusalCode;

    fn code(text: &str) -> String {
        let origins = ["https://app.example.org".to_owned()];
        match check(text, &origins) {
            Ok(url) => url.to_string(),
            Err(Error::Invalid(faults)) => faults[0].code.clone(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn only_allowed_origins_and_none_of_our_own_words() {
        for (text, expected) in [
            ("https://app.example.org", "https://app.example.org/"),
            (
                "https://APP.example.org:443/a?x=1#b",
                "https://app.example.org/a?x=1#b",
            ),
            (
                "https://app.example.org/?status=success&x=1&git_connection=7",
                "https://app.example.org/?x=1",
            ),
            ("https://app.example.org:444/", "redirect_not_allowed"),
            ("http://app.example.org/", "redirect_not_allowed"),
            (
                "https://app.example.org.evil.example/",
                "redirect_not_allowed",
            ),
            ("https://app.example.org@evil.example/", "invalid_url"),
            (
                "https://evil.example/https://app.example.org",
                "redirect_not_allowed",
            ),
            ("//app.example.org/", "invalid_url"),
            ("/settings", "invalid_url"),
            ("javascript:alert(1)", "invalid_url"),
            ("data:text/html,x", "invalid_url"),
            ("", "invalid_url"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        let long = format!("https://app.example.org/{}", "a".repeat(LONGEST));
        assert_eq!(code(&long), "too_long");
    }

    #[test]
    fn a_message_stays_one_parameter() {
        let url = Url::parse("https://app.example.org/a?x=1#part").unwrap();
        let refusal = Refusal::new(RefusalCode::AccessDenied, "a & b = c #");
        let landed = with_outcome(&url, &Err(refusal));
        assert_eq!(
            landed.as_str(),
            "https://app.example.org/a?x=1&status=error&error=access_denied&message=a+%26+b+%3D+c+%23#part"
        );
    }
}
