//! Object ids: GUIDs that follow from the seed, so that a tenant made again has the same ones.

use crate::chance::Chance;
use std::fmt;

/// A GUID. It is written in lower case and read in any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u128);

impl Guid {
    /// The one that falls to a number in one matter: of version 4 and the usual variant.
    pub(crate) fn of(chance: Chance, matter: &str, number: u32) -> Self {
        let high = chance.of(matter, number);
        let low = Chance(high).of(matter, number ^ 0x5bd1_e995);
        let bits = (u128::from(high) << 64) | u128::from(low);
        Self(bits & !(0xf000 << 64) & !(0xc << 60) | (0x4000 << 64) | (0x8 << 60))
    }

    /// Reads `8-4-4-4-12` hexadecimal digits; nothing else is one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == 36
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if !well_formed {
            return None;
        }
        u128::from_str_radix(&text.replace('-', ""), 16).ok().map(Self)
    }

    /// The last 64 bits, which are as good as random.
    pub(crate) fn low(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or(0)
    }

    /// Its 36 characters.
    pub(crate) fn text(self) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut shift = 128_u32;
        for (at, place) in text.iter_mut().enumerate() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                shift = shift.saturating_sub(4);
                let digit = usize::try_from((self.0 >> shift) & 0xf).unwrap_or(0);
                *place = DIGITS.get(digit).copied().unwrap_or(b'0');
            }
        }
        text
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
