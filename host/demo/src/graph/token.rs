//! Texts that only the tenant can read: skip and delta tokens. They are opaque, not secret: nobody is kept from anything by them.

use crate::chance::Chance;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Tokens are at least so long before they are encoded, so that none looks like a number.
const SHORTEST: usize = 72;

/// Hides a text.
pub fn seal(chance: Chance, purpose: &str, text: &str) -> String {
    let mut plain = text.as_bytes().to_vec();
    plain.push(0);
    plain.resize(plain.len().max(SHORTEST), b'.');
    let check = digest(chance, purpose, &plain);
    let mut sealed = check.to_be_bytes().to_vec();
    sealed.extend(plain.iter().zip(stream(check, purpose)).map(|(byte, key)| byte ^ key));
    URL_SAFE_NO_PAD.encode(sealed)
}

/// Reads a hidden text; nothing if it isn't one of this tenant's for this purpose.
pub fn open(chance: Chance, purpose: &str, token: &str) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (check, hidden) = sealed.split_first_chunk::<8>()?;
    let check = u64::from_be_bytes(*check);
    let plain: Vec<u8> = hidden.iter().zip(stream(check, purpose)).map(|(byte, key)| byte ^ key).collect();
    if digest(chance, purpose, &plain) != check {
        return None;
    }
    let end = plain.iter().position(|byte| *byte == 0)?;
    String::from_utf8(plain.get(..end)?.to_vec()).ok()
}

fn digest(chance: Chance, purpose: &str, plain: &[u8]) -> u64 {
    let state = Chance(chance.of(purpose, 0));
    plain.iter().fold(state, |state, byte| Chance(state.of("", u32::from(*byte)))).0
}

fn stream(check: u64, purpose: &str) -> impl Iterator<Item = u8> {
    (0_u32..).flat_map(move |number| Chance(check).of(purpose, number).to_be_bytes())
}
