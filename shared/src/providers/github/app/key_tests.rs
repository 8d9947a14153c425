use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn pkcs8() -> Vec<u8> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    der.as_ref().to_vec()
}

/// PKCS#8 of RSA 2,048 wraps PKCS#1 behind 26 bytes.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[26..]
}

fn checked(text: &str) -> Result<String, String> {
    match check(&Secret::from(text)) {
        Ok(pem) => Ok(pem.expose_secret().to_owned()),
        Err(error) => {
            assert_eq!(error.code, "invalid_private_key");
            Err(error.message)
        }
    }
}

#[test]
fn one_key_in_many_forms_is_one_text() {
    let der = pkcs8();
    for (label, der) in [("PRIVATE KEY", &der[..]), ("RSA PRIVATE KEY", pkcs1(&der))] {
        let one = pem(label, der);
        let expected = checked(&one).unwrap();
        assert!(expected.lines().all(|line| line.len() <= 64));
        for form in [
            expected.clone(),
            one.trim().to_owned(),
            expected.replace('\n', "\r\n"),
            expected.replace('\n', "\\n"),
            expected.replace('\n', "\\r\\n"),
            expected.replace('\n', " "),
            format!("\u{feff}some words before\n{expected}\nand after"),
        ] {
            assert_eq!(checked(&form).unwrap(), expected, "{form}");
        }
    }
}

#[test]
fn what_is_no_rsa_key_is_told_apart() {
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .unwrap();
    let ed = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    let rsa = pkcs8();
    let cut = &rsa[..rsa.len() - 100];
    for (text, sentence) in [
        ("", "no private key in PEM form"),
        ("ghp_abc", "no private key in PEM form"),
        (
            "-----BEGIN PRIVATE KEY-----\nabc",
            "The end of this key is missing",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
            "cannot be read",
        ),
        (&pem("PRIVATE KEY", ec.as_ref()), "not an RSA key"),
        (&pem("PRIVATE KEY", ed.as_ref()), "not an RSA key"),
        (&pem("EC PRIVATE KEY", ec.as_ref()), "elliptic curves"),
        (&pem("PUBLIC KEY", &rsa), "public half"),
        (&pem("CERTIFICATE", &rsa), "public half"),
        (&pem("OPENSSH PRIVATE KEY", &rsa), "SSH key"),
        (&pem("ENCRYPTED PRIVATE KEY", &rsa), "passphrase"),
        (&pem("RSA PRIVATE KEY", &rsa), "cannot sign"),
        (&pem("PRIVATE KEY", cut), "cannot be read"),
        (&"A".repeat(LONGEST + 1), "longer than any"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nabc\n-----END RSA PRIVATE KEY-----",
            "passphrase",
        ),
    ] {
        let told = checked(text).expect_err(sentence);
        assert!(told.contains(sentence), "{told} does not say {sentence}");
        assert!(told.contains("Paste"), "{told} does not say what to do");
    }
}
