//! The last defence: known shapes of secrets, taken out of finished log lines.
//!
//! The first defence is types ([`crate::domain::secret`] cannot be printed). This one is for what
//! types do not see: a provider's error page that repeats a header, a URL in a driver's message.
//! It works on bytes, without a regular expression: every log line passes here.

use std::borrow::Cow;

const MASK: &[u8] = b"[redacted]";

/// What a secret begins with, and how long its rest is at least. Sources: GitHub, "Behind GitHub's
/// new authentication token formats" and the token types of its documentation; GitLab, "Token
/// prefixes"; Atlassian, API tokens; Standard Webhooks; ours.
const PREFIXES: &[(&str, usize)] = &[
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 12),
    ("gldt-", 12),
    ("glrt-", 12),
    ("glcbt-", 12),
    ("glptt-", 12),
    ("glft-", 12),
    ("glimt-", 12),
    ("glagent-", 12),
    ("gloas-", 12),
    ("glsoat-", 12),
    ("ATATT", 16),
    ("ATCTT", 16),
    ("mrg_", 12),
    ("whsec_", 12),
    // A JSON Web Token: base64 of `{"`.
    ("eyJ", 24),
];

/// Where the signature stands in a token of Azure DevOps.
const AZDO_AT: usize = 76;

/// What stands before a credential of any shape. Compared without regard to case.
const INTRODUCTIONS: &[&str] = &["bearer ", "basic ", "private-token: "];

/// `text` without anything that has the shape of a secret.
#[must_use]
pub fn scrub(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (0, 0);
    while at < text.len() {
        if let Some((start, end)) = secret_at(text, at) {
            let out = out.get_or_insert_with(|| Vec::with_capacity(text.len()));
            // One that is known by its middle may begin inside the one before.
            out.extend_from_slice(&text[copied..start.max(copied)]);
            out.extend_from_slice(MASK);
            (at, copied) = (end, end);
        } else {
            at += 1;
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.extend_from_slice(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Where the secret that is announced at `at` begins and ends.
fn secret_at(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let first = *rest.first()?;
    match first {
        b'g' | b'A' | b'm' | b'w' | b'e' if starts_word(text, at) => {
            let (prefix, least) = PREFIXES
                .iter()
                .find(|(prefix, _)| rest.starts_with(prefix.as_bytes()))?;
            let length = run(&rest[prefix.len()..], is_token_byte);
            (length >= *least).then_some((at, at + prefix.len() + length))
        }
        b'b' | b'B' | b'p' | b'P' | b't' | b'T' if starts_word(text, at) => {
            let introduction = INTRODUCTIONS.iter().find(|word| {
                rest.len() > word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes())
            })?;
            let start = at + introduction.len();
            let length = run(&text[start..], is_token_byte);
            is_random(&text[start..start + length]).then_some((start, start + length))
        }
        // The signature of a token of Azure DevOps: 76 characters before it, 4 behind.
        b'A' if rest.starts_with(b"AZDO") => {
            let start = at.checked_sub(AZDO_AT)?;
            let end = at + 8;
            let token = text.get(start..end)?;
            token
                .iter()
                .all(u8::is_ascii_alphanumeric)
                .then_some((start, end))
        }
        // `scheme://user:password@host`
        b':' if rest.starts_with(b"://") => {
            let authority = &rest[3..];
            let end = run(authority, |byte| {
                !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\\') && !byte.is_ascii_whitespace()
            });
            let user_info = authority[..end].iter().rposition(|byte| *byte == b'@')?;
            let colon = authority[..user_info]
                .iter()
                .position(|byte| *byte == b':')?;
            (colon + 1 < user_info).then_some((at + 3 + colon + 1, at + 3 + user_info))
        }
        b'-' if rest.starts_with(b"-----BEGIN ") => {
            let end = find(rest, b"PRIVATE KEY-----").filter(|end| *end < 40)?;
            let close = find(&rest[end + 16..], b"-----END ");
            Some((at, close.map_or(text.len(), |close| at + end + 16 + close)))
        }
        _ => None,
    }
}

/// Whether a word begins at `at`; a colour code of a terminal (`ESC [ … m`) is no part of one.
fn starts_word(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return true;
    };
    if !is_token_byte(text[before]) || matches!(text[before], b'/' | b'=' | b'+') {
        return true;
    }
    let code = text[..before]
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && *byte != b';');
    text[before] == b'm' && code.is_some_and(|code| code > 0 && &text[code - 1..=code] == b"\x1b[")
}

/// Whether this is a credential rather than English ("basic authentication").
fn is_random(word: &[u8]) -> bool {
    let unlike_a_word = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'=' | b'_' | b'+');
    word.len() >= 24 || (word.len() >= 10 && word.iter().any(unlike_a_word))
}

