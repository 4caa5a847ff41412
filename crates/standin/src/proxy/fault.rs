//! What can go wrong on the way, and which of it does.

use std::collections::HashMap;
use std::time::Duration;

use crate::blobs::mixed;
use crate::seen::Seen;

/// Something that goes wrong with one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed after so many bytes of the body.
    Cut(u64),
    /// The connection is reset after so many bytes of the body.
    Reset(u64),
    /// Nothing comes after so many bytes of the body.
    Stall(u64),
    /// The answer comes late.
    Delay(Duration),
    /// The byte at this place of the body is another.
    Corrupt(u64),
    /// This status instead of the answer, with so many seconds in `Retry-After`.
    Status(u16, Option<u32>),
    /// A range that begins so many bytes later than was asked for.
    WrongRange(u64),
    /// 200 and the whole blob instead of the range.
    Whole,
    /// 206 and so many bytes less than were asked for.
    Short(u64),
    /// A redirect to another host.
    Elsewhere(String),
}

/// A kind of [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the faults")]
pub enum Kind {
    Cut,
    Reset,
    Stall,
    Delay,
    Corrupt,
    Busy,
    WrongRange,
    Whole,
    Short,
    Elsewhere,
}

impl Kind {
    /// All that a download has to get over by itself. Those left out are errors that it has to tell.
    pub const HARMLESS: &'static [Self] = &[
        Self::Cut,
        Self::Reset,
        Self::Stall,
        Self::Delay,
        Self::Busy,
        Self::WrongRange,
        Self::Whole,
        Self::Short,
    ];
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Cut,
        Self::Reset,
        Self::Stall,
        Self::Delay,
        Self::Corrupt,
        Self::Busy,
        Self::WrongRange,
        Self::Whole,
        Self::Short,
        Self::Elsewhere,
    ];

    /// One of this kind, in an answer with so many bytes.
    fn fault(self, random: u64, bytes: u64, elsewhere: &str) -> Fault {
        let place = random % bytes.max(1);
        match self {
            Self::Cut => Fault::Cut(place),
            Self::Reset => Fault::Reset(place),
            Self::Stall => Fault::Stall(place),
            Self::Delay => Fault::Delay(Duration::from_millis(1 + random % 50)),
            Self::Corrupt => Fault::Corrupt(place),
            Self::Busy => match random % 4 {
                0 => Fault::Status(500, None),
                1 => Fault::Status(503, None),
                2 => Fault::Status(503, Some(1)),
                _ => Fault::Status(429, Some(1)),
            },
            Self::WrongRange => Fault::WrongRange(1 + place),
            Self::Whole => Fault::Whole,
            Self::Short => Fault::Short(1 + random % bytes.saturating_sub(1).max(1)),
            Self::Elsewhere => Fault::Elsewhere(elsewhere.to_owned()),
        }
    }
}

/// Which answers go wrong, and how fast bodies pass. Only requests with a range are meant, which are those for content.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Faults of the first answers, one each.
    pub first: Vec<Option<Fault>>,
    /// What the faults after those depend on. The same request, asked the same time, has the same fault.
    pub seed: u64,
    /// Of a thousand answers, so many go wrong.
    pub per_mille: u64,
    /// After so many faults all goes well.
    pub most: u32,
    /// Kinds to choose from.
    pub kinds: Vec<Kind>,
    /// Where redirects lead: a URL without a slash at its end.
    pub elsewhere: String,
    /// Bytes of a body that pass in a second, on each connection.
    pub bytes_per_second: Option<u64>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            seed: 0,
            per_mille: 0,
            most: u32::MAX,
            kinds: Kind::HARMLESS.to_vec(),
            // A port that nothing listens on (RFC 863 lets it throw away what comes).
            elsewhere: "http://127.0.0.2:9".into(),
            bytes_per_second: None,
        }
    }
}

/// What was asked so far, as far as faults depend on it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    reads: usize,
    faults: u32,
    asked: HashMap<u64, u64>,
}

impl Plan {
    /// The fault of a request, if it shall have one.
    pub(super) fn fault(&self, tally: &mut Tally, seen: &Seen) -> Option<Fault> {
        let range = seen.range()?;
        tally.reads += 1;
        if let Some(listed) = self.first.get(tally.reads - 1) {
            return listed.clone();
        }
        let key = [seen.method.as_str(), &seen.path, &format!("{range:?}")];
        let key = key
            .iter()
            .flat_map(|text| text.bytes())
            .fold(self.seed, |all, byte| mixed(all ^ u64::from(byte)));
        let times = tally.asked.entry(key).or_default();
        *times += 1;
        let random = mixed(key ^ (*times << 32));
        if random % 1_000 >= self.per_mille || tally.faults >= self.most || self.kinds.is_empty() {
            return None;
        }
        tally.faults += 1;
        let random = mixed(random);
        let kind = self.kinds[(random % self.kinds.len() as u64) as usize];
        let bytes = range.end.saturating_sub(range.start);
        // A range without an end is a stream of unknown length: what happens, happens early in it.
        let bytes = if range.end == u64::MAX { 1 << 20 } else { bytes };
        Some(kind.fault(mixed(random), bytes, &self.elsewhere))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(start: u64) -> Seen {
        let range = format!("bytes={start}-{}", start + 999);
        Seen {
            method: "GET".into(),
            path: "/a/b/c".into(),
            query: String::new(),
            headers: vec![("range".into(), range)],
        }
    }

    #[test]
    fn faults_depend_on_the_seed_and_not_on_the_order() {
        let faults = |seed, order: &[u64]| {
            let plan = Plan { seed, per_mille: 500, ..Plan::default() };
            let mut tally = Tally::default();
            let mut all: Vec<_> =
                order.iter().map(|start| (*start, plan.fault(&mut tally, &seen(*start)))).collect();
            all.sort_by_key(|(start, _)| *start);
            all
        };
        let (forth, back): (Vec<u64>, Vec<u64>) = ((0..50).collect(), (0..50).rev().collect());
        assert_eq!(faults(7, &forth), faults(7, &back));
        assert_ne!(faults(7, &forth), faults(8, &forth));
        let count = faults(7, &forth).iter().filter(|(_, fault)| fault.is_some()).count();
        assert!((10..40).contains(&count), "{count}");
    }

    #[test]
    fn only_ranges_go_wrong_and_only_so_often() {
        let plan = Plan { per_mille: 1_000, most: 3, ..Plan::default() };
        let mut tally = Tally::default();
        let listing = Seen { headers: vec![], ..seen(0) };
        assert_eq!(plan.fault(&mut tally, &listing), None);
        let count = (0..10).filter(|at| plan.fault(&mut tally, &seen(*at)).is_some()).count();
        assert_eq!(count, 3);
    }
}
