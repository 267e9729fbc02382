//! Randomness as an argument: the same seed gives the same numbers, so that a replay equals what ran.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

/// Where an execution's random numbers come from (SplitMix64). Retry jitter, task tokens, `States.UUID` and
/// `States.MathRandom` draw from it in the order in which the interpreter reaches them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(Cell<u64>);

impl Seed {
    /// A sequence that begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number in `0..bound`; zero if the bound is.
    pub fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A version 4 UUID.
    pub fn uuid(&self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFF,
            (low >> 48) & 0x3FFF | 0x8000,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself() {
        let (one, other) = (Seed::new(7), Seed::new(7));
        assert_eq!(one.uuid(), other.uuid());
        assert!((0..1000).all(|_| one.below(10) < 10));
        assert_eq!(one.uuid().len(), 36);
        assert_eq!(one.uuid().as_bytes()[14], b'4');
    }
}
