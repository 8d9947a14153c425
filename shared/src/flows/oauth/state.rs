//! The `state` parameter: a signed name of a row.
//!
//! ```text
//! base64url( 0x01 | organization (16) | row (16) | binding (32) | HMAC-SHA256 (32) | key id )
//! ```
//!
//! The binding is a hash over who began it, the tenant, the provider and the instance; it is
//! compared with the row, so that neither a row that was changed nor one of another flow fits. The
//! signature comes first: what is not ours costs no query.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::ids::{OauthStateId, OrganizationId};
use crate::domain::oauth_state::OauthState;
use crate::vault::Vault;

const VERSION: u8 = 1;
const PURPOSE: &str = "oauth state";
/// Longer than any of ours.
const LONGEST: usize = 256;

/// What a state of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) organization: OrganizationId,
    pub(super) id: OauthStateId,
    binding: [u8; 32],
}

impl Name {
    /// Whether it is the name of this row.
    pub(super) fn fits(&self, state: &OauthState) -> bool {
        self.organization == state.organization_id
            && self.id == state.id
            && self.binding == binding(state)
    }
}

/// The name of a row.
pub(super) fn sign(vault: &Vault, state: &OauthState) -> String {
    let binding = binding(state);
    let (organization, id) = (
        state.organization_id.0.into_bytes(),
        state.id.0.into_bytes(),
    );
    let (key_id, mac) = vault.mac(PURPOSE, &[&organization, &id, &binding]);
    let parts: [&[u8]; 6] = [
        &[VERSION],
        &organization,
        &id,
        &binding,
        &mac,
        key_id.as_bytes(),
    ];
    URL_SAFE_NO_PAD.encode(parts.concat())
}

/// Reads a state; `None` where it is not ours.
pub(super) fn read(vault: &Vault, text: &str) -> Option<Name> {
    if text.len() > LONGEST {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (&[version], rest) = bytes.split_first_chunk()?;
    let (organization, rest) = rest.split_first_chunk::<16>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (binding, rest) = rest.split_first_chunk::<32>()?;
    let (mac, key_id) = rest.split_first_chunk::<32>()?;
    let key_id = std::str::from_utf8(key_id).ok()?;
    let ours =
        version == VERSION && vault.mac_holds(key_id, PURPOSE, &[organization, id, binding], mac);
    ours.then(|| Name {
        organization: OrganizationId(Uuid::from_bytes(*organization)),
        id: OauthStateId(Uuid::from_bytes(*id)),
        binding: *binding,
    })
}

fn binding(state: &OauthState) -> [u8; 32] {
    let actor = state.actor.id.map(Uuid::into_bytes).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [
        actor.as_slice(),
        state.actor.kind.as_str().as_bytes(),
        state.organization_id.0.as_bytes(),
        state.purpose.as_str().as_bytes(),
        state.provider.as_str().as_bytes(),
        state.base_url.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::actor::{Actor, ActorType};
    use crate::domain::ids::{OauthStateId, OrganizationId};
    use crate::domain::oauth_state::StatePurpose;
    use crate::domain::provider::ProviderKind;
    use crate::vault::Keyring;

    fn vault(id: &str) -> Vault {
        let keys: Keyring = Keyring::generate(id).unwrap().parse().unwrap();
        Vault::new(keys)
    }

    fn state() -> OauthState {
        let now = DateTime::UNIX_EPOCH;
        OauthState {
            id: OauthStateId::new(now),
            organization_id: OrganizationId::new(now),
            purpose: StatePurpose::Oauth,
            provider: ProviderKind::Github,
            base_url: "https://github.com".to_owned(),
            provider_config_id: None,
            client_id: None,
            redirect_uri: String::new(),
            redirect_url: None,
            cookie_sha256: Vec::new(),
            cookie_required: false,
            connection_id: None,
            github_app_id: None,
            github_app_installation_id: None,
            actor: Actor {
                id: Some(Uuid::from_u128(7)),
                kind: ActorType::User,
                name: None,
            },
            created_at: now,
            expires_at: now,
            consumed_at: None,
        }
    }

    #[test]
    fn it_names_its_row_and_no_other() {
        let (vault, state) = (vault("a"), state());
        let text = sign(&vault, &state);
        assert!(
            text.len() <= 200
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
        let name = read(&vault, &text).unwrap();
        assert!(name.fits(&state));
        let other = |change: &dyn Fn(&mut OauthState)| {
            let mut other = state.clone();
            change(&mut other);
            !name.fits(&other)
        };
        assert!(other(&|s| s.actor.id = Some(Uuid::from_u128(8))));
        assert!(other(&|s| s.organization_id = OrganizationId::PLATFORM));
        assert!(other(&|s| s.provider = ProviderKind::Gitlab));
        assert!(other(&|s| s.base_url = "https://git.example.org".to_owned()));
        assert!(other(&|s| s.purpose = StatePurpose::Installation));
        assert!(other(&|s| s.id = OauthStateId::new(DateTime::UNIX_EPOCH)));
    }

    #[test]
    fn a_changed_character_or_another_key_is_not_ours() {
        let (vault, other) = (vault("a"), vault("a"));
        let text = sign(&vault, &state());
        assert!(read(&other, &text).is_none());
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(read(&vault, &changed).is_none(), "{at}");
        }
        for text in [
            "",
            "A",
            "nonsense",
            &text[..40],
            &format!("{text}A"),
            &"A".repeat(5000),
        ] {
            assert!(read(&vault, text).is_none());
        }
    }
}
