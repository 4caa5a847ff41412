//! The bytes of one direction in order.

/// Bytes with sequence numbers, put in order as far as they are there. What the caller has used it takes out.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// Sequence number of the byte after `ready`.
    next: u32,
    ready: Vec<u8>,
    /// Segments ahead of a gap.
    early: Vec<(u32, Box<[u8]>)>,
}

/// It cannot go on: more bytes than it holds, or a gap that nothing fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Gather {
    /// Most bytes held (chosen: the largest TLS record and a bit, which holds a chain of certificates).
    pub(super) const LIMIT: usize = 16 * 1024 + 512;
    /// Most segments ahead of a gap (chosen: a window of ten segments, and a QUIC client that cuts its hello to
    /// pieces).
    const EARLY: usize = 32;

    /// Begins at a sequence number.
    pub(super) const fn new(next: u32) -> Self {
        Self { next, ready: Vec::new(), early: Vec::new() }
    }

    /// Adds a segment. Bytes that were there before count once.
    pub(super) fn push(&mut self, seq: u32, bytes: &[u8]) -> Result<(), Full> {
        if !self.append(seq, bytes)? {
            if self.early.len() >= Self::EARLY || self.held() + bytes.len() > Self::LIMIT {
                return Err(Full);
            }
            self.early.push((seq, bytes.into()));
            return Ok(());
        }
        // Whatever the gap kept waiting.
        while let Some(index) = self.early.iter().position(|(seq, _)| !is_ahead(*seq, self.next)) {
            let (seq, bytes) = self.early.swap_remove(index);
            self.append(seq, &bytes)?;
        }
        Ok(())
    }

    /// Appends what is new of a segment; false if it lies ahead of a gap.
    fn append(&mut self, seq: u32, bytes: &[u8]) -> Result<bool, Full> {
        if is_ahead(seq, self.next) {
            return Ok(false);
        }
        let known = self.next.wrapping_sub(seq) as usize;
        if let Some(new) = bytes.get(known..) {
            if self.held() + new.len() > Self::LIMIT {
                return Err(Full);
            }
            self.ready.extend_from_slice(new);
            self.next = self.next.wrapping_add(new.len() as u32);
        }
        Ok(true)
    }

    /// Bytes in order that were not taken out.
    pub(super) fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// Sequence number of the first byte of [`Gather::ready`].
    pub(super) fn at(&self) -> u32 {
        self.next.wrapping_sub(self.ready.len() as u32)
    }

    /// Takes the first bytes out.
    pub(super) fn consume(&mut self, count: usize) {
        self.ready.drain(..count.min(self.ready.len()));
        if self.ready.is_empty() {
            // Most are never needed again.
            self.ready = Vec::new();
        }
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.ready.len() + self.early.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }
}

/// True if a sequence number lies behind another one.
const fn is_ahead(seq: u32, of: u32) -> bool {
    (seq.wrapping_sub(of) as i32) > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Full, Gather};

    #[test]
    fn segments_in_any_order_give_the_same_bytes() {
        let pieces: [(u32, &[u8]); 4] = [(0, b"abc"), (3, b"de"), (2, b"cdef"), (6, b"gh")];
        for rotation in 0..4 {
            let mut gather = Gather::new(u32::MAX - 3);
            for index in 0..4 {
                let (offset, bytes) = pieces[(index + rotation) % 4];
                gather.push((u32::MAX - 3).wrapping_add(offset), bytes).unwrap();
            }
            assert_eq!(gather.ready(), b"abcdefgh");
            assert_eq!(gather.at(), u32::MAX - 3);
            gather.consume(3);
            assert_eq!((gather.ready(), gather.at()), (&b"defgh"[..], u32::MAX));
        }
    }

    #[test]
    fn it_holds_so_much_and_no_more() {
        let mut gather = Gather::new(0);
        assert_eq!(gather.push(0, &vec![0; Gather::LIMIT + 1]), Err(Full));
        assert_eq!(gather.push(5, &vec![0; Gather::LIMIT]), Ok(()));
        assert_eq!(gather.push(1 << 20, &[0; 1]), Err(Full));
        let mut many = Gather::new(0);
        let results: Vec<_> = (0..100).map(|index| many.push(10 + 2 * index, b"x")).collect();
        assert!(results.contains(&Err(Full)));
        assert_eq!(many.ready(), b"");
    }

    proptest! {
        #[test]
        fn whatever_comes_it_stays_in_its_bounds(
            start in any::<u32>(),
            segments in prop::collection::vec((0u32..70_000, 0usize..9_000), 0..60),
        ) {
            let mut gather = Gather::new(start);
            for (offset, length) in segments {
                let _ = gather.push(start.wrapping_add(offset), &vec![7; length]);
                prop_assert!(gather.held() <= Gather::LIMIT);
                if offset % 3 == 0 {
                    gather.consume(length / 2);
                }
            }
        }
    }
}
