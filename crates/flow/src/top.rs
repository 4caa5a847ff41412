//! Tables by key that stay bounded.

use std::hash::{BuildHasherDefault, Hash};
use std::net::{IpAddr, Ipv4Addr};

use hashbrown::HashMap;

use crate::hash::MixHasher;
use crate::record::Protocol;

/// Counts that add up and can be ranked.
pub trait Tally: Copy + Default {
    /// Adds another's counts.
    fn add(&mut self, other: &Self);
    /// What ranks it, largest first: bytes on the wire.
    fn weight(&self) -> u64;
}

/// What counts are kept under.
pub trait TopKey: Copy + Ord + Hash {
    /// What most keys fit into: a table of these is half as large.
    type Short: Copy + Eq + Hash;
    /// The short form, if there is one.
    fn short(self) -> Option<Self::Short>;
    /// The key of a short form.
    fn from_short(short: Self::Short) -> Self;
}

impl TopKey for IpAddr {
    type Short = u32;

    fn short(self) -> Option<u32> {
        if let Self::V4(address) = self { Some(address.to_bits()) } else { None }
    }

    fn from_short(short: u32) -> Self {
        Self::V4(Ipv4Addr::from_bits(short))
    }
}

impl TopKey for (IpAddr, IpAddr) {
    type Short = u64;

    fn short(self) -> Option<u64> {
        Some(u64::from(self.0.short()?) << 32 | u64::from(self.1.short()?))
    }

    fn from_short(short: u64) -> Self {
        (IpAddr::from_short((short >> 32) as u32), IpAddr::from_short(short as u32))
    }
}

impl TopKey for (Protocol, u16) {
    type Short = Self;

    fn short(self) -> Option<Self> {
        Some(self)
    }

    fn from_short(short: Self) -> Self {
        short
    }
}

impl TopKey for (Protocol, u16, &'static str) {
    type Short = Self;

    fn short(self) -> Option<Self> {
        Some(self)
    }

    fn from_short(short: Self) -> Self {
        short
    }
}

const MAX_KEYS: usize = 57_000;

/// A table that outgrows 2^13 places is given room for all it may hold: each step of growing leaves a hole in memory as
/// large as the table was.
const STEP: usize = (1 << 13) / 8 * 7;

type Table<K, T> = HashMap<K, T, BuildHasherDefault<MixHasher>>;

/// Counts by key, exact up to [`Top::MAX_KEYS`] keys.
///
/// Beyond that the lightest half is folded into [`Top::others`] and the table says so: what is left at the top is
/// then a lower bound.
#[derive(Clone, Debug)]
pub struct Top<K: TopKey, T> {
    /// Keys that have a short form, and those that have none.
    short: Table<K::Short, T>,
    long: Table<K, T>,
    others: T,
    folded: u64,
}

impl<K: TopKey, T: Default> Default for Top<K, T> {
    fn default() -> Self {
        Self { short: Table::default(), long: Table::default(), others: T::default(), folded: 0 }
    }
}

impl<K: TopKey, T: Tally> Top<K, T> {
    /// Most keys held (chosen: a little less than what a hash table of 2^16 places takes, about 4 MB of IPv4 hosts; a
    /// capture with more is a scan, a flood, or long).
    pub const MAX_KEYS: usize = MAX_KEYS;

    /// Adds counts under a key.
    pub fn add(&mut self, key: K, counts: &T) {
        match key.short() {
            Some(short) => {
                if self.short.len() == STEP && self.short.capacity() == STEP {
                    self.short.reserve(MAX_KEYS + 1 - STEP);
                }
                self.short.entry(short).or_default().add(counts);
            }
            None => self.long.entry(key).or_default().add(counts),
        }
        if self.len() > Self::MAX_KEYS {
            self.fold();
        }
    }

    /// Adds another table to this one.
    pub fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        // In order: which keys are folded away must not depend on how the other table came about.
        let mut rows: Vec<_> = other.rows().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        for (key, counts) in rows {
            self.add(key, &counts);
        }
        self.others.add(&other.others);
        self.folded += other.folded;
    }

    /// The heaviest `n`, heaviest first; equal weights in the order of their keys.
    pub fn heaviest(&self, n: usize) -> Vec<(K, T)> {
        let bound = self.bound(n);
        let mut rows: Vec<_> =
            self.rows().filter(|(key, counts)| bound.admits(key, counts.weight())).collect();
        rows.sort_unstable_by(|a, b| b.1.weight().cmp(&a.1.weight()).then(a.0.cmp(&b.0)));
        rows
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// True if nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.folded == 0
    }

    /// True while every count is exact.
    pub fn is_exact(&self) -> bool {
        self.folded == 0
    }

    /// What was folded away, and how many times a key was.
    pub fn others(&self) -> (&T, u64) {
        (&self.others, self.folded)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (K, T)> {
        let short = self.short.iter().map(|(key, counts)| (K::from_short(*key), *counts));
        short.chain(self.long.iter().map(|(key, counts)| (*key, *counts)))
    }

    /// What divides the heaviest `n` from the rest.
    fn bound(&self, n: usize) -> Bound<K> {
        let Some(last) = n.checked_sub(1) else { return Bound { weight: u64::MAX, last: None } };
        if n >= self.len() {
            return Bound { weight: 0, last: self.rows().map(|(key, _)| key).max() };
        }
        let mut weights: Vec<u64> = self.rows().map(|(_, counts)| counts.weight()).collect();
        let (heavier, weight, _) = weights.select_nth_unstable_by(last, |a, b| b.cmp(a));
        let weight = *weight;
        let heavier = heavier.iter().filter(|other| **other > weight).count();
        let mut ties: Vec<K> =
            self.rows().filter(|(_, counts)| counts.weight() == weight).map(|(key, _)| key).collect();
        let (_, key, _) = ties.select_nth_unstable(last - heavier);
        Bound { weight, last: Some(*key) }
    }

    fn fold(&mut self) {
        let bound = self.bound(Self::MAX_KEYS / 2);
        let before = self.len();
        let others = &mut self.others;
        let mut stays = |key: K, counts: &T| {
            let stays = bound.admits(&key, counts.weight());
            if !stays {
                others.add(counts);
            }
            stays
        };
        keep(&mut self.short, |key, counts| stays(K::from_short(*key), counts));
        keep(&mut self.long, |key, counts| stays(*key, counts));
        self.folded += (before - self.len()) as u64;
    }
}

/// Leaves some rows. They are put into the emptied table again: one that rows were taken out of doubles its memory
/// when it is next full.
fn keep<K: Copy + Eq + Hash, T: Copy>(table: &mut Table<K, T>, mut stays: impl FnMut(&K, &T) -> bool) {
    let kept: Vec<(K, T)> = table
        .iter()
        .filter(|(key, counts)| stays(key, counts))
        .map(|(key, counts)| (*key, *counts))
        .collect();
    table.clear();
    table.extend(kept);
}

/// The last of the heaviest: its weight, and its key among those of the same weight.
struct Bound<K> {
    weight: u64,
    last: Option<K>,
}

impl<K: Ord> Bound<K> {
    fn admits(&self, key: &K, weight: u64) -> bool {
        weight > self.weight
            || (weight == self.weight && self.last.as_ref().is_some_and(|last| *key <= *last))
    }
}
