//! `capkeep compare`.

use std::path::PathBuf;

use capkeep_flow::{Comparison, compare};
use capkeep_pcap::Filter;
use clap::ValueHint;

use super::Done;
use crate::color::{ColorChoice, page};
use crate::failure::hinted;
use crate::output;

/// Compare two captures of the same traffic: what was lost between them, and how long the rest took
///
/// Packets are recognised by what no router and no address translation changes, so that the clocks of the two need
/// not agree: their offset and drift are told. Exit code 1 if something was lost.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Compare {
    /// Capture at one end
    #[arg(value_hint = ValueHint::FilePath)]
    first: PathBuf,

    /// Capture at the other end
    #[arg(value_hint = ValueHint::FilePath)]
    second: PathBuf,

    /// Leave out packets that do not match, in tcpdump's words; addresses as either capture has them
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,

    /// Rows in tables
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,

    /// Print one JSON object, with every packet that was lost
    #[arg(long)]
    json: bool,

    /// Use colour and bold text
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

const EXAMPLES: &str = "\
Examples:
  capkeep compare web1.cap db1.cap
  capkeep compare web1.cap db1.cap --filter 'tcp port 1433'
  capkeep compare web1.cap db1.cap --json | jq '.flows[].to_second.lost'";

impl Compare {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let filter = self.filter.as_deref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| {
            hinted(format!("--filter: {}", error.what), "capkeep help analyze tells more")
        })?;
        let found = compare(&self.first, &self.second, filter.as_ref());
        for (path, (error, read)) in
            [&self.first, &self.second].into_iter().zip(found.errors.iter().zip(found.read))
        {
            if let (Some(error), 0) = (error, read) {
                anyhow::bail!("{}: {}", path.display(), error.message);
            }
        }
        if found.pairs == 0 {
            return Err(hinted("the two captures have no packet in common", self.why_nothing(&found)));
        }
        let names = [self.first.display().to_string(), self.second.display().to_string()];
        let names = names.each_ref().map(String::as_str);
        let out = if self.json {
            let mut out = Vec::new();
            capkeep_report::ends::write(&found, names, &mut out)?;
            out
        } else {
            page(self.color, None).draw(&capkeep_report::ends::blocks(&found, names, self.top)).into_bytes()
        };
        output::print(&out)?;
        let is_lost =
            found.flows.iter().any(|flow| !flow.forth.lost.is_empty() || !flow.back.lost.is_empty());
        let is_cut = found.errors.iter().any(Option::is_some);
        Ok(if is_lost || is_cut { Done::Partly } else { Done::Fully })
    }

    /// Why two captures may have nothing in common.
    fn why_nothing(&self, found: &Comparison) -> String {
        let mut lines: Vec<String> = [&self.first, &self.second]
            .into_iter()
            .zip(found.errors.iter().zip(found.read))
            .map(|(path, (error, read))| {
                let cut = error.as_ref().map(|error| format!(", then {}", error.brief)).unwrap_or_default();
                format!("{}: {read} packets read{cut}", path.display())
            })
            .collect();
        lines.push(
            if self.filter.is_some() {
                "does the filter leave packets of both? addresses are those of either capture"
            } else {
                "were they taken at the same time? is the traffic changed on the way (a proxy, encryption)?"
            }
            .to_owned(),
        );
        lines.join("\n")
    }
}
