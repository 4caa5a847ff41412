//! What a verdict takes for near, young and long.

use std::time::Duration;

use capkeep_watcher::limits;

/// What a verdict takes for near, young and long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A file that was written, or whose capture was dealt with, less than this ago is left alone: its capture may be about
    /// to appear in a list, or its session about to end.
    pub min_age: Duration,
    /// How far the time in a name may be from the begin of a capture that names another place as that of its file.
    pub near: Duration,
    /// The same where a capture names no place.
    pub vague: Duration,
    /// How far clocks may disagree.
    pub skew: Duration,
    /// Longest session.
    pub longest: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            // Chosen: Azure Resource Manager lists what was made a minute ago; an upload of 4 GiB takes some more.
            min_age: Duration::from_hours(1),
            // Chosen: six times what was measured, 1.3 to 1.6 s, in both directions.
            near: Duration::from_secs(10),
            // Chosen: the name is made when the capture is asked for, and the begin is told by an agent that may have to
            // be woken first, on a machine that may be busy.
            vague: Duration::from_mins(10),
            // Chosen: what Kerberos and signatures put up with.
            skew: Duration::from_mins(5),
            longest: Duration::from_secs(limits::RING_TIME.most as u64),
        }
    }
}
