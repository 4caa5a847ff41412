//! Names that capture files get by themselves.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Longest ending of a segment's name, in bytes (chosen: a counter and a time fit).
const SUFFIX_BYTES: usize = 64;

/// What the name of a capture file says, if it is one of those that the service makes:
/// `subscriptions/{s}/resourcegroups/{rg}/providers/microsoft.compute/virtualmachines/{vm}/yyyy/mm/dd/packetcapture_HH_MM_SS_mmm.cap`
/// in any case, or the same for a scale set. Instances of a scale set stand before the date or below the file's name.
///
/// It holds neither the name nor the id of the capture, and its time is up to two seconds before the capture's begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePath {
    /// Id of the subscription.
    pub subscription: String,
    /// Resource group of the target.
    pub resource_group: String,
    /// What was captured.
    pub kind: TargetKind,
    /// Name of the virtual machine or scale set.
    pub name: String,
    /// Instance of a scale set.
    pub instance: Option<String>,
    /// When the session began, to the millisecond.
    pub time: Timestamp,
    /// What follows the time in the file's name where it is one file of several (a ring buffer): `_00001`.
    pub segment: Option<String>,
}

/// What was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A virtual machine.
    Machine,
    /// A scale set.
    ScaleSet,
}

impl CapturePath {
    /// Reads the name of a blob; `None` if it is none of these.
    pub fn parse(name: &str) -> Option<Self> {
        let words: Vec<&str> = name.split('/').collect();
        let is = |word: &str, what: &str| word.eq_ignore_ascii_case(what);
        let [subscriptions, subscription, groups, group, providers, compute, kind, target, rest @ ..] =
            words.as_slice()
        else {
            return None;
        };
        let is_layout = is(subscriptions, "subscriptions")
            && is(groups, "resourcegroups")
            && is(providers, "providers")
            && is(compute, "microsoft.compute");
        let kind = match *kind {
            kind if is(kind, "virtualmachines") => TargetKind::Machine,
            kind if is(kind, "virtualmachinescalesets") => TargetKind::ScaleSet,
            _ => return None,
        };
        let is_set = kind == TargetKind::ScaleSet;
        let (instance, rest) = match rest {
            [below, instance, rest @ ..] if is_set && is(below, "virtualmachines") => (Some(*instance), rest),
            rest => (None, rest),
        };
        let [year, month, day, file, rest @ ..] = rest else { return None };
        let (time, suffix) = time_of([year, month, day], file)?;
        let (instance, segment) = match rest {
            [] => (instance, suffix),
            // Below the name of a scale set's capture.
            [below, of, file] if is_set && instance.is_none() && is(below, "virtualmachines") => {
                if !suffix.is_empty() {
                    return None;
                }
                (Some(*of), suffix_of(file, file_stem(words.get(words.len() - 4)?))?)
            }
            _ => return None,
        };
        let names = [Some(*subscription), Some(*group), Some(*target), instance];
        if !is_layout || !names.into_iter().flatten().all(is_name) {
            return None;
        }
        Some(Self {
            subscription: (*subscription).to_owned(),
            resource_group: (*group).to_owned(),
            kind,
            name: (*target).to_owned(),
            instance: instance.map(str::to_owned),
            time,
            segment: Some(segment.to_owned()).filter(|segment| !segment.is_empty()),
        })
    }

    /// Id of what was captured, as Azure Resource Manager writes it; of an instance with its number. In the case of the
    /// name, which is mostly lower: compare without case.
    pub fn target(&self) -> String {
        let Self { subscription, resource_group, name, .. } = self;
        let kind = match self.kind {
            TargetKind::Machine => "virtualMachines",
            TargetKind::ScaleSet => "virtualMachineScaleSets",
        };
        let set = format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.Compute/{kind}/{name}"
        );
        match &self.instance {
            Some(instance) => format!("{set}/virtualMachines/{instance}"),
            None => set,
        }
    }
}

