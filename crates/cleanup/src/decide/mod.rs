//! Whose a file is: the verdict, and what speaks for it. No clock, no network.
//!
//! The order is: what makes a file live, then what it is too early or too uncertain to say, and only then what makes it
//! an orphan. A mistake in the first two keeps a file that could go; a mistake in the last loses one.

mod index;
mod rules;

use std::fmt;
use std::time::Duration;

use capkeep_watcher::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use rules::Rules;

use crate::facts::{Facts, Source};
use crate::file::CaptureFile;
use crate::layout::Layout;
use crate::place::fold;
use crate::world::{Listed, World};
pub(crate) use index::machine_of;
use index::{Index, Number};

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Its capture exists.
    Live,
    /// Its capture is known, and gone.
    Orphan,
    /// The service named it; machine and time match no capture.
    OrphanByPath,
    /// The same, and the machine is gone too.
    VmGone,
    /// Not named by the service, and nothing known of it: not ours to touch.
    Unknown,
    /// Something that it depends on is not known.
    Unsure,
}

impl Verdict {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Live, Self::Orphan, Self::OrphanByPath, Self::VmGone, Self::Unknown, Self::Unsure];

    /// True for a file that may be planned to go. The others never are.
    pub const fn may_go(self) -> bool {
        matches!(self, Self::Orphan | Self::OrphanByPath | Self::VmGone)
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Orphan => "orphan",
            Self::OrphanByPath => "orphan by path",
            Self::VmGone => "VM gone",
            Self::Unknown => "unknown",
            Self::Unsure => "unsure",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// A verdict and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// What speaks for it, as a sentence without a full stop.
    pub evidence: String,
    /// ARM id of the machine or scale set in lower case, where name or facts tell it.
    pub machine: Option<String>,
    /// When the session began, where name or facts tell it.
    pub began: Option<Timestamp>,
}

/// Decides whose files are, with the captures of one moment.
#[derive(Debug)]
pub struct Decider {
    world: World,
    rules: Rules,
    index: Index,
}

/// A verdict on the way: the first that is found stands.
type Ruling = Option<(Verdict, String)>;

impl Decider {
    /// Decides by these rules, with these captures.
    pub fn new(world: World, rules: Rules) -> Self {
        let index = Index::new(&world.captures, &rules);
        Self { world, rules, index }
    }

    /// What it decides with.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Whose a file is, as of `now`.
    pub fn decide(&self, file: &CaptureFile<'_>, now: Timestamp) -> Finding {
        let layout = Layout::of(&file.blob.name);
        let facts = file.facts.filter(|facts| facts.capture.is_some());
        let of_facts = facts.and_then(|facts| facts.machine.as_deref()).and_then(machine_of);
        let machine = layout.as_ref().map(|layout| layout.machine.clone());
        let machine = machine.or_else(|| of_facts.map(|(id, ..)| id));
        let began = layout.as_ref().map(|layout| layout.time).or(facts.and_then(|facts| facts.began));
        let layout = layout.as_ref();
        let (verdict, evidence) = self
            .live(file, layout, facts)
            .or_else(|| unknown(file, layout))
            .or_else(|| self.doubt_of_file(file, layout, now))
            .or_else(|| self.doubt_of_lists(layout, facts))
            .or_else(|| self.doubt_of_facts(file, layout))
            .unwrap_or_else(|| self.orphan(layout, facts));
        Finding { verdict, evidence, machine, began }
    }

    fn named(&self, number: Number) -> String {
        self.world
            .captures
            .get(number as usize)
            .map_or_else(String::new, |capture| format!("{:?}", capture.name))
    }

    /// A capture that has the file.
    fn live(&self, file: &CaptureFile<'_>, layout: Option<&Layout>, facts: Option<&Facts>) -> Ruling {
        let name = &file.blob.name;
        let key = fold(&format!("{}/{}", name.container, name.name));
        if let Some((number, is_here)) = self.index.at_place(&key, file.account) {
            let capture = self.named(number);
            return Some(if is_here {
                (Verdict::Live, format!("the capture {capture} names this place as that of its file"))
            } else {
                let why = format!(
                    "the capture {capture} names this place in an account that may be the same by another name"
                );
                (Verdict::Unsure, why)
            });
        }
        let layout = layout?;
        if let Some(of) = self.index.of_machine(&layout.machine) {
            // Of two captures within seconds the file of the one that is gone says so, or the ledger does.
            let of_another = facts.and_then(|facts| facts.capture.as_deref());
            let of_another = of_another.is_some_and(|id| self.index.by_id(id).is_none());
            let exact = of.exact.at(layout.time).filter(|_| !of_another);
            if let Some(number) = of.spans.at(layout.time).or(exact) {
                let capture = self.named(number);
                let why = format!("the capture {capture} is of the same machine and time");
                return Some((Verdict::Live, why));
            }
            if let Some(number) = of.timeless {
                let capture = self.named(number);
                let why = format!(
                    "the capture {capture} is of the same machine, and neither its time nor its place is known"
                );
                return Some((Verdict::Unsure, why));
            }
        }
        let of = self.index.of_group(&layout.group).filter(|_| !layout.is_set)?;
        let number = of.spans.at(layout.time).or(of.timeless)?;
        let capture = self.named(number);
        let why = format!(
            "the machine may be of the scale set of the capture {capture}, which is of the same time or of an unknown one"
        );
        Some((Verdict::Unsure, why))
    }

