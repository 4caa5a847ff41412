//! Tables and lists that stay bounded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use capkeep_pcap::Timestamp;

/// Values by key, in the order of their keys. Keys beyond the bound are refused and counted.
#[derive(Clone, Debug)]
pub(crate) struct Keyed<K, V> {
    rows: BTreeMap<K, V>,
    /// Things that were left out because their key had no room.
    pub(crate) refused: u64,
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), refused: 0 }
    }
}

impl<K: Ord, V: Default> Keyed<K, V> {
    /// Most keys (chosen: more conversations with something wrong than anybody looks into; a few megabytes).
    pub(crate) const MOST: usize = 2_048;

    /// The value of a key, made if there is room for it.
    pub(crate) fn at(&mut self, key: K) -> Option<&mut V> {
        let is_full = self.rows.len() >= Self::MOST;
        match self.rows.entry(key) {
            Entry::Occupied(row) => Some(row.into_mut()),
            Entry::Vacant(row) if !is_full => Some(row.insert(V::default())),
            Entry::Vacant(_) => {
                self.refused += 1;
                None
            }
        }
    }

    /// The rows in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The rows in the order of their keys, to be used up.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = (K, V)> {
        self.rows.into_iter()
    }
}

/// How many entries the lists of a detector may have in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(usize);

impl Default for Budget {
    /// 131,072 (chosen: a few megabytes).
    fn default() -> Self {
        Self(1 << 17)
    }
}

impl Budget {
    /// Most entries of one list (chosen: a window that has more is full of it).
    const LIST: usize = 4_096;

    /// Adds to a list if there is room.
    pub(crate) fn push<T>(&mut self, list: &mut Vec<T>, item: T) -> bool {
        let has_room = self.0 > 0 && list.len() < Self::LIST;
        if has_room {
            self.0 -= 1;
            list.push(item);
        }
        has_room
    }
}

/// Something that happened at a time, to be told apart by what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contact<T> {
    pub(crate) at: Timestamp,
    pub(crate) what: T,
    pub(crate) capture: u32,
    pub(crate) packet: u64,
}

/// Of the contacts, those of the window of so many nanoseconds that has most different ones; and how many different
/// ones it has. Sorts them by time.
pub(crate) fn densest<T: Ord + Copy>(contacts: &mut [Contact<T>], window: i64) -> (usize, &[Contact<T>]) {
    contacts.sort_unstable();
    let mut inside: BTreeMap<T, u32> = BTreeMap::new();
    let (mut start, mut best, mut range) = (0, 0, 0..0);
    for (end, contact) in contacts.iter().enumerate() {
        *inside.entry(contact.what).or_default() += 1;
        while let Some(oldest) = contacts.get(start).filter(|oldest| contact.at.since(oldest.at) > window) {
            if let Some(count) = inside.get_mut(&oldest.what) {
                *count -= 1;
                if *count == 0 {
                    inside.remove(&oldest.what);
                }
            }
            start += 1;
        }
        if inside.len() > best {
            (best, range) = (inside.len(), start..end + 1);
        }
    }
    (best, contacts.get(range).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_densest_window_counts_different_things() {
        let contact = |at: i64, what: u16| Contact {
            at: Timestamp::from_nanos(at),
            what,
            capture: 0,
            packet: at as u64,
        };
        let mut contacts = vec![contact(100, 3), contact(0, 1), contact(5, 1), contact(9, 2), contact(11, 3)];
        let (count, inside) = densest(&mut contacts, 10);
        assert_eq!((count, inside.len()), (3, 3));
        assert_eq!(densest::<u16>(&mut [], 10).0, 0);
    }

    #[test]
    fn keys_beyond_the_bound_are_refused_and_counted() {
        let mut table: Keyed<usize, u8> = Keyed::default();
        for key in 0..3_000 {
            table.at(key);
        }
        assert_eq!((table.iter().count(), table.refused), (2_048, 952));
        assert!(table.at(5).is_some());
    }
}
