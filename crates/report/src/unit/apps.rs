//! What applications said, over all flows of a unit.

use std::collections::BTreeMap;
use std::net::IpAddr;

use capkeep_flow::{Apps, DnsKind, FlowRecord};
use serde::{Deserialize, Serialize};

use super::Histogram;
use super::distributions::positive;
use super::names::{Names, Weighed};

/// DNS over all flows: unicast, as multicast has no answers of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRow {
    /// Flows.
    pub flows: u64,
    /// Messages that ask.
    pub queries: u64,
    /// Messages that answer.
    pub responses: u64,
    /// Questions that had an answer.
    pub answered: u64,
    /// Questions without one.
    pub unanswered: u64,
    /// Queries that repeat one that had no answer yet.
    pub repeats: u64,
    /// Answers that were cut to fit.
    pub truncated: u64,
    /// Messages that could not be read.
    pub unreadable: u64,
    /// Answers by response code.
    pub rcodes: BTreeMap<u8, u64>,
    /// Questions by record type.
    pub types: BTreeMap<u16, u64>,
    /// Names that were asked for, by questions. Of each flow the first 256 questions are known.
    pub names: Names<String, u64>,
    /// Names of which a question failed or got no answer, by how often.
    pub failing: Names<String, FailingName>,
    /// Servers that were asked.
    pub servers: Names<IpAddr, DnsServer>,
    /// From the first query to the answer; nanoseconds.
    pub latency_ns: Histogram,
}

/// How a name failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingName {
    /// Questions that said that the name does not exist (NXDOMAIN).
    pub missing: u64,
    /// Questions with another error.
    pub errors: u64,
    /// Questions without an answer.
    pub unanswered: u64,
}

impl Weighed for FailingName {
    fn add(&mut self, other: &Self) {
        self.missing += other.missing;
        self.errors += other.errors;
        self.unanswered += other.unanswered;
    }

    fn weight(&self) -> u64 {
        self.missing + self.errors + self.unanswered
    }
}

/// What a DNS server was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsServer {
    /// Messages that ask it.
    pub queries: u64,
    /// Messages that answer.
    pub responses: u64,
    /// Questions without an answer.
    pub unanswered: u64,
    /// Answers with an error other than that a name does not exist.
    pub errors: u64,
}

impl Weighed for DnsServer {
    fn add(&mut self, other: &Self) {
        self.queries += other.queries;
        self.responses += other.responses;
        self.unanswered += other.unanswered;
        self.errors += other.errors;
    }

    fn weight(&self) -> u64 {
        self.queries.max(self.responses)
    }
}

/// TLS over all flows, QUIC included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRow {
    /// Flows.
    pub flows: u64,
    /// Flows with a client hello and no server hello.
    pub unanswered: u64,
    /// Flows by the version that the server chose.
    pub versions: BTreeMap<u16, u64>,
    /// Flows by the highest version that the client offered.
    pub offered: BTreeMap<u16, u64>,
    /// Flows by the cipher suite that the server chose.
    pub ciphers: BTreeMap<u16, u64>,
    /// Alerts in the clear by what they are about.
    pub alerts: BTreeMap<u8, u64>,
    /// Names that clients asked for, by flows.
    pub names: Names<String, u64>,
    /// Fingerprints of client hellos (JA4), by flows.
    pub fingerprints: Names<String, u64>,
    /// Certificates that servers sent for themselves.
    pub certificates: Names<CertificateKey, CertificateUse>,
    /// From the client hello to the server hello; nanoseconds.
    pub latency_ns: Histogram,
}

/// What tells certificates apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CertificateKey {
    /// Whom it is for.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Not valid before; seconds since the epoch.
    pub not_before_seconds: i64,
    /// Not valid after; seconds since the epoch.
    pub not_after_seconds: i64,
}

/// Where a certificate was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateUse {
    /// Flows.
    pub flows: u64,
    /// Of those, flows at whose time it was not valid.
    pub invalid: u64,
    /// Time of the first of them; nanoseconds since the epoch.
    pub first_ns: Option<i64>,
    /// Time of the last.
    pub last_ns: Option<i64>,
    /// Address and port of a server that sent it: the lowest.
    pub server: Option<(IpAddr, u16)>,
}

