//! Names beside addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use capkeep_detect::azure;
use capkeep_flow::{Analysis, Named};

use crate::Table;
use crate::value::{Value, count};

/// The names of addresses: Azure's for its own, else those that the captures themselves tell.
#[derive(Debug, Default)]
pub(crate) struct Names<'a>(BTreeMap<IpAddr, Named<'a>>);

/// The name of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// The name; one of strangers, unless it is Azure's.
    pub(crate) words: &'a str,
    /// Who says so: `azure` for what is known of Azure, `capture` for DNS, TLS and HTTP in the captures.
    pub(crate) from: &'static str,
    /// Other names that the captures give it.
    pub(crate) others: u64,
}

impl<'a> Names<'a> {
    pub(crate) fn of(analysis: &'a Analysis) -> Self {
        Self(analysis.names.best())
    }

    pub(crate) fn get(&self, address: IpAddr) -> Option<Name<'a>> {
        let seen = self.0.get(&address);
        if let Some(words) = azure::name(address) {
            return Some(Name { words, from: "azure", others: seen.map_or(0, |named| named.others + 1) });
        }
        seen.map(|named| Name { words: named.name, from: "capture", others: named.others })
    }

    /// What stands beside an address.
    pub(crate) fn beside(&self, address: IpAddr) -> Value {
        self.get(address).map_or(Value::Nothing, |name| Value::Aside(name.shown()))
    }

    /// What stands beside several addresses, each as it is called in front of its name.
    pub(crate) fn beside_each(&self, addresses: &[(String, IpAddr)]) -> Value {
        let named = addresses
            .iter()
            .filter_map(|(called, address)| Some(format!("{called}: {}", self.get(*address)?.shown())));
        let named: Vec<String> = named.collect();
        if named.is_empty() { Value::Nothing } else { Value::Aside(named.join(", ")) }
    }
}

impl Name<'_> {
    /// The name in a table; Azure's are marked as such.
    fn shown(&self) -> String {
        match (self.from, self.others) {
            ("azure", _) => format!("Azure: {}", self.words),
            (_, 0) => self.words.to_owned(),
            (_, others) => format!("{} (+{})", self.words, count(others)),
        }
    }
}

/// Takes the column with names out of a table where there are none, and says below it whether there were too many.
pub(crate) fn finish(table: &mut Table, column: &str, analysis: &Analysis) {
    table.drop_if_empty(column);
    if !analysis.names.is_complete() {
        let most = count(capkeep_flow::Names::MOST as u64);
        table.notes.push(format!("names of some addresses are missing: more than {most} were seen"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::ip;

    #[test]
    fn azure_comes_before_what_captures_say_and_is_marked() {
        let mut analysis = Analysis::default();
        for (address, name) in [("168.63.129.16", "evil.example"), ("192.0.2.1", "a.example")] {
            analysis.names.add(ip(address), name, 9);
        }
        analysis.names.add(ip("192.0.2.1"), "b.example", 1);
        let names = Names::of(&analysis);
        assert_eq!(names.get(ip("168.63.129.16")).map(|name| (name.from, name.others)), Some(("azure", 1)));
        assert_eq!(names.get(ip("169.254.169.254")).map(|name| name.from), Some("azure"));
        assert_eq!(names.get(ip("192.0.2.9")), None);
        assert_eq!(names.beside(ip("192.0.2.1")), Value::Aside("a.example (+1)".into()));
        assert_eq!(names.beside(ip("168.63.129.16")), Value::Aside("Azure: platform".into()));
        let both = [("a".to_owned(), ip("192.0.2.1")), ("b".to_owned(), ip("192.0.2.9"))];
        assert_eq!(names.beside_each(&both), Value::Aside("a: a.example (+1)".into()));
    }
}
