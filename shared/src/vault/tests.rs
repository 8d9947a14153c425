use super::*;
use crate::domain::ids::{ConnectionId, OrganizationId};
use uuid::Uuid;

fn ids() -> (OrganizationId, ConnectionId) {
    (
        OrganizationId(Uuid::from_u128(1)),
        ConnectionId(Uuid::from_u128(2)),
    )
}

fn vault(text: &str) -> Vault {
    Vault::new(text.parse().unwrap())
}

fn key(id: &str, byte: u8) -> String {
    use base64::Engine;
    format!(
        "{id}:{}",
        base64::engine::general_purpose::STANDARD.encode([byte; 32])
    )
}

/// AES-256-GCM, test case 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega), which is
/// also in NIST's submission: key, nonce, associated data, plaintext, ciphertext, tag.
#[test]
fn the_cipher_gives_the_published_answer() {
    let key =
        hex::decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").unwrap();
    let nonce: [u8; 12] = hex::decode("cafebabefacedbaddecaf888")
        .unwrap()
        .try_into()
        .unwrap();
    let plain = hex::decode(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    )
    .unwrap();
    let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
    let expected = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";
    let cipher = Aes256Gcm::new_from_slice(&key).unwrap();
    let sealed = cipher
        .encrypt(
            &Nonce::from(nonce),
            Payload {
                msg: &plain,
                aad: &aad,
            },
        )
        .unwrap();
    assert_eq!(hex::encode(sealed), expected);
}

/// HKDF-SHA256, RFC 5869 test case 3 (no salt, no info).
#[test]
fn the_derivation_gives_the_published_answer() {
    let mut out = [0_u8; 42];
    hkdf::Hkdf::<sha2::Sha256>::new(None, &[0x0b; 22])
        .expand(&[], &mut out)
        .unwrap();
    assert_eq!(
        hex::encode(out),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    );
}

#[test]
fn opens_only_where_it_was_sealed() {
    let vault = vault(&key("a", 1));
    let (organization, connection) = ids();
    let place = Place::credential(organization, connection, Column::AccessToken);
    let sealed = vault.seal(&place, &Secret::from("glpat-secret")).unwrap();
    assert_eq!(
        vault.open(&place, &sealed).unwrap().expose_secret(),
        "glpat-secret"
    );

    let other_row = Place::credential(
        organization,
        ConnectionId(Uuid::from_u128(3)),
        Column::AccessToken,
    );
    let other_tenant = Place::credential(
        OrganizationId(Uuid::from_u128(9)),
        connection,
        Column::AccessToken,
    );
    let other_column = Place::credential(organization, connection, Column::RefreshToken);
    for elsewhere in [other_row, other_tenant, other_column] {
        assert_eq!(
            vault.open(&elsewhere, &sealed).unwrap_err(),
            VaultError::Refused
        );
    }
}

#[test]
fn every_bit_counts() {
    let vault = vault(&key("a", 1));
    let (organization, connection) = ids();
    let place = Place::credential(organization, connection, Column::AccessToken);
    let sealed = vault.seal(&place, &Secret::from("s")).unwrap();
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(vault.open(&place, &changed).is_err(), "byte {index}");
    }
    for length in 0..sealed.len() {
        assert!(
            vault.open(&place, &sealed[..length]).is_err(),
            "length {length}"
        );
    }
}

#[test]
fn two_seals_of_one_value_differ() {
    let vault = vault(&key("a", 1));
    let (organization, connection) = ids();
    let place = Place::credential(organization, connection, Column::AccessToken);
    let one = vault.seal(&place, &Secret::from("same")).unwrap();
    let two = vault.seal(&place, &Secret::from("same")).unwrap();
    assert_ne!(one, two);
}

#[test]
fn the_first_key_seals_and_all_open() {
    let (organization, connection) = ids();
    let place = Place::credential(organization, connection, Column::AccessToken);
    let old = vault(&key("old", 1));
    let sealed = old.seal(&place, &Secret::from("kept")).unwrap();
    let both = vault(&format!("{},{}", key("new", 2), key("old", 1)));
    assert_eq!(both.open(&place, &sealed).unwrap().expose_secret(), "kept");
    let again = both.seal(&place, &Secret::from("kept")).unwrap();
    assert_eq!(Vault::key_id_of(&again), Some("new"));
    assert_eq!(
        old.open(&place, &again).unwrap_err(),
        VaultError::UnknownKey("new".into())
    );
}

#[test]
fn a_wrong_keyring_says_which_entry_and_never_the_key() {
    for (text, expected) in [
        ("", KeyringError::Empty),
        ("nocolon", KeyringError::Form(1)),
        ("a b:xx", KeyringError::Id(1)),
        ("a:c2hvcnQ=", KeyringError::Key(1)),
    ] {
        assert_eq!(text.parse::<Keyring>().unwrap_err(), expected, "{text:?}");
    }
    let twice = format!("{},{}", key("a", 1), key("a", 2));
    assert_eq!(
        twice.parse::<Keyring>().unwrap_err(),
        KeyringError::Twice(2)
    );
    let keyring: Keyring = key("a", 7).parse().unwrap();
    assert_eq!(format!("{keyring:?}"), "[\"a\"]");
}

#[test]
fn a_generated_key_is_a_keyring() {
    let text = Keyring::generate("k1").unwrap();
    assert!(text.parse::<Keyring>().is_ok());
}

#[test]
fn parts_of_a_mac_do_not_run_together() {
    let vault = vault(&key("a", 1));
    let (id, one) = vault.mac("entry", &[b"ab", b"c"]);
    let (_, two) = vault.mac("entry", &[b"a", b"bc"]);
    assert_ne!(one, two);
    assert!(vault.mac_holds(&id, "entry", &[b"ab", b"c"], &one));
    assert!(!vault.mac_holds(&id, "chain", &[b"ab", b"c"], &one));
    assert!(!vault.mac_holds("gone", "entry", &[b"ab", b"c"], &one));
}