impl Weighed for CertificateUse {
    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.invalid += other.invalid;
        self.first_ns = self.first_ns.into_iter().chain(other.first_ns).min();
        self.last_ns = self.last_ns.max(other.last_ns);
        self.server = self.server.into_iter().chain(other.server).min();
    }

    fn weight(&self) -> u64 {
        self.flows
    }
}

/// HTTP/1 over all flows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRow {
    /// Flows.
    pub flows: u64,
    /// Requests.
    pub requests: u64,
    /// Responses.
    pub responses: u64,
    /// Responses by status code.
    pub codes: BTreeMap<u16, u64>,
    /// Methods, by requests.
    pub methods: Names<String, u64>,
    /// Hosts, by requests.
    pub hosts: Names<String, u64>,
    /// From the request to the response; nanoseconds.
    pub latency_ns: Histogram,
}

/// What applications said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppsRow {
    /// Flows by what is spoken.
    pub applications: BTreeMap<String, u64>,
    /// DNS.
    pub dns: DnsRow,
    /// TLS.
    pub tls: TlsRow,
    /// HTTP/1.
    pub http: HttpRow,
}

impl AppsRow {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        add_all(&mut self.applications, &other.applications);
        self.dns.merge(&other.dns);
        self.tls.merge(&other.tls);
        self.http.merge(&other.http);
    }

    pub(super) fn add(&mut self, flow: &FlowRecord) {
        let Some(apps) = flow.apps.as_deref() else { return };
        if let Some(service) = apps.service() {
            bump(&mut self.applications, service, 1);
        }
        self.dns.add(flow, apps);
        self.tls.add(flow, apps);
        self.http.add(apps);
    }

    /// Leaves the heaviest names.
    pub(super) fn close(&mut self) {
        self.dns.names.keep(Names::<String, u64>::KEPT);
        self.dns.failing.keep(Names::<String, FailingName>::KEPT);
        self.dns.servers.keep(Names::<IpAddr, DnsServer>::KEPT);
        self.tls.names.keep(Names::<String, u64>::KEPT);
        self.tls.fingerprints.keep(Names::<String, u64>::KEPT);
        self.tls.certificates.keep(Names::<CertificateKey, CertificateUse>::KEPT);
        self.http.methods.keep(Names::<String, u64>::KEPT);
        self.http.hosts.keep(Names::<String, u64>::KEPT);
    }
}

/// Response code for a name that does not exist (RFC 1035, "Name Error").
const NXDOMAIN: u8 = 3;

impl DnsRow {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.flows += other.flows;
        self.queries += other.queries;
        self.responses += other.responses;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.repeats += other.repeats;
        self.truncated += other.truncated;
        self.unreadable += other.unreadable;
        add_all(&mut self.rcodes, &other.rcodes);
        add_all(&mut self.types, &other.types);
        self.names.merge(&other.names);
        self.failing.merge(&other.failing);
        self.servers.merge(&other.servers);
        self.latency_ns.merge(&other.latency_ns);
    }

    fn add(&mut self, flow: &FlowRecord, apps: &Apps) {
        let Some(dns) = apps.dns.as_deref().filter(|dns| dns.kind == DnsKind::Dns) else { return };
        self.flows += 1;
        self.queries += dns.queries;
        self.responses += dns.responses;
        self.answered += dns.answered;
        self.unanswered += dns.unanswered;
        self.repeats += dns.repeats;
        self.truncated += dns.truncated;
        self.unreadable += dns.unreadable;
        let mut errors = 0;
        for (code, count) in &dns.rcodes {
            *self.rcodes.entry(*code).or_default() += count;
            errors += if matches!(*code, 0 | NXDOMAIN) { 0 } else { *count };
        }
        for (kind, count) in &dns.types {
            *self.types.entry(*kind).or_default() += count;
        }
        let server =
            DnsServer { queries: dns.queries, responses: dns.responses, unanswered: dns.unanswered, errors };
        self.servers.add(flow.server.ip, &server);
        for lookup in &dns.lookups {
            self.names.add(lookup.name.to_string(), &1);
            if let Some(latency) = lookup.latency {
                self.latency_ns.add(positive(latency));
            }
            let failing = match lookup.rcode {
                Some(0) => continue,
                Some(NXDOMAIN) => FailingName { missing: 1, ..FailingName::default() },
                Some(_) => FailingName { errors: 1, ..FailingName::default() },
                None => FailingName { unanswered: 1, ..FailingName::default() },
            };
            self.failing.add(lookup.name.to_string(), &failing);
        }
    }
}