    /// What in the file itself forbids a verdict.
    fn doubt_of_file(&self, file: &CaptureFile<'_>, layout: Option<&Layout>, now: Timestamp) -> Ruling {
        let blob = file.blob;
        let unsure = |why: String| Some((Verdict::Unsure, why));
        if blob.snapshot.is_some() || !blob.is_current || blob.deleted.is_some() {
            return unsure("a snapshot, an older version or a deleted blob".into());
        }
        if !blob.kind.eq_ignore_ascii_case("BlockBlob") {
            return unsure(format!("{:?} is not the kind of blob that captures are stored as", blob.kind));
        }
        if let Some(layout) = layout {
            if after(layout.time, now, self.rules.skew) {
                return unsure("the time in its name is yet to come: clocks disagree".into());
            }
            if after(layout.time, file.written(), self.rules.vague) {
                return unsure("it was written before the time in its name: clocks disagree".into());
            }
        }
        let touched = file.facts.and_then(|facts| facts.touched);
        for (time, what) in [
            (Some(file.written()), "it was written"),
            (touched, "something was done with its capture"),
            (layout.map(|layout| layout.time), "its session began"),
        ] {
            let Some(time) = time else { continue };
            if after(time, now, self.rules.skew) {
                return unsure(format!("{what} at a time that is yet to come: clocks disagree"));
            }
            if now.duration_since(time) < signed(self.rules.min_age) {
                return unsure(format!("{what} less than {} ago", span(self.rules.min_age)));
            }
        }
        None
    }

    /// Lists that the verdict would depend on and that are not complete.
    fn doubt_of_lists(&self, layout: Option<&Layout>, facts: Option<&Facts>) -> Ruling {
        let unsure = |why: String| Some((Verdict::Unsure, why));
        if let Some(number) = self.index.most_vague {
            return unsure(format!("the capture {} tells neither machine nor place", self.named(number)));
        }
        let capture = facts.and_then(|facts| facts.capture.as_deref()).map(str::parse::<ResourceId>);
        let mut needed = Vec::new();
        match capture {
            Some(Ok(id)) => needed.push(fold(&id.subscription)),
            Some(Err(_)) => return unsure("what is noted as the id of its capture is none".into()),
            None => {}
        }
        needed.extend(layout.map(|layout| layout.subscription.clone()));
        let of_facts = facts.and_then(|facts| facts.machine.as_deref()).and_then(machine_of);
        needed.extend(of_facts.as_ref().and_then(|(_, group, _)| Some(group.split('/').next()?.to_owned())));
        if layout.is_none() {
            // A place of one's own can be given to any capture.
            needed.extend(self.world.subscriptions.keys().cloned());
            if let Some(number) = self.index.vague.values().min() {
                return unsure(format!(
                    "the capture {} tells neither machine nor place",
                    self.named(*number)
                ));
            }
        }
        needed.sort_unstable();
        needed.dedup();
        for subscription in &needed {
            let Some(listed) = self.world.subscriptions.get(subscription) else {
                return unsure(format!("the captures of its subscription {subscription} were not listed"));
            };
            if let Some(why) = listed.captures.lack() {
                return unsure(format!(
                    "the captures of subscription {subscription} were not listed completely: {why}"
                ));
            }
            if let Some(number) = self.index.vague.get(subscription.as_str()) {
                return unsure(format!(
                    "the capture {} tells neither machine nor place",
                    self.named(*number)
                ));
            }
            let machine = layout.map(|layout| layout.machine.as_str());
            let machine = machine.or(of_facts.as_ref().map(|(id, ..)| id.as_str()));
            if let Some(why) = self.unseen_watcher(subscription, listed, machine) {
                return unsure(why);
            }
        }
        None
    }

