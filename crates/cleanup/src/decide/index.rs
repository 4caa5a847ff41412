//! The captures, found by place, machine and id.

use std::collections::HashMap;
use std::time::Duration;

use capkeep_watcher::ResourceId;
use jiff::Timestamp;

use super::rules::Rules;
use crate::capture::KnownCapture;
use crate::place::{Place, fold, stem};

/// Number of a capture in the list.
pub(super) type Number = u32;

/// The captures, found by place, machine and id.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By container and name of their file.
    places: HashMap<Box<str>, Vec<Number>>,
    /// Beginnings of the names of their files, in order.
    stems: Vec<Stem>,
    /// By id of the machine or scale set.
    machines: HashMap<Box<str>, OfMachine>,
    /// Captures of scale sets by subscription and resource group: instances may be machines of the same group.
    groups: HashMap<Box<str>, OfMachine>,
    /// By their own id.
    ids: HashMap<Box<str>, Number>,
    /// Subscriptions with a capture that may have any file.
    pub(super) vague: HashMap<Box<str>, Number>,
    /// A capture that may have any file of any subscription.
    pub(super) most_vague: Option<Number>,
    /// How many captures a subscription has.
    counts: HashMap<Box<str>, usize>,
    /// Accounts each capture may write to.
    accounts: Vec<Vec<String>>,
    /// Whether each capture has one file, at a place that it names.
    exact: Vec<bool>,
}

#[derive(Debug)]
struct Stem {
    text: Box<str>,
    number: Number,
    /// The longest other one that it begins with.
    shorter: Option<u32>,
}

/// Captures of one machine.
#[derive(Debug, Default)]
pub(super) struct OfMachine {
    /// Times that the names of their files may have.
    pub(super) spans: Spans,
    /// The same of captures with one file at a place that they name: elsewhere it is their file only if nothing else is
    /// known of it.
    pub(super) exact: Spans,
    /// One whose files may have any time.
    pub(super) timeless: Option<Number>,
}

/// Spans of time, each of a capture.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// From, to, in order of `from`.
    spans: Vec<(Timestamp, Timestamp, Number)>,
    /// Latest `to` of all spans up to here.
    latest: Vec<Timestamp>,
}

impl Spans {
    /// A capture with this time.
    pub(super) fn at(&self, time: Timestamp) -> Option<Number> {
        let end = self.spans.partition_point(|(from, ..)| *from <= time);
        for at in (0..end).rev() {
            if self.latest.get(at).is_none_or(|latest| *latest < time) {
                return None;
            }
            if let Some((_, to, number)) = self.spans.get(at)
                && *to >= time
            {
                return Some(*number);
            }
        }
        None
    }

    fn sort(&mut self) {
        self.spans.sort_unstable();
        let mut latest = None;
        self.latest.clear();
        for (_, to, _) in &self.spans {
            latest = latest.max(Some(*to));
            self.latest.extend(latest);
        }
    }
}

/// An id as it is compared.
pub(super) fn fold_id(id: &str) -> String {
    fold(id.trim().trim_end_matches('/'))
}

impl Index {
    pub(super) fn new(captures: &[KnownCapture], rules: &Rules) -> Self {
        let mut index = Self::default();
        for (number, capture) in captures.iter().enumerate() {
            let number = number as Number;
            let place = capture.place();
            let is_exact = !place.keys.is_empty() && !capture.is_ring && !capture.is_set;
            index.ids.insert(fold_id(&capture.id).into(), number);
            if let Ok(id) = capture.id.parse::<ResourceId>() {
                *index.counts.entry(fold(&id.subscription).into()).or_default() += 1;
            }
            index.place(&place, number);
            index.machine(capture, is_exact, number, rules);
            index.accounts.push(place.accounts);
            index.exact.push(is_exact);
        }
        for of in index.machines.values_mut().chain(index.groups.values_mut()) {
            of.spans.sort();
            of.exact.sort();
        }
        index.link_stems();
        index
    }

    fn place(&mut self, place: &Place, number: Number) {
        for key in &place.keys {
            self.places.entry(key.as_str().into()).or_default().push(number);
            self.stems.push(Stem { text: stem(key).into(), number, shorter: None });
        }
    }

    fn link_stems(&mut self) {
        self.stems.sort_unstable_by(|a, b| (&a.text, a.number).cmp(&(&b.text, b.number)));
        // Stems that the one at hand may begin with; each begins with the one before.
        let mut open: Vec<usize> = Vec::new();
        for at in 0..self.stems.len() {
            while let Some(last) = open.last() {
                match (self.stems.get(*last), self.stems.get(at)) {
                    (Some(last), Some(this)) if this.text.starts_with(&*last.text) => break,
                    _ => open.pop(),
                };
            }
            let shorter = open.last().map(|last| *last as u32);
            if let Some(this) = self.stems.get_mut(at) {
                this.shorter = shorter;
            }
            open.push(at);
        }
    }

