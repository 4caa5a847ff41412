//! Where to look for capture files and captures: the options that the subcommands share.

use std::time::Duration;

use capkeep_cleanup::{Plan, Rules};

use crate::azure::Azure;
use crate::storage::Storage;
use crate::units::seconds;

/// Where to look.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where to look")]
pub(super) struct Scope {
    /// Storage account to look into: its name, or its URL, which may name a container and have a signature (repeatable)
    /// [default: all accounts that you see]
    #[arg(long, value_name = "NAME|URL")]
    pub(super) account: Vec<String>,

    /// Container to look into (repeatable) [default: network-watcher-logs, and those that captures name]
    #[arg(long, value_name = "NAME", conflicts_with = "all_containers")]
    pub(super) container: Vec<String>,

    /// Look into all containers
    #[arg(long)]
    pub(super) all_containers: bool,

    /// Files that are younger are unsure: their capture may be about to appear, or their session about to end
    /// [default: 1h, or what the plan was made with]
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    pub(super) min_age: Option<i64>,

    #[command(flatten)]
    pub(super) storage: Storage,

    #[command(flatten)]
    pub(super) azure: Azure,
}

impl Scope {
    /// What a verdict takes for near, young and long. Of a plan its own rule counts, unless another is asked for.
    pub(super) fn rules(&self, of_plan: Option<&Plan>) -> Rules {
        let usual = Rules::default();
        let of_plan = of_plan.map(|plan| Duration::from_secs(plan.header.scope.min_age_s));
        let asked = self.min_age.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
        Rules { min_age: asked.or(of_plan).unwrap_or(usual.min_age), ..usual }
    }

    /// What was asked for, without signatures.
    pub(super) fn asked(&self) -> String {
        let mut words = Vec::new();
        for account in &self.account {
            let plain = account.split('?').next().unwrap_or_default();
            words.push(format!("--account {plain}"));
        }
        words.extend(self.container.iter().map(|name| format!("--container {name}")));
        words.extend(self.all_containers.then(|| "--all-containers".to_owned()));
        words.extend(self.min_age.map(|seconds| format!("--min-age {seconds}s")));
        words.join(" ")
    }
}
