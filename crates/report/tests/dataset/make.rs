//! Captures to units, and units to a dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use capkeep_detect::{Detection, Settings};
use capkeep_flow::{Event, Input, Options, Totals, analyze};
use capkeep_report::dataset::{FlowLinks, write};
use capkeep_report::flows::FileFormat;
use capkeep_report::unit::{Gather, Origin, Unit};

/// A capture file and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) session: String,
    pub(crate) path: PathBuf,
}

/// Captures of `testdata` with findings, tunnels, damage and names.
pub(crate) fn captures() -> Vec<Named> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let of = [
        "findings/dns-nxdomain.pcap.gz",
        "findings/loss-download.pcap.gz",
        "findings/arp-conflict.pcap.gz",
        "cut/cut.pcap",
        "cut/cut-file-header.pcap",
        "any-device/cooked2.pcap",
        "azure-shape/packetcapture_12_53_44_177.cap",
        "fragments",
        "tunnels",
        "web-and-dns",
    ];
    let mut all = Vec::new();
    for name in of {
        let path = folder.join(name);
        if path.is_dir() {
            let files = fs::read_dir(&path).unwrap().map(|file| file.unwrap().path());
            let endings = ["pcap", "pcapng", "gz", "cap"];
            let is_capture =
                |path: &PathBuf| path.extension().is_some_and(|end| endings.iter().any(|e| end == *e));
            let mut files: Vec<PathBuf> = files.filter(is_capture).collect();
            files.sort();
            all.extend(files);
        } else {
            all.push(path);
        }
    }
    named(all)
}

/// Names of captures, each another.
pub(crate) fn named(paths: Vec<PathBuf>) -> Vec<Named> {
    let name = |(n, path): (usize, PathBuf)| {
        let stem = path.file_name().unwrap().to_string_lossy().into_owned();
        Named { session: format!("{stem}-{n}"), path }
    };
    paths.into_iter().enumerate().map(name).collect()
}

/// Analyses a capture and keeps its unit below the folder; what all of it sums up to.
pub(crate) fn unit(capture: &Named, folder: &Path, batch: usize) -> Totals {
    let folder = folder.join(&capture.session);
    let name = capture.path.file_name().unwrap().to_string_lossy().into_owned();
    let origin = Origin {
        vm: name.contains("dns").then(|| "dns1".to_owned()),
        name,
        bytes: fs::metadata(&capture.path).ok().map(|about| about.len()),
        ..Origin::default()
    };
    let gather = Gather::new(capture.session.clone(), vec![origin], &folder.join("flows")).unwrap();
    let state = Mutex::new((gather, Detection::new(Settings::default())));
    let analysis = analyze(&[Input::File(capture.path.clone())], &Options::default(), &|event| {
        if let Event::Flows(flows) = event {
            let mut state = state.lock().unwrap();
            state.1.observe(flows);
            for part in flows.chunks(batch) {
                state.0.observe(part).unwrap();
            }
        }
    });
    let (gather, detection) = state.into_inner().unwrap();
    let unit = gather.finish(&analysis, &detection.finish(&analysis)).unwrap();
    unit.write(&folder.join("unit.json")).unwrap();
    analysis.totals
}

/// Makes the dataset of all units below a folder.
pub(crate) fn dataset(units: &Path, out: &Path, formats: &[FileFormat]) {
    let read = |entry: fs::DirEntry| Unit::read(&entry.path().join("unit.json")).unwrap();
    let mut all: Vec<Unit> = fs::read_dir(units).unwrap().map(|entry| read(entry.unwrap())).collect();
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut links = FlowLinks::new(&out.join("flows"));
    for unit in &all {
        links.add(&units.join(&unit.session).join("flows"), &unit.flow_files).unwrap();
    }
    links.finish().unwrap();
    write(out, &mut all.into_iter().map(Ok), formats).unwrap();
}

/// Every file below a folder, by its path from there.
pub(crate) fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(path.strip_prefix(folder).unwrap().into());
            }
        }
    }
    all
}

/// Every file below a folder and its bytes.
pub(crate) fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), fs::read(folder.join(path)).unwrap());
    files(folder).into_iter().map(read).collect()
}
