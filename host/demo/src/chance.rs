//! Chance without a state: what falls to a number is a function of the seed, so people can be made in any order and never be kept.

/// A seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(pub u64);

impl Chance {
    /// What falls to a number in one matter.
    pub fn of(self, matter: &str, number: u32) -> u64 {
        let matter = matter.bytes().fold(self.0, |state, byte| mix(state ^ u64::from(byte)));
        mix(matter ^ u64::from(number))
    }

    /// One of some things.
    pub fn pick<'a, T>(self, matter: &str, number: u32, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok()?;
        of.get(usize::try_from(self.of(matter, number).checked_rem(count)?).ok()?)
    }
}

/// The finisher of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `modulus` without a common divisor, so that its multiples pass through every remainder.
pub fn coprime(chance: u64, modulus: u32) -> u32 {
    let gcd = |mut a: u32, mut b: u32| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let start = u32::try_from(chance % u64::from(modulus.max(1))).unwrap_or(0);
    (start..modulus).chain(1..start).find(|&step| gcd(step, modulus) == 1).unwrap_or(1)
}
