use std::collections::BTreeSet;

use crate::{DETECTORS, Settings};

#[test]
fn detectors_have_unique_ids_and_are_described() {
    let mut seen = BTreeSet::new();
    for detector in DETECTORS {
        let id = detector.id();
        assert!(seen.insert(id), "{id} twice");
        assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{id}");
        let about = detector.about();
        let texts = [about.meaning, about.azure, about.decided, about.misses, about.next];
        assert!(
            texts.iter().all(|text| text.len() > 40 && (text.ends_with('.') || text.ends_with('?'))),
            "{id}"
        );
        assert!(about.title.len() < 50 && !about.title.ends_with('.'), "{id}");
    }
}

#[test]
fn every_table_of_thresholds_belongs_to_a_detector_or_the_verdict() {
    let ids: BTreeSet<_> = DETECTORS.iter().map(|detector| detector.id()).chain(["verdict"]).collect();
    for threshold in Settings::default().thresholds() {
        assert!(ids.contains(threshold.group), "{}", threshold.group);
    }
}

#[test]
fn every_file_of_a_detector_opens_with_its_sources() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detectors");
    for detector in DETECTORS {
        let text = std::fs::read_to_string(folder.join(format!("{}.rs", detector.id()))).unwrap();
        let head: Vec<&str> =
            text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let head = head.join(" ");
        for word in ["Flags", "Matters because", "Misses"] {
            assert!(head.contains(word), "{}: {word}", detector.id());
        }
    }
}
