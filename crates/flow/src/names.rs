//! Names of addresses, by what the captures themselves say: answers of DNS, and what clients ask servers for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use crate::hash::fold;
use crate::record::{FlowRecord, Protocol};

/// Names that flows gave to addresses, and how many flows gave each. Names of strangers: escape them where they are shown.
///
/// Exact up to [`Names::MOST`] pairs of an address and a name. Beyond that the pairs with the smallest digests stay, which
/// is a sample that depends neither on the order in which they came nor on how they were merged, and what stays is exact.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// By digest.
    pairs: BTreeMap<u64, Pair>,
    is_cut: bool,
}

/// An address and one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    address: IpAddr,
    name: Box<str>,
    flows: u64,
}

/// The name of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// What most flows call it; of several the first in the order of the alphabet.
    pub name: &'a str,
    /// Flows that call it so.
    pub flows: u64,
    /// Other names it has.
    pub others: u64,
}

impl Names {
    /// Most pairs of an address and a name (chosen: some 8 MB of them, and more than most captures have).
    pub const MOST: usize = 1 << 16;

    /// Longest name, in bytes (RFC 1035, section 2.3.4; what is not printable counts as it is written, `\DDD`).
    const LONGEST: usize = 255;

    /// Adds flows that call an address so. Names differ neither by case nor by a dot at their end; what cannot be one, and
    /// addresses that stand for none, for many or for this machine, are passed over.
    pub fn add(&mut self, address: IpAddr, name: &str, flows: u64) {
        if let Some(name) = usual(address, name) {
            self.insert(digest(address, &name), address, &name, flows);
        }
    }

    /// Adds another table to this one.
    pub fn merge(&mut self, other: Self) {
        self.is_cut |= other.is_cut;
        if self.pairs.is_empty() {
            self.pairs = other.pairs;
            return;
        }
        for (digest, pair) in other.pairs {
            self.insert(digest, pair.address, &pair.name, pair.flows);
        }
    }

    /// The name of each address that has one.
    pub fn best(&self) -> BTreeMap<IpAddr, Named<'_>> {
        let mut best: BTreeMap<IpAddr, Named<'_>> = BTreeMap::new();
        for pair in self.pairs.values() {
            let named = Named { name: &pair.name, flows: pair.flows, others: 0 };
            match best.entry(pair.address) {
                Entry::Vacant(entry) => {
                    entry.insert(named);
                }
                Entry::Occupied(mut entry) => {
                    let known = entry.get_mut();
                    let others = known.others + 1;
                    if named.flows > known.flows || named.flows == known.flows && named.name < known.name {
                        *known = named;
                    }
                    known.others = others;
                }
            }
        }
        best
    }

    /// Pairs of an address and a name.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True if no address has a name.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// True while no pair was left out.
    pub const fn is_complete(&self) -> bool {
        !self.is_cut
    }

    /// Adds what a flow calls addresses, each name once.
    pub(crate) fn hear(&mut self, flow: &FlowRecord) {
        let Some(apps) = &flow.apps else { return };
        let mut said = Vec::new();
        let mut say = |address, name: &str| {
            let Some(name) = usual(address, name) else { return };
            let digest = digest(address, &name);
            if let Err(place) = said.binary_search(&digest) {
                said.insert(place, digest);
                self.insert(digest, address, &name, 1);
            }
        };
        for (address, name) in apps.names() {
            say(address, name);
        }
        // What a proxy is asked for is elsewhere, and so may be what is asked where the server is guessed.
        let is_proxy = apps.http.as_ref().is_some_and(|http| http.asks_proxy);
        if is_proxy || flow.server_is_guessed() {
            return;
        }
        if let Some(name) = apps.tls.as_ref().and_then(|tls| tls.sni.as_deref()) {
            say(flow.server.ip, name);
        }
        if let Some(http) = apps.http.as_ref().filter(|_| flow.protocol == Protocol::Ip(6)) {
            for (host, _) in &http.hosts {
                say(flow.server.ip, without_port(host));
            }
        }
    }

    fn insert(&mut self, digest: u64, address: IpAddr, name: &str, flows: u64) {
        let is_beyond = || self.pairs.last_key_value().is_some_and(|(last, _)| digest > *last);
        if self.pairs.len() >= Self::MOST && is_beyond() {
            self.is_cut = true;
            return;
        }
        let new = || Pair { address, name: name.into(), flows };
        match self.pairs.entry(digest) {
            Entry::Vacant(entry) => {
                entry.insert(new());
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                match (address, name).cmp(&(known.address, &*known.name)) {
                    Ordering::Equal => known.flows += flows,
                    // Somebody made two collide: the smaller one stays, whichever came first.
                    Ordering::Less => {
                        *known = new();
                        self.is_cut = true;
                    }
                    Ordering::Greater => self.is_cut = true,
                }
            }
        }
        if self.pairs.len() > Self::MOST {
            self.pairs.pop_last();
            self.is_cut = true;
        }
    }
}

