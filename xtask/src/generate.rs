//! `cargo xtask gen`: captures to order.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use capkeep_testkit::{
    Encoder, FrameSizes, NetMon2, Pace, Packets, Pcap, PcapNg, Resolution, Snoop, Traffic, stream,
    stream_forward, variants,
};
use clap::{Args, ValueEnum};
use flate2::{Compression, write::GzEncoder};

use crate::truth_json;

/// What to write.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Kind of traffic; `variants` writes one small set in every way there is, into a folder
    kind: Kind,
    /// File to write; its truth goes to FILE.truth.json. A folder for `variants`
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Packets in all
    #[arg(long, default_value_t = 1_000_000)]
    packets: u64,
    /// Flows in all [default: a twentieth of the packets; two fifths for `live`]
    #[arg(long)]
    flows: Option<u64>,
    /// Which traffic of all that could be
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Packets per second over all flows, except for `live`
    #[arg(long, value_name = "RATE", default_value_t = 1000)]
    pps: u64,
    /// File format
    #[arg(long, value_enum, default_value_t = Format::Pcap)]
    format: Format,
    /// Compress with gzip
    #[arg(long)]
    gzip: bool,
    /// Put every flow into the truth, not only totals and digest: memory grows with all flows
    #[arg(long)]
    table: bool,
}

/// Kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// As on the Internet: heavy-tailed flows that come and go, about 490 bytes a packet
    Mix,
    /// The mix without tags and ARP
    Plain,
    /// Frames of 64 bytes
    Minimum,
    /// All flows alive at once
    Live,
    /// The base set in every format, encapsulation and state of decay
    Variants,
}

/// File format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// pcap, microseconds
    Pcap,
    /// pcapng, microseconds
    Pcapng,
    /// pcap, nanoseconds
    Nsec,
    /// Network Monitor 2.1
    Netmon2,
    /// Sun snoop
    Snoop,
}

impl Format {
    fn encoder(self) -> Box<dyn Encoder> {
        match self {
            Self::Pcap => Box::new(Pcap::ETHERNET),
            Self::Pcapng => Box::new(PcapNg::ETHERNET),
            Self::Nsec => Box::new(Pcap { resolution: Resolution::Nanos, ..Pcap::ETHERNET }),
            Self::Netmon2 => Box::new(NetMon2::new(1)),
            Self::Snoop => Box::new(Snoop),
        }
    }
}

impl Arguments {
    fn traffic(&self) -> Traffic {
        let flows_per_mille = if self.kind == Kind::Live { 400 } else { 50 };
        let flows = self.flows.unwrap_or(self.packets * flows_per_mille / 1000);
        let mix = Traffic {
            resolution_ns: if self.format == Format::Nsec { 1 } else { 1000 },
            pace: Pace::Sustained { packets_per_second: self.pps },
            keep_table: self.table,
            ..Traffic::mix(self.packets, flows, self.seed)
        };
        match self.kind {
            Kind::Mix | Kind::Variants => mix,
            Kind::Plain => Traffic { vlan_per_mille: 0, packets_per_arp_pair: 0, ..mix },
            Kind::Minimum => Traffic { frame_sizes: FrameSizes::Minimum, ..mix },
            Kind::Live => Traffic { pace: Pace::AllLive, packets_per_arp_pair: 0, ..mix },
        }
    }
}

/// Where the truth about a file lies.
pub(crate) fn truth_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".truth.json");
    name.into()
}

/// Writes what was asked for.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let output = &arguments.output;
    if arguments.kind == Kind::Variants {
        return write_variants(output);
    }
    let mut packets = arguments.traffic().packets();
    let written = if arguments.gzip {
        write_gzip(arguments.format, &mut packets, output)
    } else {
        write_plain(arguments.format, &mut packets, output)
    };
    let bytes = written.with_context(|| format!("cannot write {}", output.display()))?;
    let truth = packets.truth();
    let path = truth_path(output);
    fs::write(&path, truth_json::of_traffic(truth))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: {bytes} bytes, {} packets, {} flows", output.display(), truth.packets, truth.flows);
    Ok(())
}

fn write_plain(format: Format, packets: &mut Packets, output: &Path) -> Result<u64> {
    let mut file = File::create(output)?;
    Ok(stream(format.encoder().as_mut(), packets, &mut file)?)
}

fn write_gzip(format: Format, packets: &mut Packets, output: &Path) -> Result<u64> {
    if format == Format::Netmon2 {
        bail!("a NetMon header says where its frame table is: gzip cannot go back and fill it in");
    }
    let mut file = GzEncoder::new(BufWriter::new(File::create(output)?), Compression::default());
    let (bytes, _) = stream_forward(format.encoder().as_mut(), packets, &mut file)?;
    file.finish()?.flush()?;
    Ok(bytes)
}

fn write_variants(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for variant in variants() {
        let file = folder.join(variant.file_name());
        let expected = variant.write(&file).with_context(|| format!("cannot write {}", file.display()))?;
        fs::write(truth_path(&file), truth_json::of_variant(variant, &expected))?;
        println!(
            "{:<22} {:>5} packets {:>4} flows  {}",
            variant.name,
            expected.packets,
            expected.flows.len(),
            variant.doc
        );
    }
    Ok(())
}
