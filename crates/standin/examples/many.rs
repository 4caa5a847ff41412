//! An account with many capture files and a subscription with many captures: for `cargo xtask bench-storage`.
//!
//! Takes the number of files and the number of captures, prints the URL of the Resource Manager, and serves until its
//! input ends. Every capture has a file; the other files are of captures that are gone, half of them of machines that
//! are gone as well. Some have metadata that says whose they were.

#![allow(clippy::print_stdout, reason = "it tells whoever started it where it listens")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read, Write};

use capkeep_standin::{Arm, Blobs, Content, Made};
use jiff::Timestamp;

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-00000000beef";
const REGIONS: [&str; 4] = ["westeurope", "northeurope", "eastus", "uksouth"];
/// Machines that files are of; every second one exists.
const MACHINES: u64 = 2_000;
/// 2026-11-23T12:00:00Z.
const NEWEST_S: i64 = 1_795_435_200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok()).ok_or("FILES CAPTURES");
    let (files, captures) = (number()?, number()?);
    let blobs = Blobs::start()?;
    blobs.rules(|rules| rules.needs_credentials = false);
    for at in 0..files {
        // What is written on a blob before its capture is deleted.
        let is_noted = at >= captures && at % 5 == 0;
        let note = |key: &str, value: String| (key.to_owned(), value);
        let notes = is_noted.then(|| {
            let id = format!("{}/packetCaptures/session-{at}", watcher(REGIONS[0]));
            [
                note("capkeep_capture", format!("session-{at}")),
                note("capkeep_capture_id", id),
                note("capkeep_vm", machine_id(&machine_of(at))),
            ]
        });
        let made = Made {
            content: Content::Pattern { seed: at, size: 1_000_000 + at * 997 % 500_000_000 },
            modified: Some(time_of(at)?),
            metadata: notes.into_iter().flatten().collect::<BTreeMap<_, _>>(),
            ..Made::default()
        };
        blobs.make("network-watcher-logs", &path_of(at)?, made);
    }
    let arm = Arm::start(answers(&blobs, captures)?)?;
    println!("{}", arm.url());
    std::io::stdout().flush()?;
    // Whoever started it closes this.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn machine_of(at: u64) -> String {
    format!("vm{:04}", at % MACHINES)
}

/// One file an hour and a half or so, the first ones the newest.
fn time_of(at: u64) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_second(NEWEST_S - i64::try_from(at).unwrap_or(0) * 601)
}

fn machine_id(name: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/machines/providers/Microsoft.Compute/virtualMachines/{name}"
    )
}

fn watcher(region: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_{region}"
    )
}

fn path_of(at: u64) -> Result<String, jiff::Error> {
    let time = time_of(at)?.strftime("%Y/%m/%d/packetcapture_%H_%M_%S").to_string();
    Ok(format!(
        "{}/{time}_{:03}.cap",
        machine_id(&machine_of(at)).trim_start_matches('/').to_lowercase(),
        at % 1_000
    ))
}

fn answers(blobs: &Blobs, captures: u64) -> Result<Vec<(String, String)>, jiff::Error> {
    let root = format!("/subscriptions/{SUBSCRIPTION}");
    let list = |items: Vec<String>| format!("{{\"value\":[{}]}}", items.join(","));
    let storage = format!(
        "{root}/resourceGroups/machines/providers/Microsoft.Storage/storageAccounts/{}",
        Blobs::ACCOUNT
    );
    let resource = |id: &str, region: &str, more: &str| {
        let name = id.rsplit('/').next().unwrap_or_default();
        format!("{{\"id\":\"{id}\",\"name\":\"{name}\",\"location\":\"{region}\"{more}}}")
    };
    let machines = (0..MACHINES).step_by(2).map(|at| resource(&machine_id(&machine_of(at)), REGIONS[0], ""));
    let endpoint = format!(",\"properties\":{{\"primaryEndpoints\":{{\"blob\":\"{}/\"}}}}", blobs.url());
    let mut all = vec![
        (
            "/subscriptions".to_owned(),
            list(vec![format!("{{\"subscriptionId\":\"{SUBSCRIPTION}\",\"displayName\":\"bench\"}}")]),
        ),
        (
            format!("{root}/providers/Microsoft.Network/networkWatchers"),
            list(REGIONS.iter().map(|region| resource(&watcher(region), region, "")).collect()),
        ),
        (format!("{root}/providers/Microsoft.Compute/virtualMachines"), list(machines.collect())),
        (format!("{root}/providers/Microsoft.Compute/virtualMachineScaleSets"), list(Vec::new())),
        (
            format!("{root}/providers/Microsoft.Storage/storageAccounts"),
            list(vec![resource(&storage, REGIONS[0], &endpoint)]),
        ),
        (
            format!("{root}/providers/Microsoft.Authorization/permissions"),
            list(vec!["{\"actions\":[\"*\"],\"notActions\":[]}".to_owned()]),
        ),
    ];
    for (region, at) in REGIONS.iter().zip(0..) {
        let capture = |number: u64| -> Result<String, jiff::Error> {
            let id = format!("{}/packetCaptures/session-{number}", watcher(region));
            let path = format!("{}/network-watcher-logs/{}", blobs.url(), path_of(number)?);
            let target = machine_id(&machine_of(number));
            let properties = format!(
                ",\"properties\":{{\"target\":\"{target}\",\"targetType\":\"AzureVM\",\"bytesToCapturePerPacket\":0,\
                 \"totalBytesPerSession\":1073741824,\"timeLimitInSeconds\":600,\"storageLocation\":{{\"storageId\":\"{storage}\",\
                 \"storagePath\":\"{path}\"}},\"filters\":[],\"provisioningState\":\"Succeeded\"}}"
            );
            Ok(resource(&id, region, &properties))
        };
        let of_region = (0..captures).filter(|number| number % REGIONS.len() as u64 == at);
        let items = of_region.map(capture).collect::<Result<_, _>>()?;
        all.push((format!("{}/packetCaptures", watcher(region)), list(items)));
    }
    Ok(all)
}
