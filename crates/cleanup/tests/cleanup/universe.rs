//! A random world that knows whose each file is.
//!
//! Captures are made, their sessions write files, and some captures are gone again. What is shown of those that are left is
//! made awkward: other cases, other forms of URLs, no paths, no times, lists that lack something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capkeep_cleanup::{Completeness, Facts, KnownCapture, Listed, Source, World};
use capkeep_storage::BlobName;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::words::{LOGS, at, dated, id, name, set, vm};

pub(crate) const SUBSCRIPTIONS: [&str; 3] = ["s1", "S2", "s3"];

/// What a capture is.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may be so")]
pub(crate) struct Made {
    pub(crate) subscription: usize,
    pub(crate) machine: usize,
    /// Its session began so many seconds after the base.
    pub(crate) began: i64,
    pub(crate) kind: Kind,
    /// Names repeat: captures are made anew.
    pub(crate) name: usize,
    pub(crate) exists: bool,
    /// It exists again when the plan is carried out.
    pub(crate) returns: bool,
    pub(crate) runs: bool,
    pub(crate) is_tagged: bool,
    pub(crate) is_in_ledger: bool,
    pub(crate) show: Show,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The service chose the place.
    Usual,
    /// A place of its own, out of few.
    Own(usize),
    Ring,
    ScaleSet,
    /// A set whose instances are machines.
    FlexibleSet,
    /// The path is not told.
    Untold,
}

/// How the service tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    pub(crate) url: usize,
    pub(crate) has_status: bool,
    pub(crate) has_upper_case: bool,
}

/// A file of the model, and who wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) blob: BlobName,
    pub(crate) account: usize,
    pub(crate) written: Timestamp,
    /// Index of the capture; nobody for a stranger's file.
    pub(crate) owner: Option<usize>,
    pub(crate) facts: Option<Facts>,
}

#[derive(Clone, Debug)]
pub(crate) struct Universe {
    pub(crate) captures: Vec<Made>,
    /// Of each subscription: listed whole, partly, not at all.
    pub(crate) listed: [u8; 3],
    pub(crate) has_machines: bool,
    /// What happens to each file between plan and apply.
    pub(crate) fates: Vec<u8>,
    pub(crate) hidden: Vec<bool>,
}

pub(crate) fn machine_id(made: &Made) -> String {
    let subscription = SUBSCRIPTIONS[made.subscription];
    match made.kind {
        Kind::ScaleSet | Kind::FlexibleSet => set(subscription, &format!("Pool{}", made.machine)),
        _ => vm(subscription, &format!("Web{}", made.machine)),
    }
}

fn began(made: &Made) -> Timestamp {
    at(made.began as f64)
}

/// The time in the name is a little earlier.
fn named(made: &Made) -> Timestamp {
    began(made) - SignedDuration::from_millis(1_300 + made.began.rem_euclid(4) * 100)
}

fn account(made: &Made) -> usize {
    made.machine % 2
}

fn path(made: &Made) -> String {
    let target = machine_id(made);
    match made.kind {
        Kind::Own(place) => format!("own/Place{place}.cap"),
        Kind::ScaleSet | Kind::FlexibleSet => {
            format!("{LOGS}/{}/{}", &target[1..].to_lowercase(), dated(named(made)))
        }
        _ => format!("{LOGS}/{}", name(&target, named(made))),
    }
}

