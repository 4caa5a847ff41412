//! For tests: a blob service that answers as documented, and a proxy that makes faults.
//!
//! [`Blobs`] answers as Azure documents it where the emulator cannot (soft delete, versions, immutability, legal holds,
//! hostile listings), and remembers every request; [`Arm`] is as much of a Resource Manager as lists need. [`Proxy`] stands in front of any server and makes [`Fault`]s. Both
//! listen on loopback in a thread of their own and stop when they are dropped.

mod arm;
mod blobs;
mod host;
mod proxy;
mod seen;

pub use arm::Arm;
pub use blobs::{Account, Blobs, Canned, Content, Listing, Made, Rules, Stored};
pub use proxy::{Fault, Kind, Plan, Proxy, Read};
pub use seen::Seen;