fn run(bytes: &[u8], keep: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| !keep(*byte))
        .unwrap_or(bytes.len())
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}

/// What tokens, JWTs and base64 are made of.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'=' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(text: &str) -> String {
        String::from_utf8(scrub(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn every_known_prefix_goes() {
        for (prefix, _) in PREFIXES {
            let secret = format!("{prefix}Zx81mVnQ4rTb7yUw2sKd9aLfPq");
            for line in [
                secret.clone(),
                format!("refused {secret}, try again"),
                format!("{{\"token\":\"{secret}\"}}"),
                format!("https://host/path?token={secret}&x=1"),
                format!("\u{1b}[3mtoken\u{1b}[0m=\u{1b}[0m{secret}\n"),
            ] {
                let clean = scrubbed(&line);
                assert!(
                    !clean.contains("Zx81mVnQ4rTb7yUw2sKd9aLfPq"),
                    "{line} became {clean}"
                );
                assert!(clean.contains("[redacted]"), "{line} became {clean}");
            }
        }
    }

    #[test]
    fn a_token_of_azure_devops_goes_by_its_signature() {
        let token = format!("{}AZDO4a5B", "x1".repeat(38));
        assert_eq!(
            scrubbed(&format!("refused {token}, sorry")),
            "refused [redacted], sorry"
        );
        assert_eq!(scrubbed(&token), "[redacted]");
        let after_another = format!("ghp_{}/{token}", "a".repeat(16));
        assert_eq!(scrubbed(&after_another), "[redacted]");
        for line in ["AZDO", "the AZDO signature", "1AZDO2345"] {
            assert_eq!(scrubbed(line), line);
        }
    }

    #[test]
    fn an_installation_s_token_goes_whole_for_all_its_dots() {
        let part = "Zx81mVnQ4rTb7yUw2sKd9aLfPq".repeat(8);
        let secret = format!("ghs_12345_eyJ{part}.{part}.-_{part}");
        let clean = scrubbed(&format!("minted {secret} for 7"));
        assert_eq!(clean, "minted [redacted] for 7");
    }

    #[test]
    fn what_is_introduced_goes_whatever_its_shape() {
        assert_eq!(
            scrubbed("authorization: Bearer abcdef0123456789 end"),
            "authorization: Bearer [redacted] end"
        );
        assert_eq!(
            scrubbed("Authorization: Basic bW9vcmluZzpzZWNyZXQ="),
            "Authorization: Basic [redacted]"
        );
        assert_eq!(
            scrubbed("PRIVATE-TOKEN: 0123456789abcdef"),
            "PRIVATE-TOKEN: [redacted]"
        );
    }

    #[test]
    fn passwords_in_urls_go_and_the_rest_stays() {
        assert_eq!(
            scrubbed("postgres://mooring:pa:ss@db:5432/mooring"),
            "postgres://mooring:[redacted]@db:5432/mooring"
        );
        assert_eq!(
            scrubbed("see https://github.com/acme/a:b@main"),
            "see https://github.com/acme/a:b@main"
        );
        assert_eq!(scrubbed("https://user@host/x"), "https://user@host/x");
    }

    #[test]
    fn private_keys_go() {
        let key =
            "before -----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY----- after";
        assert_eq!(
            scrubbed(key),
            "before [redacted]-----END RSA PRIVATE KEY----- after"
        );
        assert_eq!(scrubbed("-----BEGIN PRIVATE KEY-----\\nMIIE"), "[redacted]");
        assert_eq!(
            scrubbed("-----BEGIN PUBLIC KEY-----"),
            "-----BEGIN PUBLIC KEY-----"
        );
    }

    #[test]
    fn ordinary_lines_are_not_copied() {
        for line in [
            "request{id=0192f0c1-0000-7000-8000-000000000000} finished in 4 ms",
            "a bearer token is missing",
            "basic authentication was refused",
            "the token must begin with ghp_ or github_pat_",
            "synced acme/storefront: 250 found, 250 added",
            "http://127.0.0.1:8080/api/docs",
            "",
        ] {
            assert!(matches!(scrub(line.as_bytes()), Cow::Borrowed(_)), "{line}");
        }
    }
}
