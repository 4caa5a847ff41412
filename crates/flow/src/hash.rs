//! Hashes: one that differs from run to run, of the flow and host tables, and one that never does.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// Drawn once per process, so that nobody can write a capture whose flows all collide. Nothing that is handed out
/// depends on it: flows are told in the order of their first packets, tables are ranked by weight and key.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// Odd constants with well-spread bits, from the binary expansion of π (as in wyhash and rustc's hasher).
const K0: u64 = 0x243f_6a88_85a3_08d3;
const K1: u64 = 0x1319_8a2e_0370_7344;
const K2: u64 = 0xa409_3822_299f_31d0;

/// Mixes two words with the seed by a folded 128-bit multiplication.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let seed = *SEED;
    let product = u128::from(a ^ seed ^ K0) * u128::from(b ^ seed.rotate_left(32) ^ K1);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Mixes two words, the same in every run: for what decides about what is handed out. Who makes words collide on purpose
/// must only lose by it.
#[inline]
pub(crate) const fn fold(a: u64, b: u64) -> u64 {
    // Two odd constants of wyhash.
    let product = (a ^ 0xa076_1d64_78bd_642f) as u128 * (b ^ 0xe703_7ed1_a0b4_28db) as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

/// [`Hasher`] over [`mix`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MixHasher(u64);

impl Hasher for MixHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            if let Some(head) = word.get_mut(..chunk.len()) {
                head.copy_from_slice(chunk);
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.0 = mix(self.0 ^ n, K2);
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
