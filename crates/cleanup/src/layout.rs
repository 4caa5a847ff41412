//! What the name of a blob says, where the service chose it: see [`CapturePath`].

use capkeep_storage::{BlobName, CapturePath, TargetKind};
use jiff::Timestamp;

use crate::decide::machine_of;
use crate::place::{decoded, fold};

/// Container the service stores into where it is not told another. Copies that people keep elsewhere under the same
/// names are theirs.
const CONTAINER: &str = "network-watcher-logs";

/// What the name of a blob says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Id of the machine or scale set, folded.
    pub(crate) machine: String,
    /// Its subscription, folded.
    pub(crate) subscription: String,
    /// Subscription and resource group, folded.
    pub(crate) group: String,
    /// It is a scale set.
    pub(crate) is_set: bool,
    /// The time in the name: a little before the session began.
    pub(crate) time: Timestamp,
}

impl Layout {
    /// What the name of a blob says; nothing if the service did not choose it.
    pub(crate) fn of(blob: &BlobName) -> Option<Self> {
        if !blob.container.eq_ignore_ascii_case(CONTAINER) {
            return None;
        }
        let path = CapturePath::parse(&blob.name)?;
        let is_set = path.kind == TargetKind::ScaleSet;
        // What somebody compressed or renamed beside the files of the service is somebody's.
        let ending = blob.name.len().checked_sub(4).and_then(|at| blob.name.get(at..))?;
        if !is_set && !ending.eq_ignore_ascii_case(".cap") {
            return None;
        }
        let (machine, group, _) = machine_of(&path.target())?;
        Some(Self { machine, subscription: fold(&path.subscription), group, is_set, time: path.time })
    }
}

/// The time in the URL of a file that the service named.
pub(crate) fn time_in(url: &str) -> Option<Timestamp> {
    let path = decoded(url.split('?').next()?);
    let at = path.to_ascii_lowercase().find("/subscriptions/")?;
    CapturePath::parse(path.get(at + 1..)?).map(|path| path.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VM: &str = "subscriptions/S1/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/Web1";
    const SET: &str =
        "subscriptions/s1/resourcegroups/rg/providers/microsoft.compute/virtualmachinescalesets/w";

    fn of(name: &str) -> Option<Layout> {
        Layout::of(&BlobName::new("network-watcher-logs", name))
    }

    #[test]
    fn a_name_of_the_service_says_machine_and_time() {
        let found = of(&format!("{VM}/2026/11/23/packetCapture_12_55_59_007.cap")).unwrap();
        assert_eq!(
            found.machine,
            "/subscriptions/s1/resourcegroups/rg/providers/microsoft.compute/virtualmachines/web1"
        );
        assert_eq!((found.subscription.as_str(), found.group.as_str()), ("s1", "s1/rg"));
        assert_eq!(found.time.to_string(), "2026-11-23T12:55:59.007Z");
        assert!(!found.is_set);
        let found =
            of(&format!("{SET}/virtualmachines/0/2026/11/23/packetcapture_12_55_59_007.cap")).unwrap();
        assert!(found.is_set && found.machine.ends_with("/virtualmachinescalesets/w"));
    }

    #[test]
    fn what_somebody_put_there_or_keeps_elsewhere_says_nothing() {
        let whole = format!("{VM}/2026/11/23/packetcapture_12_55_59_007.cap");
        assert!(of(&whole).is_some());
        assert_eq!(of(&format!("{whole}.gz")), None);
        assert_eq!(of(&format!("backup/{whole}")), None);
        assert_eq!(Layout::of(&BlobName::new("evidence", whole)), None);
    }

    #[test]
    fn a_url_has_its_time_anywhere() {
        let url = format!(
            "https://sa1.blob.core.windows.net/network-watcher-logs/{VM}/2026/11/23/packetcapture_12_55_59_007.cap"
        );
        assert_eq!(time_in(&url).unwrap().to_string(), "2026-11-23T12:55:59.007Z");
        assert_eq!(time_in(&url.replace('_', "%5F")).unwrap().to_string(), "2026-11-23T12:55:59.007Z");
        assert_eq!(time_in("https://sa1.blob.core.windows.net/c/x.cap"), None);
    }
}