    /// A list has only what its reader may read: without a watcher where the machine is, nothing is known.
    fn unseen_watcher(&self, subscription: &str, listed: &Listed, machine: Option<&str>) -> Option<String> {
        let regions = listed.regions.as_ref()?;
        if regions.is_empty() {
            return Some(format!(
                "no network watcher is to be seen in subscription {subscription}: there is none, or it is hidden from you"
            ));
        }
        let Some(region) = machine.and_then(|machine| self.world.machines.get(machine)) else {
            return Some(format!(
                "where its machine was is not known, and a network watcher of subscription {subscription} may be hidden from you"
            ));
        };
        (!regions.contains(region)).then(|| {
            format!(
                "no network watcher is to be seen in {region}, where the machine is: there is none, or it is hidden from you"
            )
        })
    }

    /// What is known of the file, where it does not fit what exists.
    fn doubt_of_facts(&self, file: &CaptureFile<'_>, layout: Option<&Layout>) -> Ruling {
        let facts = file.facts?;
        let Some(id) = &facts.capture else {
            // Without layout that was ruled unknown.
            return None;
        };
        let unsure = |why: String| Some((Verdict::Unsure, why));
        if let Some(number) = self.index.by_id(id) {
            let capture = self.world.captures.get(number as usize)?;
            let began = capture.began.or_else(|| capture.time_in_path());
            let is_earlier = self.index.is_exact(number)
                && began.is_some_and(|began| after(began, file.written(), self.rules.skew));
            if !is_earlier {
                return unsure(format!(
                    "its capture {:?} exists, or one of the same name, and names another file as its own",
                    capture.name
                ));
            }
        }
        if facts.source == Source::Ledger && layout.is_none() {
            // The ledger knows the place. Something else may have been put there since.
            let last = match (facts.deleted, facts.touched.or(facts.began)) {
                (Some(deleted), _) => deleted.checked_add(signed(self.rules.vague)),
                (None, Some(touched)) => touched.checked_add(signed(self.rules.longest + self.rules.vague)),
                (None, None) => Ok(Timestamp::MIN),
            };
            if last.is_ok_and(|last| file.written() > last) {
                return unsure("it was written after the session of its capture must have ended".into());
            }
            let first = facts.began.filter(|began| after(*began, file.written(), self.rules.vague));
            if first.is_some() {
                return unsure("it was written before the session of its capture began".into());
            }
        }
        None
    }

    /// What nothing speaks against.
    fn orphan(&self, layout: Option<&Layout>, facts: Option<&Facts>) -> (Verdict, String) {
        if let Some(facts) = facts {
            let by = match facts.source {
                Source::Tag => "the blob says so itself",
                Source::Ledger => "the ledger says so",
            };
            let id = facts.capture.as_deref().unwrap_or_default();
            let name = facts.name.as_deref().unwrap_or_else(|| id.rsplit('/').next().unwrap_or_default());
            let gone = match (facts.deleted, self.index.by_id(id)) {
                (_, Some(_)) => "was made anew after this was written".to_owned(),
                (Some(deleted), _) => format!("was deleted {}", minute(deleted)),
                (None, None) => "is gone".to_owned(),
            };
            return (Verdict::Orphan, format!("its capture {name:?} {gone} ({by})"));
        }
        let Some(layout) = layout else {
            return (Verdict::Unknown, NOTHING.to_owned());
        };
        let name = layout.machine.rsplit('/').next().unwrap_or_default();
        let kind = if layout.is_set { "scale set" } else { "machine" };
        let of = self.count(&layout.subscription);
        let time = minute(layout.time);
        let listed = self.world.subscriptions.get(&layout.subscription);
        let machines_known = listed.is_some_and(|listed| listed.machines.lack().is_none());
        if machines_known && !self.world.machines.contains_key(&layout.machine) {
            let why = format!(
                "the {kind} {name} is not in its subscription any more, and none of {of} there is of it and {time}"
            );
            return (Verdict::VmGone, why);
        }
        (
            Verdict::OrphanByPath,
            format!("none of {of} in its subscription is of the {kind} {name} and {time}"),
        )
    }

    fn count(&self, subscription: &str) -> String {
        match self.index.count(subscription) {
            1 => "1 capture".into(),
            count => format!("{count} captures"),
        }
    }
}

const NOTHING: &str = "not named by the service, and nothing is known of it";

fn unknown(file: &CaptureFile<'_>, layout: Option<&Layout>) -> Ruling {
    let is_known = layout.is_some() || file.facts.is_some_and(|facts| facts.capture.is_some());
    (!is_known).then(|| (Verdict::Unknown, NOTHING.to_owned()))
}

/// True if `time` is later than `than` by more than `by`.
fn after(time: Timestamp, than: Timestamp, by: Duration) -> bool {
    time.duration_since(than) > signed(by)
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds >= 3_600 && seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