/// Names of the files a session leaves, and when the last of them was written.
fn names(made: &Made) -> (Vec<String>, Timestamp) {
    let path = path(made);
    let stem = path.strip_suffix(".cap").unwrap_or(&path);
    let instance = vm(SUBSCRIPTIONS[made.subscription], &format!("Pool{}_7", made.machine));
    let later = named(made) + SignedDuration::from_hours(2);
    let names = match made.kind {
        Kind::Ring => {
            vec![
                format!("{stem}_00001.cap"),
                format!("{stem}_00002.cap"),
                format!("{LOGS}/{}", name(&machine_id(made), later)),
            ]
        }
        Kind::ScaleSet => {
            let folder = machine_id(made)[1..].to_lowercase();
            let file = stem.rsplit('/').next().unwrap_or_default();
            vec![
                format!("{stem}/virtualMachines/0/{file}.cap"),
                format!("{stem}.cap"),
                format!("{LOGS}/{folder}/virtualmachines/3/{}.cap", dated(named(made))),
            ]
        }
        Kind::FlexibleSet => vec![format!("{LOGS}/{}", name(&instance, named(made)))],
        _ => vec![path.clone()],
    };
    let last = if made.kind == Kind::Ring { later } else { began(made) };
    (names, last + SignedDuration::from_mins(10))
}

fn shown(made: &Made) -> KnownCapture {
    let account = format!("sa{}", account(made));
    let path = path(made);
    let url = match made.show.url {
        0 => format!("https://{account}.blob.core.windows.net/{path}"),
        1 => format!("https://{}.BLOB.core.windows.net/{}", account.to_uppercase(), path.to_uppercase()),
        2 => format!("http://127.0.0.1:10000/{account}/{path}"),
        3 => format!("https://{account}-secondary.blob.core.windows.net/{}", path.replace('_', "%5F")),
        _ => format!("https://files.example.com/{path}"),
    };
    let subscription = SUBSCRIPTIONS[made.subscription];
    let mut id = id(subscription, &format!("c{}", made.name));
    let mut target = machine_id(made);
    if made.show.has_upper_case {
        id = id.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions");
        target = target.to_uppercase();
    }
    let needs_time = matches!(made.kind, Kind::Untold);
    KnownCapture {
        name: format!("c{}", made.name),
        id,
        target,
        storage_id: Some(format!(
            "/subscriptions/{subscription}/resourceGroups/RG/providers/Microsoft.Storage/storageAccounts/{account}"
        )),
        storage_path: (made.kind != Kind::Untold).then_some(url),
        began: (made.show.has_status || needs_time && made.show.url < 3).then(|| began(made)),
        time_limit: Duration::from_hours(if made.kind == Kind::Ring { 168 } else { 5 }),
        is_ring: made.kind == Kind::Ring,
        is_set: matches!(made.kind, Kind::ScaleSet | Kind::FlexibleSet),
        is_over: made.show.has_status.then_some(!made.runs),
    }
}

impl Universe {
    /// Files, in the order they are written: a later session overwrites the file of an earlier one.
    pub(crate) fn files(&self) -> Vec<Truth> {
        let mut found: BTreeMap<(usize, String), Truth> = BTreeMap::new();
        let mut order: Vec<usize> = (0..self.captures.len()).collect();
        order.sort_by_key(|at| self.captures[*at].began);
        for owner in order {
            let made = &self.captures[owner];
            if made.runs {
                continue;
            }
            let (names, written) = names(made);
            for path in names {
                let (container, name) = path.split_once('/').unwrap();
                let facts = Facts {
                    source: if made.is_tagged { Source::Tag } else { Source::Ledger },
                    capture: Some(id(SUBSCRIPTIONS[made.subscription], &format!("c{}", made.name))),
                    machine: Some(machine_id(made)),
                    began: Some(began(made)),
                    ..Facts::default()
                };
                let truth = Truth {
                    blob: BlobName::new(container, name),
                    account: account(made),
                    written,
                    owner: Some(owner),
                    facts: (made.is_tagged || made.is_in_ledger).then_some(facts),
                };
                found.insert((truth.account, path), truth);
            }
        }
        // Files of strangers, and a copy somebody keeps.
        let strange = ["own/notes.txt", "own/Place9.cap", "network-watcher-logs/readme.md"];
        let copies = self
            .captures
            .iter()
            .take(2)
            .map(|made| format!("evidence/{}", path(made).replacen(LOGS, "x", 1)));
        for path in strange.into_iter().map(str::to_owned).chain(copies) {
            let (container, name) = path.split_once('/').unwrap();
            let blob = BlobName::new(container, name);
            let truth = Truth { blob, account: 0, written: at(0.0), owner: None, facts: None };
            found.entry((0, path)).or_insert(truth);
        }
        found.into_values().collect()
    }

