//! A capture, as far as its files are concerned.

use std::time::Duration;

use capkeep_watcher::{Capture, CaptureStatus, ResourceId, TargetType, limits};
use jiff::Timestamp;

use crate::layout;
use crate::place::Place;

/// A capture that exists, as far as its files are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCapture {
    /// ARM id.
    pub id: String,
    /// Name.
    pub name: String,
    /// ARM id of its machine or scale set.
    pub target: String,
    /// ARM id of the storage account it names.
    pub storage_id: Option<String>,
    /// URL of its blob, or the beginning of that of many; no query.
    pub storage_path: Option<String>,
    /// When its session began, as its status tells it.
    pub began: Option<Timestamp>,
    /// How long its session may take.
    pub time_limit: Duration,
    /// It writes a ring of files.
    pub is_ring: bool,
    /// It captures on the instances of a scale set: a file for each.
    pub is_set: bool,
    /// Its session is over; `None` where that is not known.
    pub is_over: Option<bool>,
}

impl KnownCapture {
    /// What the service tells of a capture, and of its session where it was asked.
    pub fn new(capture: &Capture, status: Option<&CaptureStatus>) -> Self {
        let parameters = &capture.properties.parameters;
        let location = &parameters.storage_location;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let is_ring = parameters.is_ring();
        // Zero and absent stand for the default; a ring may take the longest in either case.
        let seconds = if is_ring {
            limits::RING_TIME.most
        } else {
            parameters.time_limit_in_seconds.filter(|seconds| *seconds > 0).unwrap_or(limits::TIME.most)
        };
        let target: Option<ResourceId> = parameters.target.parse().ok();
        let is_set = parameters.target_type() != Some(TargetType::Machine)
            || target.is_none_or(|id| id.name_of("virtualMachineScaleSets").is_some());
        let began = status.and_then(|status| status.capture_start_time.as_deref());
        let path = given(&location.storage_path);
        Self {
            id: capture.id.clone(),
            name: capture.name.clone(),
            target: parameters.target.clone(),
            storage_id: given(&location.storage_id),
            // Nobody should put a signature there; if somebody did, it goes no further.
            storage_path: path.map(|path| path.split('?').next().unwrap_or_default().to_owned()),
            began: began.and_then(|text| text.parse().ok()),
            time_limit: Duration::from_secs(seconds.unsigned_abs()),
            is_ring,
            is_set,
            is_over: status.map(CaptureStatus::is_over),
        }
    }

    /// True if its status should be asked: where its files are does not say when its session began.
    ///
    /// Asking is slow. A capture with one file at a place that it names needs no time to be found.
    pub fn needs_status(&self) -> bool {
        if self.began.is_some() {
            return false;
        }
        let place = self.place();
        if place.keys.is_empty() {
            return true;
        }
        (self.is_ring || self.is_set) && self.time_in_path().is_none()
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(self.storage_path.as_deref().unwrap_or_default(), self.storage_id.as_deref())
    }

    /// The time in the path of its file, where the service chose it.
    pub(crate) fn time_in_path(&self) -> Option<Timestamp> {
        layout::time_in(self.storage_path.as_deref()?)
    }
}
