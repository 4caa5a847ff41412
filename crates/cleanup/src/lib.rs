//! Captures and capture files → orphans → a plan → carrying it out → an audit log.
//!
//! [`Decider`] is a pure function of a [`World`] (the captures and machines there are, and how complete the lists of them
//! are), a capture file and a time. What may go becomes a [`Plan`], which a person reviews. [`apply`] does what is in the
//! plan and nothing else, after deciding again with the captures of that moment; [`rehearse`] only looks. The [`AuditLog`]
//! has an entry before and after each deed, and [`restore`] undoes what it tells of.

mod apply;
mod audit;
mod capture;
mod decide;
mod error;
mod facts;
mod file;
mod layout;
mod memory;
mod place;
mod plan;
mod price;
mod read_only;
mod restore;
mod select;
mod tag;
mod world;

pub use apply::{Event, Options, Outcome, Report, Surroundings, apply, rehearse, settle};
pub use audit::{Archived, AuditLog, Deed, Entry, Journal, Target, What};
pub use capture::KnownCapture;
pub use decide::{Decider, Finding, Rules, Verdict};
pub use error::{Error, Result};
pub use facts::{Facts, Source};
pub use file::CaptureFile;
pub use memory::Memory;
pub use plan::{Header, Plan, Row, Scope, Unplanned};
pub use price::Prices;
pub use read_only::ReadOnly;
pub use restore::{Gone, Restored, gone, restore};
pub use select::{Pattern, Selection};
pub use tag::{LONGEST_VALUE, MOST_TAGS, Marks, marks, tag};
pub use world::{Completeness, Listed, World, same_region};
