//! What response headers say of rate limits. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;

use crate::domain::quota::RateLimit;

/// The longest wait that a host may ask for. Real windows are an hour at most; a broken or
/// hostile host must not park a connection for years.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// GitHub's `x-ratelimit-limit`, `-remaining` and `-reset` (seconds since 1970).
#[must_use]
pub fn github(headers: &HeaderMap, now: DateTime<Utc>) -> RateLimit {
    read(
        headers,
        now,
        [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
        ],
    )
}

/// GitLab's `RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970).
#[must_use]
pub fn gitlab(headers: &HeaderMap, now: DateTime<Utc>) -> RateLimit {
    read(
        headers,
        now,
        ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
    )
}

/// Bitbucket's `x-ratelimit-limit`, which only some credentials are told; how much of the rolling
/// hour is left, nobody is.
#[must_use]
pub fn bitbucket(headers: &HeaderMap) -> RateLimit {
    RateLimit {
        limit: count(headers, "x-ratelimit-limit"),
        ..RateLimit::default()
    }
}

/// Azure DevOps' `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970), which come
/// only once a user is near the limit. `Retry-After` may accompany a success there: nothing is
/// left until then, whatever the other headers say.
#[must_use]
pub fn azure(headers: &HeaderMap, now: DateTime<Utc>) -> RateLimit {
    let told = github(headers, now);
    match retry_after(headers, now) {
        Some(until) => RateLimit {
            remaining: Some(0),
            reset_at: Some(until),
            ..told
        },
        None => told,
    }
}

/// `Retry-After`, in seconds or as a date, at most [`LONGEST_WAIT`] ahead.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text(headers, "retry-after")?;
    let at = if let Ok(seconds) = text.parse::<u32>() {
        now + TimeDelta::seconds(i64::from(seconds))
    } else {
        DateTime::parse_from_rfc2822(text).ok()?.to_utc()
    };
    Some(at.clamp(now, now + LONGEST_WAIT))
}

fn read(
    headers: &HeaderMap,
    now: DateTime<Utc>,
    [limit, remaining, reset]: [&str; 3],
) -> RateLimit {
    RateLimit {
        limit: count(headers, limit),
        remaining: count(headers, remaining),
        reset_at: text(headers, reset)
            .and_then(|text| text.parse().ok())
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .filter(|reset| *reset <= now + LONGEST_WAIT),
    }
}

fn count(headers: &HeaderMap, name: &str) -> Option<i32> {
    let number: u64 = text(headers, name)?.parse().ok()?;
    Some(i32::try_from(number).unwrap_or(i32::MAX))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn limits_are_read() {
        let github_headers = headers(&[
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4999"),
            ("x-ratelimit-reset", "1800003600"),
        ]);
        let expected = RateLimit {
            limit: Some(5000),
            remaining: Some(4999),
            reset_at: Some(now() + TimeDelta::hours(1)),
        };
        assert_eq!(github(&github_headers, now()), expected);
        let gitlab_headers = headers(&[
            ("RateLimit-Limit", "2000"),
            ("RateLimit-Remaining", "0"),
            ("RateLimit-Reset", "1799999000"),
        ]);
        assert_eq!(gitlab(&gitlab_headers, now()).remaining, Some(0));
        assert!(!github(&gitlab_headers, now()).is_known());
    }

    #[test]
    fn a_success_may_ask_to_wait() {
        let mut pairs = vec![
            ("x-ratelimit-limit", "200"),
            ("x-ratelimit-remaining", "50"),
            ("x-ratelimit-reset", "1800000300"),
        ];
        assert_eq!(azure(&headers(&pairs), now()).remaining, Some(50));
        pairs.push(("retry-after", "5"));
        let expected = RateLimit {
            limit: Some(200),
            remaining: Some(0),
            reset_at: Some(now() + TimeDelta::seconds(5)),
        };
        assert_eq!(azure(&headers(&pairs), now()), expected);
        assert!(!azure(&headers(&[]), now()).is_known());
    }

    #[test]
    fn nonsense_is_no_limit() {
        let limit = github(
            &headers(&[
                ("x-ratelimit-limit", "99999999999"),
                ("x-ratelimit-remaining", "-1"),
                ("x-ratelimit-reset", "1800003600000"),
            ]),
            now(),
        );
        assert_eq!(
            limit,
            RateLimit {
                limit: Some(i32::MAX),
                remaining: None,
                reset_at: None
            }
        );
    }

    #[test]
    fn retry_after_in_both_forms() {
        let at = |text| {
            retry_after(&headers(&[("retry-after", text)]), now())
                .map(|at| (at - now()).num_seconds())
        };
        assert_eq!(at("30"), Some(30));
        assert_eq!(at(" 0 "), Some(0));
        assert_eq!(at("4000000000"), Some(86_400));
        assert_eq!(at("Fri, 15 Jan 2027 08:01:40 GMT"), Some(100));
        assert_eq!(at("Fri, 15 Jan 2021 08:01:40 GMT"), Some(0));
        assert_eq!(at("soon"), None);
        assert_eq!(at("-5"), None);
    }
}