/// Time out of folders and file name, and what follows it there.
fn time_of<'a>(date: [&str; 3], file: &'a str) -> Option<(Timestamp, &'a str)> {
    const BEGIN: &str = "packetcapture_";
    let [year, month, day] = date;
    let stem = file_stem(file);
    let clock = stem.get(BEGIN.len()..).filter(|_| stem.is_char_boundary(BEGIN.len()))?;
    if !stem.get(..BEGIN.len())?.eq_ignore_ascii_case(BEGIN) {
        return None;
    }
    // HH_MM_SS_mmm
    let (clock, suffix) = (clock.get(..12)?, clock.get(12..)?);
    let [hour, minute, second, milli] = <[&str; 4]>::try_from(clock.split('_').collect::<Vec<_>>()).ok()?;
    let time = DateTime::new(
        number(year, 4)?,
        i8::try_from(number(month, 2)?).ok()?,
        i8::try_from(number(day, 2)?).ok()?,
        i8::try_from(number(hour, 2)?).ok()?,
        i8::try_from(number(minute, 2)?).ok()?,
        i8::try_from(number(second, 2)?).ok()?,
        i32::from(number(milli, 3)?) * 1_000_000,
    );
    let time = time.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    is_suffix(suffix).then_some((time, suffix))
}

/// What follows `stem` in a file's name.
fn suffix_of<'a>(file: &'a str, stem: &str) -> Option<&'a str> {
    let name = file_stem(file);
    let (begin, suffix) = name.split_at_checked(stem.len())?;
    (begin.eq_ignore_ascii_case(stem) && is_suffix(suffix)).then_some(suffix)
}

/// A file's name without `.cap`.
fn file_stem(file: &str) -> &str {
    match file.len().checked_sub(4).and_then(|at| file.split_at_checked(at)) {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(".cap") => stem,
        _ => file,
    }
}

/// A counter or a time behind a separator: letters that mean nothing to anybody.
fn is_suffix(text: &str) -> bool {
    text.is_empty()
        || (text.len() <= SUFFIX_BYTES
            && text.starts_with(['_', '-', '.'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)))
}

/// A name in an id. Nothing else is asked of it: services of one's own have ids of their own.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word != "." && word != ".." && !word.chars().any(char::is_control)
}