    /// What can be seen of the captures that exist.
    pub(crate) fn world(&self, exists: impl Fn(&Made) -> bool) -> World {
        let mut world = World::default();
        let mut ids = BTreeSet::new();
        for (at, made) in self.captures.iter().enumerate() {
            let listed = self.listed[made.subscription];
            let is_hidden = listed == 2 || listed == 1 && self.hidden[at];
            if exists(made) && !is_hidden && ids.insert((made.subscription, made.name)) {
                world.captures.push(shown(made));
            }
        }
        for (at, listed) in self.listed.iter().enumerate() {
            let captures = match listed {
                0 => Completeness::Whole,
                1 => Completeness::Partly("westeurope: throttled".into()),
                _ => continue,
            };
            let machines =
                if self.has_machines { Completeness::Whole } else { Completeness::Partly("403".into()) };
            world.add_subscription(SUBSCRIPTIONS[at], Listed { captures, machines, regions: None });
            world.add_machine(&vm(SUBSCRIPTIONS[at], "web0"), "westeurope");
        }
        world
    }

    /// Of captures with one id only one exists: the last.
    fn is_last_of_its_id(&self, at: usize) -> bool {
        let made = &self.captures[at];
        let same = |other: &&Made| other.subscription == made.subscription && other.name == made.name;
        self.captures.iter().filter(same).all(|other| other.began <= made.began)
            && self.captures[at + 1..].iter().filter(same).all(|other| other.began < made.began)
    }

    fn settle(&mut self) {
        for at in 0..self.captures.len() {
            let is_last = self.is_last_of_its_id(at);
            let made = &mut self.captures[at];
            made.exists &= is_last;
            made.returns = is_last && (made.returns || made.exists);
            // A session that runs has a capture.
            made.runs &= made.exists;
        }
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Usual),
        3 => (0..3usize).prop_map(Kind::Own),
        1 => Just(Kind::Ring),
        1 => Just(Kind::ScaleSet),
        1 => Just(Kind::FlexibleSet),
        1 => Just(Kind::Untold),
    ]
}

fn captures() -> impl Strategy<Value = Made> {
    let times = prop_oneof![
        // Within seconds, within minutes, within days; and just now.
        (0..6i64),
        (0..40i64).prop_map(|minutes| minutes * 60),
        (0..90i64).prop_map(|hours| hours * 3_600 - 250_000),
        (0..10i64).prop_map(|minutes| 438_300 - minutes * 300),
    ];
    let show = (0..5usize, any::<bool>(), any::<bool>());
    let show = show.prop_map(|(url, has_status, has_upper_case)| Show { url, has_status, has_upper_case });
    let flags =
        (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.15), any::<bool>(), any::<bool>());
    (0..3usize, 0..3usize, times, kinds(), 0..6usize, flags, show).prop_map(
        |(
            subscription,
            machine,
            began,
            kind,
            name,
            (exists, returns, runs, is_tagged, is_in_ledger),
            show,
        )| Made {
            subscription,
            machine,
            began,
            kind,
            name,
            exists,
            returns,
            runs,
            is_tagged,
            is_in_ledger,
            show,
        },
    )
}

pub(crate) fn universes() -> impl Strategy<Value = Universe> {
    let listed = prop::array::uniform3(prop_oneof![4 => Just(0u8), 1 => Just(1), 1 => Just(2)]);
    (
        prop::collection::vec(captures(), 1..14),
        listed,
        any::<bool>(),
        prop::collection::vec(0..8u8, 64),
        prop::collection::vec(any::<bool>(), 14),
    )
        .prop_map(|(captures, listed, has_machines, fates, hidden)| {
            let mut universe = Universe { captures, listed, has_machines, fates, hidden };
            universe.settle();
            universe
        })
}
