//! Options that say what is read of captures, and how flows end.

use capkeep_flow::Options;
use capkeep_pcap::{Filter, Timestamp};
use capkeep_report::terminal::visible;

use crate::failure::hinted;
use crate::times::{IdleTimeout, idle_timeout, instant};

/// What is read, and how flows end.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// Leave out packets before this time
    ///
    /// RFC 3339 (2024-03-01T12:00:00Z; UTC if it names no offset), or seconds since 1970 with up to nine decimals.
    #[arg(long, value_name = "TIME", value_parser = instant, allow_negative_numbers = true, help_heading = "What to read")]
    from: Option<Timestamp>,

    /// Leave out packets at or after this time
    #[arg(long, value_name = "TIME", value_parser = instant, allow_negative_numbers = true, help_heading = "What to read")]
    to: Option<Timestamp>,

    /// Leave out packets that do not match, in tcpdump's words: "tcp port 443 and not net 10.0.0.0/8"
    ///
    /// Inside a tunnel it is the inner packet that must match. What is left out is counted as such.
    #[arg(long, value_name = "EXPR", help_heading = "What to read")]
    filter: Option<String>,

    /// Join all captures by the time of their packets, as if they were one
    #[arg(long, help_heading = "What to read")]
    merge: bool,

    /// End a flow after this much silence, by packet time: 500ms, 30s, 5m, 1h, or none to never do so
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = idle_timeout,
        default_value = DEFAULT_IDLE_TIMEOUT,
        help_heading = "Flows"
    )]
    idle_timeout: IdleTimeout,
}

/// [`Options::IDLE_TIMEOUT`] in words; a test holds them together.
const DEFAULT_IDLE_TIMEOUT: &str = "15m";

impl Reading {
    /// What they mean for an analysis.
    pub(crate) fn options(&self) -> anyhow::Result<Options> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(hinted("--from is not before --to", "no packet lies between them"));
        }
        let filter = self.filter.as_deref().map(|text| {
            Filter::parse(text).map_err(|error| {
                let before: String = text.chars().take(error.position).collect();
                let indent = " ".repeat(visible(&before).chars().count());
                hinted(format!("--filter: {}", error.what), format!("{text}\n{indent}^"))
            })
        });
        Ok(Options {
            idle_timeout: self.idle_timeout.0,
            from: self.from,
            to: self.to,
            filter: filter.transpose()?,
            merge: self.merge,
            health: true,
        })
    }

    /// True if everything is read, and flows end as they do by themselves.
    pub(crate) fn is_plain(&self) -> bool {
        let is_all = self.filter.is_none() && self.from.is_none() && self.to.is_none() && !self.merge;
        is_all && self.idle_timeout.0 == Options::default().idle_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_idle_timeout_is_the_one_of_the_analysis() {
        assert_eq!(idle_timeout(DEFAULT_IDLE_TIMEOUT), Ok(IdleTimeout(Some(Options::IDLE_TIMEOUT))));
    }
}
