//! Headers of deliveries as they should be, and as they should not: signatures that prove nothing, and
//! headers that are missing, there twice, too long, or no text.

use super::sign::{Letter, Scheme};

/// A header as it is sent. Its value may be no text, but holds no control character: HTTP itself refuses
/// those before anybody reads them.
pub type Header = (String, Vec<u8>);

/// What headers prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// That whoever sent it has the secret.
    Good,
    /// Nothing: it must be refused.
    None,
    /// Perhaps something: what became of the headers may have hit the proof or not.
    Perhaps,
}

/// Values that headers do not have.
const ODD: [&[u8]; 16] = [
    b"",
    b"sha256=",
    b"sha256=00",
    b"v1,",
    b"v1,AAAA v2,AAAA v1a,AAAA",
    b"9223372036854775807",
    b"-1",
    b"18446744073709551616",
    b"Basic",
    b"Basic Og==",
    b"Basic !!!!",
    b"application/x-www-form-urlencoded",
    b"\xc3\xa9",
    b"\xff\xfe",
    b"whsec_AAAA",
    b"push, repository",
];

/// The headers of a letter, of which half are as they should be; `roll` gives any number below another.
pub fn forged(
    letter: &Letter,
    scheme: Scheme,
    secret: &str,
    mut roll: impl FnMut(usize) -> usize,
) -> (Vec<Header>, Proof) {
    let mut headers: Vec<Header> = letter
        .headers(scheme, secret)
        .into_iter()
        .map(|(name, value)| (name, value.into_bytes()))
        .collect();
    let proof = match roll(10) {
        0..5 => Proof::Good,
        5..8 => {
            unprove(&mut headers, letter, scheme, secret, &mut roll);
            Proof::None
        }
        _ => {
            for _ in 0..=roll(3) {
                spoil(&mut headers, &mut roll);
            }
            Proof::Perhaps
        }
    };
    (headers, proof)
}

/// The header that carries the proof.
fn proving(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::GitHub => "x-hub-signature-256",
        Scheme::GitLabSigned => "webhook-signature",
        Scheme::GitLabToken => "x-gitlab-token",
        Scheme::Bitbucket => "x-hub-signature",
        Scheme::Azure => "authorization",
    }
}

/// Leaves no proof.
fn unprove(
    headers: &mut Vec<Header>,
    letter: &Letter,
    scheme: Scheme,
    secret: &str,
    roll: &mut impl FnMut(usize) -> usize,
) {
    let name = proving(scheme);
    let Some(at) = headers.iter().position(|(held, _)| held == name) else {
        return;
    };
    match roll(6) {
        0 => drop(headers.remove(at)),
        1 => headers[at].1 = ODD[roll(ODD.len())].to_vec(),
        // A part of it alone.
        2 => {
            let length = headers[at].1.len();
            headers[at].1.truncate(roll(length - 8));
        }
        // Another letter or digit in its middle.
        3 => {
            let middle = headers[at].1.len() / 2;
            let held = &mut headers[at].1[middle];
            *held = if *held == b'0' { b'1' } else { b'0' };
        }
        // Of another secret.
        4 => {
            let other: String = secret.chars().rev().collect();
            let other = if other == secret {
                "other".to_owned()
            } else {
                other
            };
            let all = letter.headers(scheme, &other);
            let of_other = all.into_iter().find(|(held, _)| held == name);
            headers[at].1 = of_other
                .map(|(_, value)| value.into_bytes())
                .unwrap_or_default();
        }
        // Of another body; where the body is not signed, of nobody.
        _ => {
            let mut other = letter.clone();
            other.body.push(b' ');
            let all = other.headers(scheme, secret);
            let of_other = all.into_iter().find(|(held, _)| held == name);
            let of_other = of_other
                .map(|(_, value)| value.into_bytes())
                .unwrap_or_default();
            headers[at].1 = if of_other == headers[at].1 {
                Vec::new()
            } else {
                of_other
            };
        }
    }
}

/// One header is missing, other than it was, there twice, or long.
fn spoil(headers: &mut Vec<Header>, roll: &mut impl FnMut(usize) -> usize) {
    if headers.is_empty() {
        return;
    }
    let at = roll(headers.len());
    let odd = ODD[roll(ODD.len())].to_vec();
    match roll(6) {
        0 => drop(headers.remove(at)),
        1 => headers[at].1 = odd,
        2 => {
            let twice = headers[at].clone();
            headers.insert(at, twice);
        }
        3 => {
            let name = headers[at].0.clone();
            headers.insert(at, (name, odd));
        }
        4 => headers[at].1 = vec![b'x'; roll(6_000)],
        _ => {
            let value = &mut headers[at].1;
            if !value.is_empty() {
                let place = roll(value.len());
                value[place] = u8::try_from(0x80 + roll(0x80)).unwrap_or(b'x');
            }
        }
    }
}
