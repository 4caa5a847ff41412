//! What exists besides the files, and how complete the lists of it are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::capture::KnownCapture;

/// The captures and machines there are.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// All captures that were listed.
    pub captures: Vec<KnownCapture>,
    /// ARM ids of machines and scale sets in lower case, and their regions.
    pub machines: HashMap<String, String>,
    /// Subscriptions that were listed, by their ids in lower case. One that is not here was not.
    pub subscriptions: BTreeMap<String, Listed>,
}

/// How completely the resources of a subscription were listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its captures, over all watchers and regions.
    pub captures: Completeness,
    /// Its machines and scale sets.
    pub machines: Completeness,
    /// Regions in which a watcher was seen, where it could not be made sure that none is hidden: a list holds only what
    /// the caller may read, and does not say so. `None` where that was made sure.
    pub regions: Option<BTreeSet<String>>,
}

/// Whether a list has everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It has.
    Whole,
    /// It has not; why.
    Partly(String),
}

impl Completeness {
    /// Why it is not complete.
    pub fn lack(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Partly(why) => Some(why),
        }
    }
}

impl World {
    /// Notes a machine or scale set.
    pub fn add_machine(&mut self, id: &str, region: &str) {
        self.machines.insert(id.to_lowercase(), plain_region(region));
    }

    /// Notes how completely a subscription was listed.
    pub fn add_subscription(&mut self, id: &str, listed: Listed) {
        let plain = |regions: BTreeSet<String>| regions.iter().map(|region| plain_region(region)).collect();
        let listed = Listed { regions: listed.regions.map(plain), ..listed };
        self.subscriptions.insert(id.to_lowercase(), listed);
    }

    /// What could not be listed completely, in words.
    pub fn lacks(&self) -> Vec<String> {
        let each = self.subscriptions.iter().flat_map(|(id, listed)| {
            let captures = listed.captures.lack().map(|why| format!("captures of subscription {id}: {why}"));
            let machines = listed.machines.lack().map(|why| format!("machines of subscription {id}: {why}"));
            captures.into_iter().chain(machines)
        });
        each.collect()
    }
}

/// True if both name one region: `westeurope` and `West Europe`.
pub fn same_region(a: &str, b: &str) -> bool {
    plain_region(a) == plain_region(b)
}

pub(crate) fn plain_region(text: &str) -> String {
    text.to_ascii_lowercase().replace(' ', "")
}
