//! Cutting packets out.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use capkeep_flow::community_id;
use capkeep_pcap::{Batch, Decoded, Fragment, PcapNgWriter, decode};

use super::Wanted;
use super::sources::{Source, chain};
use crate::commands::Done;
use crate::failure::{hinted, warn};

/// What was cut out.
#[derive(Default)]
pub(super) struct Cut {
    pub(super) packets: u64,
    damaged: BTreeMap<PathBuf, String>,
}

/// Tells how it went.
pub(super) fn told(cut: &Cut) -> anyhow::Result<Done> {
    for (path, problem) in &cut.damaged {
        warn(&path.display().to_string(), problem);
    }
    if cut.packets == 0 {
        return Err(hinted("no packet matches", "nothing was written"));
    }
    Ok(if cut.damaged.is_empty() { Done::Fully } else { Done::Partly })
}

/// Cuts what is wanted out of captures, into a file with this comment.
pub(super) fn cut<W: Write>(
    sources: &[Source],
    wanted: &Wanted,
    comment: &str,
    out: W,
) -> anyhow::Result<(Cut, W)> {
    let mut cut = Cut::default();
    let mut writer = PcapNgWriter::new(out, comment).context("cannot write")?;
    for (index, source) in (0..).zip(sources) {
        if let Err(problem) = cut_one(index, source, wanted, &mut writer)? {
            cut.damaged.insert(source.name.clone(), problem);
        }
    }
    cut.packets = writer.packets();
    Ok((cut, writer.finish().context("cannot write")?))
}

/// Cuts out of one capture; the inner error is one of the capture.
fn cut_one<W: Write>(
    index: u32,
    source: &Source,
    wanted: &Wanted,
    writer: &mut PcapNgWriter<W>,
) -> anyhow::Result<Result<(), String>> {
    let mut reader = match source.open() {
        Ok(reader) => reader,
        Err(problem) => return Ok(Err(problem)),
    };
    let name = source.name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut batch = Batch::default();
    let mut fragments = Fragments::default();
    loop {
        match reader.next_batch(&mut batch) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(error) => return Ok(Err(chain(error))),
        }
        for (number, packet) in (batch.first_number..).zip(batch.packets()) {
            let decoded = || decode(packet.frame.link_type, packet.data, packet.frame.wire_len).ok();
            let is_wanted = match wanted {
                Wanted::Numbers(list) => list.iter().any(|(first, last)| (*first..=*last).contains(&number)),
                Wanted::Filter(filter) => {
                    decoded().is_some_and(|decoded| filter.matches(&decoded, packet.frame.wire_len))
                }
                Wanted::Flow(flows) => decoded().is_some_and(|decoded| fragments.are_of(flows, &decoded)),
                Wanted::Found(packets, flows) => {
                    packets.numbers.get(&index).is_some_and(|numbers| numbers.contains(&number))
                        || (!flows.is_empty()
                            && decoded().is_some_and(|decoded| fragments.are_of(flows, &decoded)))
                }
            };
            if is_wanted {
                let interface = reader.facts().interfaces.get(packet.frame.interface as usize);
                writer
                    .packet(&packet, interface, &format!("packet {number} of {name}"))
                    .with_context(|| format!("cannot write packet {number} of {}", source.name.display()))?;
            }
        }
    }
}

/// Fragments whose first one, with the ports, was of a flow that is wanted.
#[derive(Default)]
struct Fragments(HashSet<(u128, u128, u8, u32)>);

impl Fragments {
    /// Most datagrams remembered (chosen: more are not under way at a time).
    const MOST: usize = 1 << 16;

    /// True if a packet is of one of the flows.
    fn are_of(&mut self, flows: &HashSet<String>, packet: &Decoded) -> bool {
        let key = |id| (packet.source, packet.destination, packet.protocol, id);
        if let Fragment::Later { id, .. } = packet.fragment
            && self.0.contains(&key(id))
        {
            return true;
        }
        let is_of = community_id(packet).is_some_and(|id| flows.contains(&id));
        if let Fragment::First(id) = packet.fragment
            && is_of
            && self.0.len() < Self::MOST
        {
            self.0.insert(key(id));
        }
        is_of
    }
}