    /// Notes when the names of a capture's files may be from.
    fn machine(&mut self, capture: &KnownCapture, is_exact: bool, number: Number, rules: &Rules) {
        let Some((machine, group, is_set)) = machine_of(&capture.target) else {
            if !is_exact {
                match capture.id.parse::<ResourceId>() {
                    Ok(id) => {
                        self.vague.insert(fold(&id.subscription).into(), number);
                    }
                    Err(_) => self.most_vague = Some(number),
                }
            }
            return;
        };
        let mut spans = Vec::new();
        for began in [capture.began, capture.time_in_path()].into_iter().flatten() {
            let (before, after) = if capture.is_ring {
                // Its files may have the times at which they were begun.
                let after = match capture.is_over {
                    Some(true) => capture.time_limit.saturating_add(rules.vague),
                    _ => rules.longest.max(capture.time_limit).saturating_add(rules.vague),
                };
                (rules.vague, after)
            } else if is_exact {
                (rules.near, rules.near)
            } else {
                (rules.vague, rules.vague)
            };
            spans.push((earlier(began, before), later(began, after), number));
        }
        let is_timeless = spans.is_empty() && !is_exact;
        let add = |of: &mut OfMachine| {
            let known = if is_exact { &mut of.exact } else { &mut of.spans };
            known.spans.extend(&spans);
            if is_timeless {
                of.timeless = Some(number);
            }
        };
        if is_set || capture.is_set {
            add(self.groups.entry(group.into()).or_default());
        }
        add(self.machines.entry(machine.into()).or_default());
    }

    /// The captures that name this place as that of their file, and those whose files' names begin like it. Those that may
    /// be in this account come first; the second is false for the others.
    pub(super) fn at_place(&self, key: &str, account: &str) -> Option<(Number, bool)> {
        let account = crate::place::fold_account(account);
        let is_here = |number: &Number| {
            self.accounts.get(*number as usize).is_some_and(|accounts| accounts.contains(&account))
        };
        let exact = self.places.get(key).into_iter().flatten().copied();
        let mut elsewhere = None;
        for number in exact.chain(self.stems_of(key)) {
            if is_here(&number) {
                return Some((number, true));
            }
            elsewhere = elsewhere.or(Some(number));
        }
        elsewhere.map(|number| (number, false))
    }

    /// Captures with several files, or one, whose names this one goes on from.
    fn stems_of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = Number> + 'a {
        let end = self.stems.partition_point(|stem| *stem.text <= *key);
        let mut at = end.checked_sub(1);
        std::iter::from_fn(move || {
            let stem = self.stems.get(at?)?;
            at = stem.shorter.map(|shorter| shorter as usize);
            Some(stem)
        })
        .filter(move |stem| {
            let Some(rest) = key.strip_prefix(&*stem.text) else { return false };
            // How the files of a ring are told apart is not documented: there anything may follow.
            let is_exact = self.exact.get(stem.number as usize).copied().unwrap_or(false);
            !is_exact || !rest.starts_with(char::is_alphanumeric)
        })
        .map(|stem| stem.number)
    }

    pub(super) fn of_machine(&self, machine: &str) -> Option<&OfMachine> {
        self.machines.get(machine)
    }

    pub(super) fn of_group(&self, group: &str) -> Option<&OfMachine> {
        self.groups.get(group)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Number> {
        self.ids.get(fold_id(id).as_str()).copied()
    }

    /// How many captures a subscription has.
    pub(super) fn count(&self, subscription: &str) -> usize {
        self.counts.get(subscription).copied().unwrap_or_default()
    }

    /// True if the capture has one file, at a place that it names.
    pub(super) fn is_exact(&self, number: Number) -> bool {
        self.exact.get(number as usize).copied().unwrap_or(false)
    }
}

/// Id of the machine or scale set, its subscription and group, all folded; whether it is a scale set. An instance stands
/// for its set.
pub(crate) fn machine_of(target: &str) -> Option<(String, String, bool)> {
    let mut id: ResourceId = target.trim().trim_end_matches('/').parse().ok()?;
    let is_set = id.name_of("virtualMachineScaleSets").is_some();
    if !id.provider.eq_ignore_ascii_case("Microsoft.Compute")
        || !is_set && !id.is("Microsoft.Compute/virtualMachines")
    {
        return None;
    }
    id.parts.truncate(1);
    let group = fold(&format!("{}/{}", id.subscription, id.resource_group));
    Some((fold(&id.to_string()), group, is_set))
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| time.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
