//! Where a packet lies.

/// A packet by its place: a flow may go on from one file to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketRef {
    /// Index into [`Analysis::captures`](crate::Analysis::captures) of the file it lies in.
    pub capture: u32,
    /// Its number in that file, counted from 1.
    pub number: u64,
}