fn number(text: &str, digits: usize) -> Option<i16> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VM: &str = "subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg1/providers/microsoft.compute/virtualmachines/vm1";
    const SET: &str =
        "subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachineScaleSets/Set-1";

    #[test]
    fn names_of_machines_give_target_and_time() {
        let found = CapturePath::parse(&format!("{VM}/2016/12/06/packetcapture_21_26_27_123.cap")).unwrap();
        assert_eq!(found.subscription, "00000000-0000-0000-0000-000000000000");
        assert_eq!((found.resource_group.as_str(), found.name.as_str()), ("rg1", "vm1"));
        assert_eq!(
            (found.kind, found.instance.as_deref(), found.segment.as_deref()),
            (TargetKind::Machine, None, None)
        );
        assert_eq!(found.time, "2016-12-06T21:26:27.123Z".parse().unwrap());
        assert_eq!(
            found.target(),
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/vm1"
        );
        let upper = VM.to_ascii_uppercase();
        let found =
            CapturePath::parse(&format!("{upper}/2016/12/06/PacketCapture_21_26_27_123.CAP")).unwrap();
        assert_eq!(found.name, "VM1");
    }

    #[test]
    fn names_of_scale_sets_give_the_instance_where_there_is_one() {
        for (rest, instance, segment) in [
            ("2024/02/29/packetCapture_00_00_00_000", None, None),
            ("2024/02/29/packetCapture_00_00_00_000.cap", None, None),
            ("virtualMachines/3/2024/02/29/packetcapture_00_00_00_000.cap", Some("3"), None),
            (
                "2024/02/29/packetCapture_00_00_00_000/virtualMachines/3/packetCapture_00_00_00_000.cap",
                Some("3"),
                None,
            ),
            (
                "2024/02/29/packetCapture_00_00_00_000/virtualmachines/3/packetcapture_00_00_00_000_2.cap",
                Some("3"),
                Some("_2"),
            ),
        ] {
            let found = CapturePath::parse(&format!("{SET}/{rest}")).unwrap();
            assert_eq!(found.kind, TargetKind::ScaleSet);
            assert_eq!((found.instance.as_deref(), found.segment.as_deref()), (instance, segment), "{rest}");
            assert_eq!(found.time, "2024-02-29T00:00:00Z".parse().unwrap());
        }
        let found =
            CapturePath::parse(&format!("{SET}/virtualMachines/3/2024/02/29/packetcapture_00_00_00_000.cap"));
        assert!(found.unwrap().target().ends_with("/virtualMachineScaleSets/Set-1/virtualMachines/3"));
    }

    #[test]
    fn files_of_a_ring_are_segments() {
        for (file, segment) in [
            ("packetcapture_21_26_27_123", None),
            ("packetcapture_21_26_27_123_00001.cap", Some("_00001")),
            ("packetcapture_21_26_27_123_00002_20240229000000.cap", Some("_00002_20240229000000")),
            ("packetcapture_21_26_27_123.1", Some(".1")),
            ("packetcapture_21_26_27_123-3.cap", Some("-3")),
            ("packetcapture_21_26_27_123.cap.gz", Some(".cap.gz")),
        ] {
            let found = CapturePath::parse(&format!("{VM}/2016/12/06/{file}")).unwrap();
            assert_eq!(found.segment.as_deref(), segment, "{file}");
        }
    }

    #[test]
    fn every_other_name_is_not_a_capture_path() {
        let long = format!("2016/12/06/packetcapture_21_26_27_123_{}", "1".repeat(64));
        for rest in [
            "",
            "2016/12/06",
            "2016/12/06/",
            "2016/12/06/packetcapture.cap",
            "2016/12/06/packetcapture_21_26_27.cap",
            "2016/12/06/packetcapture_21_26_27_12.cap",
            "2016/12/06/packetcapture_21_26_27_1234.cap",
            "2016/12/06/packetcapture_21_26_27_123x.cap",
            "2016/12/06/packetcapture_21_26_27_123_ .cap",
            "2016/12/06/packetcapture_21_26_27_123/x.cap",
            "2016/12/06/packetcapture_24_00_00_000.cap",
            "2016/12/06/packetcapture_21_60_27_123.cap",
            "2016/12/06/packetcapture_21_26_60_123.cap",
            "2016/12/06/packetcapture_+1_26_27_123.cap",
            "2016/13/06/packetcapture_21_26_27_123.cap",
            "2016/00/06/packetcapture_21_26_27_123.cap",
            "2016/02/30/packetcapture_21_26_27_123.cap",
            "2023/02/29/packetcapture_21_26_27_123.cap",
            "16/12/06/packetcapture_21_26_27_123.cap",
            "2016/1/06/packetcapture_21_26_27_123.cap",
            "x/2016/12/06/packetcapture_21_26_27_123.cap",
            "virtualMachines/3/2016/12/06/packetcapture_21_26_27_123.cap",
            "2016/12/06/xpacketcapture_21_26_27_123.cap",
            &long,
        ] {
            assert_eq!(CapturePath::parse(&format!("{VM}/{rest}")), None, "{rest}");
        }
        for name in [
            "",
            "a.cap",
            "packetcapture_21_26_27_123.cap",
            "2016/12/06/packetcapture_21_26_27_123.cap",
            &format!("/{VM}/2016/12/06/packetcapture_21_26_27_123.cap"),
            &format!("x/{VM}/2016/12/06/packetcapture_21_26_27_123.cap"),
            "subscriptions//resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm/2016/12/06/packetcapture_21_26_27_123.cap",
            "subscriptions/s/resourcegroups/../providers/microsoft.compute/virtualmachines/vm/2016/12/06/packetcapture_21_26_27_123.cap",
            "subscriptions/s/resourcegroups/rg/providers/microsoft.network/virtualmachines/vm/2016/12/06/packetcapture_21_26_27_123.cap",
            "subscriptions/s/resourcegroups/rg/providers/microsoft.compute/disks/vm/2016/12/06/packetcapture_21_26_27_123.cap",
        ] {
            assert_eq!(CapturePath::parse(name), None, "{name}");
        }
        assert_eq!(
            CapturePath::parse(&format!("{SET}/virtualMachines//2016/12/06/packetcapture_21_26_27_123.cap")),
            None
        );
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in "\\PC{0,60}", rest in "[0-9é_/.]{0,40}") {
            let _ = CapturePath::parse(&name);
            let _ = CapturePath::parse(&format!("{VM}/2016/12/06/packetcapture_{rest}"));
            let _ = CapturePath::parse(&format!("{SET}/2016/12/06/packetcapture_21_26_27_123/virtualmachines/1/{rest}"));
            let _ = CapturePath::parse(&format!("{VM}/2016/12/06/{name}"));
        }
    }
}