impl TlsRow {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.flows += other.flows;
        self.unanswered += other.unanswered;
        add_all(&mut self.versions, &other.versions);
        add_all(&mut self.offered, &other.offered);
        add_all(&mut self.ciphers, &other.ciphers);
        add_all(&mut self.alerts, &other.alerts);
        self.names.merge(&other.names);
        self.fingerprints.merge(&other.fingerprints);
        self.certificates.merge(&other.certificates);
        self.latency_ns.merge(&other.latency_ns);
    }

    fn add(&mut self, flow: &FlowRecord, apps: &Apps) {
        let Some(tls) = apps.tls.as_deref() else { return };
        self.flows += 1;
        self.unanswered += u64::from(tls.client_hellos > 0 && tls.server_hellos == 0);
        for (table, value) in [
            (&mut self.versions, tls.version),
            (&mut self.offered, tls.version_offered),
            (&mut self.ciphers, tls.cipher),
        ] {
            if let Some(value) = value {
                *table.entry(value).or_default() += 1;
            }
        }
        for alert in &tls.alerts {
            *self.alerts.entry(alert.description).or_default() += 1;
        }
        if let Some(name) = &tls.sni {
            self.names.add(name.to_string(), &1);
        }
        if let Some(ja4) = &tls.ja4 {
            self.fingerprints.add(ja4.to_string(), &1);
        }
        if let Some(latency) = tls.latency {
            self.latency_ns.add(positive(latency));
        }
        if let Some(own) = tls.certificates.first() {
            let key = CertificateKey {
                subject: own.subject.to_string(),
                issuer: own.issuer.to_string(),
                not_before_seconds: own.not_before,
                not_after_seconds: own.not_after,
            };
            let seen = CertificateUse {
                flows: 1,
                invalid: u64::from(own.is_invalid_at(flow.first)),
                first_ns: Some(flow.first.nanos()),
                last_ns: Some(flow.first.nanos()),
                server: Some((flow.server.ip, flow.server.port)),
            };
            self.certificates.add(key, &seen);
        }
    }
}

impl HttpRow {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.flows += other.flows;
        self.requests += other.requests;
        self.responses += other.responses;
        add_all(&mut self.codes, &other.codes);
        self.methods.merge(&other.methods);
        self.hosts.merge(&other.hosts);
        self.latency_ns.merge(&other.latency_ns);
    }

    fn add(&mut self, apps: &Apps) {
        let Some(http) = apps.http.as_deref() else { return };
        self.flows += 1;
        self.requests += http.requests;
        self.responses += http.responses;
        for (code, count) in &http.codes {
            *self.codes.entry(*code).or_default() += count;
        }
        for (method, count) in &http.methods {
            self.methods.add(method.to_string(), count);
        }
        for (host, count) in &http.hosts {
            self.hosts.add(host.to_string(), count);
        }
        for latency in http.exchanges.iter().filter_map(|exchange| exchange.latency) {
            self.latency_ns.add(positive(latency));
        }
    }
}

fn bump(table: &mut BTreeMap<String, u64>, key: &str, count: u64) {
    match table.get_mut(key) {
        Some(known) => *known += count,
        None => {
            table.insert(key.into(), count);
        }
    }
}

/// Adds counts to those under the same keys.
pub(super) fn add_all<K: Ord + Clone>(table: &mut BTreeMap<K, u64>, other: &BTreeMap<K, u64>) {
    for (key, count) in other {
        *table.entry(key.clone()).or_default() += count;
    }
}
