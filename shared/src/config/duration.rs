//! Durations as operators write them: `90s`, `10m`, `6h`, `2d`.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

/// Reads a whole number followed by one of `s`, `m`, `h`, `d`.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let fault = || {
        format!("{text:?} is no duration; write a whole number and a unit, like 90s, 10m, 6h or 2d")
    };
    let (digits, seconds) = UNITS
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or_else(fault)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault());
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{text:?} is too long"))
}

/// Writes a duration the way [`parse_duration`] reads it, in the largest unit that is exact.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let total = duration.as_secs();
    let (unit, seconds) = UNITS
        .into_iter()
        .rev()
        .find(|(_, seconds)| total >= *seconds && total.is_multiple_of(*seconds))
        .unwrap_or(UNITS[0]);
    format!("{}{unit}", total / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_units() {
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("6h", 21_600),
            ("2d", 172_800),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn everything_else_is_refused_with_an_example() {
        for text in [
            "", "s", "10", "10 m", "-5s", "+5s", "1.5h", "10ms", "10mm", "1h30m", "1w", "１0s",
        ] {
            let fault = parse_duration(text).unwrap_err();
            assert!(fault.contains("90s"), "{text:?}: {fault}");
        }
        assert!(parse_duration("99999999999999999999s").is_err());
        assert!(parse_duration("9999999999999999999d").is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["0s", "90s", "10m", "6h", "2d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
