//! Counts under names that strangers choose: bounded while they are gathered.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Counts that add up and can be ranked.
pub trait Weighed: Clone + Default {
    /// Adds another's counts.
    fn add(&mut self, other: &Self);
    /// What ranks it, largest first.
    fn weight(&self) -> u64;
}

impl Weighed for u64 {
    fn add(&mut self, other: &Self) {
        *self += other;
    }

    fn weight(&self) -> u64 {
        *self
    }
}

/// Counts under keys of which there may be any number: the heaviest, and the rest in one sum.
///
/// Tables add up exactly, in any order and grouping: what is bounded is only the table of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names<K, V> {
    /// The rows that are kept, by key.
    #[serde(
        bound(
            serialize = "K: Serialize, V: Serialize",
            deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"
        ),
        serialize_with = "pairs",
        deserialize_with = "from_pairs"
    )]
    pub rows: BTreeMap<K, V>,
    /// Sum of the rows that were dropped.
    pub others: V,
    /// How many times a row was dropped.
    pub dropped: u64,
}

impl<K, V: Default> Default for Names<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), others: V::default(), dropped: 0 }
    }
}

impl<K: Ord + Clone, V: Weighed> Names<K, V> {
    /// Most keys held while a unit is gathered (chosen: half a megabyte of names).
    pub const MOST: usize = 4_096;
    /// Most keys that a unit keeps (chosen: more than a report shows, small enough for thousands of units).
    pub const KEPT: usize = 256;

    /// Adds counts under a key. Beyond [`Names::MOST`] keys the lighter half is dropped.
    pub(crate) fn add(&mut self, key: K, counts: &V) {
        self.rows.entry(key).or_default().add(counts);
        if self.rows.len() > Self::MOST {
            self.keep(Self::MOST / 2);
        }
    }

    /// Drops all but the heaviest; of equal weights the first keys stay.
    pub fn keep(&mut self, most: usize) {
        if self.rows.len() <= most {
            return;
        }
        let mut rows: Vec<(K, V)> = std::mem::take(&mut self.rows).into_iter().collect();
        // Stable: equal weights stay in the order of their keys.
        rows.sort_by_key(|(_, counts)| Reverse(counts.weight()));
        for (_, counts) in rows.drain(most..) {
            self.others.add(&counts);
            self.dropped += 1;
        }
        self.rows.extend(rows);
    }

    /// Adds another table; nothing is dropped for it.
    pub fn merge(&mut self, other: &Self) {
        for (key, counts) in &other.rows {
            match self.rows.get_mut(key) {
                Some(mine) => mine.add(counts),
                None => {
                    self.rows.insert(key.clone(), counts.clone());
                }
            }
        }
        self.others.add(&other.others);
        self.dropped += other.dropped;
    }

    /// The heaviest `n`, heaviest first; equal weights in the order of their keys.
    pub fn heaviest(&self, n: usize) -> Vec<(&K, &V)> {
        let mut rows: Vec<(&K, &V)> = self.rows.iter().collect();
        rows.sort_by_key(|(_, counts)| Reverse(counts.weight()));
        rows.truncate(n);
        rows
    }

    /// True while nothing was dropped.
    pub const fn is_exact(&self) -> bool {
        self.dropped == 0
    }
}

fn pairs<K: Serialize, V: Serialize, S: Serializer>(
    rows: &BTreeMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rows)
}

fn from_pairs<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_stay_and_nothing_is_lost_from_the_sum() {
        let mut names = Names::<u32, u64>::default();
        for key in 0..10_000u32 {
            names.add(key, &u64::from(key % 7 + 1));
            names.add(9_999_999, &1);
        }
        assert!(names.rows.len() <= Names::<u32, u64>::MOST);
        names.keep(10);
        assert_eq!(names.heaviest(1), [(&9_999_999, &10_000)]);
        let sum: u64 = names.rows.values().sum::<u64>() + names.others;
        assert_eq!(sum, 10_000 + (0..10_000u64).map(|key| key % 7 + 1).sum::<u64>());
    }
}
