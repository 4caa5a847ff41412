//! Which blocks of a file are there.

use std::collections::VecDeque;
use std::ops::Range;

/// Smallest block (chosen): what is fetched again after a crash is at most one per connection besides what is on the
/// way, and the journal of 1 GiB has four thousand lines.
pub(super) const SMALLEST: u64 = 256 << 10;
/// Most blocks of a file (chosen): bounds the memory and the journal of a huge one.
pub(super) const MOST: u64 = 1 << 16;

/// The blocks of a file, the unit in which it is noted what is there. All have the same length but the last.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    size: u64,
    block: u64,
    done: Vec<bool>,
    /// Blocks before this one are all there.
    frontier: usize,
    /// Number of those that are there.
    count: usize,
}

/// Length of a block in a file of `size` bytes.
pub(super) fn block_bytes(size: u64) -> u64 {
    size.div_ceil(MOST).next_multiple_of(SMALLEST).max(SMALLEST)
}

impl Blocks {
    /// Blocks of a file of which nothing is there.
    pub(super) fn new(size: u64) -> Self {
        let block = block_bytes(size);
        Self { size, block, done: vec![false; size.div_ceil(block) as usize], frontier: 0, count: 0 }
    }

    /// Length of a block.
    pub(super) fn block_bytes(&self) -> u64 {
        self.block
    }

    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    /// Bytes of a block.
    pub(super) fn range(&self, block: usize) -> Range<u64> {
        let start = block as u64 * self.block;
        start..self.size.min(start + self.block)
    }

    /// Notes that a block is there. True if more of the beginning is there now.
    pub(super) fn add(&mut self, block: usize) -> bool {
        match self.done.get_mut(block) {
            Some(done) if !*done => *done = true,
            _ => return false,
        }
        self.count += 1;
        let before = self.frontier;
        while self.done.get(self.frontier) == Some(&true) {
            self.frontier += 1;
        }
        self.frontier > before
    }

    /// Bytes at the beginning that are all there.
    pub(super) fn frontier(&self) -> u64 {
        self.size.min(self.frontier as u64 * self.block)
    }

    /// Bytes that are there.
    pub(super) fn kept(&self) -> u64 {
        let whole = self.count as u64 * self.block;
        match self.done.last() {
            Some(true) => whole - self.block + (self.size - (self.len() as u64 - 1) * self.block),
            _ => whole,
        }
    }

    /// What is missing, in order.
    pub(super) fn missing(&self) -> Missing {
        let mut out: VecDeque<Range<u64>> = VecDeque::new();
        for block in (0..self.len()).filter(|block| !self.done[*block]) {
            let range = self.range(block);
            match out.back_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => out.push_back(range),
            }
        }
        Missing {
            bytes: out.iter().map(|range| range.end - range.start).sum(),
            ranges: out,
            block: self.block,
            size: self.size,
        }
    }
}

/// What nobody fetches yet.
#[derive(Debug)]
pub(super) struct Missing {
    ranges: VecDeque<Range<u64>>,
    bytes: u64,
    block: u64,
    size: u64,
}

impl Missing {
    /// Number of bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next range to ask for. All of them are `part_bytes` long until what is left has to be shared between the
    /// connections there may be, so that none of them is the last for long. A small file is one range.
    pub(super) fn next(&mut self, part_bytes: u64, connections: u64) -> Option<Range<u64>> {
        let first = self.ranges.front_mut()?;
        let share = if self.size <= part_bytes { part_bytes } else { self.bytes / connections.max(1) };
        let length = share.min(part_bytes).min(self.size).max(1).next_multiple_of(self.block);
        let range = first.start..first.end.min(first.start.saturating_add(length));
        first.start = range.end;
        if first.start >= first.end {
            self.ranges.pop_front();
        }
        self.bytes -= range.end - range.start;
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_there_and_what_is_asked_for_make_the_file_whatever_is_done_first(
            size in 0..40 * SMALLEST + 7, there in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            part in 1..5 * SMALLEST, connections in 0..20u64,
        ) {
            let mut blocks = Blocks::new(size);
            for index in there.iter().filter(|_| blocks.len() > 0).map(|index| index.index(blocks.len())).collect::<Vec<_>>() {
                blocks.add(index);
            }
            let kept = blocks.kept();
            prop_assert!(blocks.frontier() <= kept);
            let mut missing = blocks.missing();
            let mut asked = 0;
            while let Some(range) = missing.next(part, connections) {
                prop_assert!(range.start < range.end && range.end - range.start < part + SMALLEST);
                prop_assert_eq!(range.start % blocks.block_bytes(), 0);
                asked += range.end - range.start;
                let mut at = range.start;
                while at < range.end {
                    let block = (at / blocks.block_bytes()) as usize;
                    blocks.add(block);
                    at = blocks.range(block).end;
                }
            }
            prop_assert_eq!(kept + asked, size);
            prop_assert_eq!((blocks.kept(), blocks.frontier()), (size, size));
        }
    }

    #[test]
    fn a_huge_file_has_larger_blocks_and_not_more_of_them() {
        assert_eq!(block_bytes(0), SMALLEST);
        assert_eq!(block_bytes(16 << 30), SMALLEST);
        assert_eq!(block_bytes((16 << 30) + 1), 2 * SMALLEST);
        assert!(Blocks::new(1 << 47).len() as u64 <= MOST);
    }

    #[test]
    fn a_small_file_is_one_request_and_the_end_of_a_large_one_is_shared() {
        assert_eq!(Blocks::new(5 << 20).missing().next(8 << 20, 16), Some(0..5 << 20));
        let mut missing = Blocks::new(32 << 20).missing();
        assert_eq!(missing.next(8 << 20, 16), Some(0..2 << 20));
        assert_eq!(missing.next(8 << 20, 2), Some(2 << 20..10 << 20));
    }
}
