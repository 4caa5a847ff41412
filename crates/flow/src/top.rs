//! Tables by key that stay bounded.

use hashbrown::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use crate::hash::MixHasher;

/// Counts that add up and can be ranked.
pub trait Tally: Copy + Default {
    /// Adds another's counts.
    fn add(&mut self, other: &Self);
    /// What ranks it, largest first: bytes on the wire.
    fn weight(&self) -> u64;
}

/// Counts by key, exact up to [`Top::MAX_KEYS`] keys.
///
/// Beyond that the lightest half is folded into [`Top::others`] and the table says so: what is left at the top is
/// then a lower bound.
#[derive(Clone, Debug)]
pub struct Top<K, T> {
    table: HashMap<K, T, BuildHasherDefault<MixHasher>>,
    others: T,
    folded: u64,
}

impl<K, T: Default> Default for Top<K, T> {
    fn default() -> Self {
        Self { table: HashMap::default(), others: T::default(), folded: 0 }
    }
}

impl<K: Copy + Ord + Hash, T: Tally> Top<K, T> {
    /// Most keys held (chosen: about 30 MB of hosts; a capture with more is a scan or a flood).
    pub const MAX_KEYS: usize = 1 << 18;

    /// Makes room for so many more keys, as far as keys are held at all.
    pub(crate) fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys.min(Self::MAX_KEYS - self.table.len().min(Self::MAX_KEYS)));
    }

    /// Adds counts under a key.
    pub fn add(&mut self, key: K, counts: &T) {
        self.table.entry(key).or_default().add(counts);
        if self.table.len() > Self::MAX_KEYS {
            self.fold();
        }
    }

    /// Adds another table to this one.
    pub fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let mut rows: Vec<_> = other.table.into_iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        for (key, counts) in rows {
            self.add(key, &counts);
        }
        self.others.add(&other.others);
        self.folded += other.folded;
    }

    /// The heaviest `n`, heaviest first; equal weights in the order of their keys.
    pub fn heaviest(&self, n: usize) -> Vec<(K, T)> {
        let mut rows: Vec<_> = self.table.iter().map(|(key, counts)| (*key, *counts)).collect();
        let order = |a: &(K, T), b: &(K, T)| b.1.weight().cmp(&a.1.weight()).then(a.0.cmp(&b.0));
        if n < rows.len() {
            rows.select_nth_unstable_by(n, order);
            rows.truncate(n);
        }
        rows.sort_unstable_by(order);
        rows
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True if nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty() && self.folded == 0
    }

    /// True while every count is exact.
    pub fn is_exact(&self) -> bool {
        self.folded == 0
    }

    /// What was folded away, and how many times a key was.
    pub fn others(&self) -> (&T, u64) {
        (&self.others, self.folded)
    }

    fn fold(&mut self) {
        let kept = self.heaviest(Self::MAX_KEYS / 2);
        let mut all = std::mem::take(&mut self.table);
        for (key, counts) in kept {
            all.remove(&key);
            self.table.insert(key, counts);
        }
        self.folded += all.len() as u64;
        let others = &mut self.others;
        all.into_values().for_each(|counts| others.add(&counts));
    }
}
