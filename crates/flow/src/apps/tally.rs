//! Counting by kind, in short lists.

/// Counts one more of a kind in a list that is sorted by kind and has so many at most.
pub(super) fn count<K: Copy + Ord>(list: &mut Vec<(K, u64)>, kind: K, most: usize) {
    match list.binary_search_by_key(&kind, |(known, _)| *known) {
        Ok(index) => {
            if let Some((_, count)) = list.get_mut(index) {
                *count += 1;
            }
        }
        Err(index) if list.len() < most => list.insert(index, (kind, 1)),
        Err(_) => {}
    }
}

/// Counts one more of a text in a list in order of appearance that has so many at most.
pub(super) fn tally(list: &mut Vec<(Box<str>, u64)>, what: Box<str>, most: usize) {
    if let Some((_, count)) = list.iter_mut().find(|(known, _)| *known == what) {
        *count += 1;
    } else if list.len() < most {
        list.push((what, 1));
    }
}
