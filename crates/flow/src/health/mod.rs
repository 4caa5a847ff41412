//! TCP health: what the segments of a flow say of the way between its ends.
//!
//! One classification for each segment. It begins with Wireshark's rules (User's Guide, "TCP Analysis"), so that an
//! analyst who opens the file sees the same numbers; copies that the capture made are left out before, and where the
//! IP identification says in which order segments were sent, it decides between retransmission and reordering.

mod copies;
mod events;
mod samples;
mod segment;
mod watch;

pub use events::{Mark, MarkKind};
pub use samples::Spread;
pub use watch::{Handshake, Silence, TcpHealth, TcpSide};

pub(crate) use copies::{Copies, Seen};
pub(crate) use watch::Watch;
