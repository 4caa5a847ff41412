//! What TCP flows show together.

use crate::health::{TcpHealth, TcpSide};
use crate::record::FlowRecord;

/// Numbers that add up: the fields with what one direction of a flow gives to each.
macro_rules! sums {
    (
        $(#[$about:meta])* $name:ident of $side:ident;
        $($(#[$doc:meta])* $field:ident: $type:ty = $of_side:expr;)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            /// Adds another's.
            pub(crate) const fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }

            /// What one direction gives.
            fn of_side($side: &TcpSide) -> Self {
                Self { $($field: $of_side,)* }
            }
        }
    };
}

sums! {
    /// What TCP flows show together; see [`TcpSide`] for what each number counts.
    TcpTotals of side;

    /// Flows with a header that could be read.
    flows: u64 = 0;
    /// Flows that go on although one of their directions is not in the capture.
    one_sided: u64 = 0;
    /// Segments with payload.
    data_segments: u64 = side.data_segments;
    /// Segments that acknowledge.
    acks: u64 = side.acks;
    /// Everything that was sent again.
    retransmissions: u64 = side.all_retransmissions();
    /// Of those, sent by the retransmission timer.
    timeouts: u64 = side.timeouts;
    /// Of those, sent although acknowledged.
    spurious: u64 = side.spurious_retransmissions;
    /// Came late, not sent again.
    out_of_order: u64 = side.out_of_order;
    /// Of those, the ones that nothing but the time tells from retransmissions.
    ambiguous: u64 = side.ambiguous;
    /// Segments before which bytes were missing that did not merely come late.
    lost_before: u64 = side.lost_before;
    /// Acknowledgements of bytes that are not in the capture.
    acked_unseen: u64 = side.acked_unseen;
    /// Duplicate acknowledgements.
    duplicate_acks: u64 = side.duplicate_acks;
    /// Segments that take nothing.
    zero_windows: u64 = side.zero_windows;
    /// How long nothing was taken, over all flows; nanoseconds.
    zero_window_nanos: i64 = side.zero_window_nanos;
    /// Segments that fill the peer's window.
    window_full: u64 = side.window_full;
    /// Keep-alives.
    keep_alives: u64 = side.keep_alives;
    /// Resets.
    resets: u64 = side.resets;
    /// Packets that the capture holds twice.
    copies: u64 = side.copies;
}

impl TcpTotals {
    /// What one flow gives.
    pub(crate) fn of(flow: &FlowRecord, health: &TcpHealth) -> Self {
        let mut totals = Self { flows: 1, ..Self::default() };
        for (side, other) in
            [(&health.from_client, &flow.from_server), (&health.from_server, &flow.from_client)]
        {
            totals.add(&Self::of_side(side));
            let is_one_sided = other.packets == 0 && side.acks > 0 && side.resets < side.acks;
            totals.one_sided += u64::from(is_one_sided);
        }
        totals
    }
}