/// The name as it is kept, if it is one of an address that can have one.
fn usual(address: IpAddr, name: &str) -> Option<Cow<'_, str>> {
    if address.is_unspecified() || address.is_loopback() || address.is_multicast() {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > Names::LONGEST || name == "<Root>" {
        return None;
    }
    // What ends like no address is none.
    let may_be_address = name.bytes().last().is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':');
    if may_be_address && name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if has_capitals { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) })
}

/// A digest, the same in every run: which pairs stay where there are too many depends on it. Who makes names collide on
/// purpose only hides names.
fn digest(address: IpAddr, name: &str) -> u64 {
    let (version, bits) = match address {
        IpAddr::V4(v4) => (4, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (6, v6.to_bits()),
    };
    let begin = fold(fold(version, bits as u64), fold((bits >> 64) as u64, name.len() as u64));
    name.as_bytes().chunks(8).fold(begin, |digest, chunk| {
        let mut word = [0; 8];
        if let Some(head) = word.get_mut(..chunk.len()) {
            head.copy_from_slice(chunk);
        }
        fold(digest, u64::from_le_bytes(word))
    })
}

/// The host of `host:port`, or of `[address]:port`.
fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, without_port};

    fn rows(names: &Names) -> Vec<(String, String, u64, u64)> {
        let row = |(ip, named): (&std::net::IpAddr, &super::Named<'_>)| {
            (ip.to_string(), named.name.to_owned(), named.flows, named.others)
        };
        names.best().iter().map(row).collect()
    }

    #[test]
    fn the_name_of_most_flows_counts_and_of_several_the_first() {
        let mut names = Names::default();
        let ip = "192.0.2.1".parse().unwrap();
        names.add(ip, "b.example", 2);
        names.add(ip, "A.example.", 1);
        names.add(ip, "a.EXAMPLE", 1);
        names.add(ip, "z.example", 1);
        assert_eq!(rows(&names), [("192.0.2.1".to_owned(), "a.example".to_owned(), 2, 2)]);
        assert!(names.is_complete());
    }

    #[test]
    fn what_names_nothing_is_passed_over() {
        let mut names = Names::default();
        for (address, name) in [
            ("0.0.0.0", "blocked.example"),
            ("127.0.0.1", "localhost"),
            ("224.0.0.251", "x.local"),
            ("192.0.2.1", ""),
            ("192.0.2.1", "."),
            ("192.0.2.1", "<Root>"),
            ("192.0.2.1", "192.0.2.7"),
            ("192.0.2.1", "2001:db8::7"),
            ("192.0.2.1", &"a".repeat(256)),
        ] {
            names.add(address.parse().unwrap(), name, 1);
        }
        assert!(names.is_empty());
    }

    #[test]
    fn a_port_is_no_part_of_a_name() {
        assert_eq!(without_port("example.com:8080"), "example.com");
        assert_eq!(without_port("example.com"), "example.com");
        assert_eq!(without_port("[2001:db8::1]:80"), "2001:db8::1");
        assert_eq!(without_port("a:b"), "a:b");
    }

    #[test]
    fn too_many_names_leave_the_same_ones_in_any_order_and_grouping() {
        let total = Names::MOST as u32 + 5_000;
        let add = |names: &mut Names, n: u32| {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n / 2);
            names.add(address.into(), &format!("h{n}.example"), u64::from(n % 3) + 1);
        };
        let (mut forth, mut back) = (Names::default(), Names::default());
        let mut parts = [Names::default(), Names::default(), Names::default()];
        for n in 0..total {
            add(&mut forth, n);
            add(&mut forth, n % 1_000);
            add(&mut back, total - 1 - n);
            add(&mut parts[n as usize % 3], n);
            add(&mut parts[n as usize % 2], n % 1_000);
        }
        for n in 0..total {
            add(&mut back, n % 1_000);
        }
        let [mut merged, second, third] = parts;
        merged.merge(third);
        merged.merge(second);
        assert_eq!(forth.len(), Names::MOST);
        assert!(!forth.is_complete() && !back.is_complete() && !merged.is_complete());
        assert!(rows(&forth) == rows(&back) && rows(&forth) == rows(&merged));
    }
}
