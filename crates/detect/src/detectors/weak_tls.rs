//! TLS that is old, weak, out of date, or not agreed on.
//!
//! Flags servers that choose a version below TLS 1.2 or a broken cipher, whose certificate is not valid at the time
//! of the capture, and, as a note, handshakes that end in an alert. Matters because old versions are forbidden (RFC
//! 8996) and broken ones are no protection; a certificate that has run out stops clients. Formula: version and
//! cipher of the server hello; dates of the server's own certificate (up to TLS 1.2 it is in the clear) against the
//! packet's time; fatal alerts in the clear.
//! Sources: RFC 8996 (TLS 1.0 and 1.1), RFC 7465 (RC4), RFC 5246 section 7.2 (alerts).
//! Misses certificates of TLS 1.3, which are encrypted, and what is inside. Wrongly flags captures whose clock was
//! wrong.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::collections::BTreeSet;

use capkeep_flow::{PacketRef, Tls, tls_alert_name, tls_cipher_name, tls_version_name};

use crate::bounded::Keyed;
use crate::subject::{Party, Subject};
use crate::words::counted;

pub(super) struct WeakTls;

const ABOUT: About = About {
    title: "weak or failing TLS",
    meaning: "A server speaks an old version, uses a broken cipher, has a certificate that is not valid, or a handshake was not agreed on.",
    azure: "Azure services end TLS 1.0 and 1.1; clients that offer nothing newer stop working. Certificates of gateways and own services run out.",
    decided: "Version below TLS 1.2 or a cipher with RC4, DES, 3DES, NULL, EXPORT or anonymous keys in the server hello; the server's certificate at the time of the packet; fatal alerts in the clear (note).",
    misses: "Certificates of TLS 1.3. Wrongly flags captures whose clock was wrong.",
    next: "Renew the certificate; allow TLS 1.2 and 1.3 only; for alerts look at what both sides offer (openssl s_client -connect HOST:PORT).",
};

impl Detector for WeakTls {
    fn id(&self) -> &'static str {
        "weak_tls"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Weaknesses { servers: Keyed::default() })
    }
}

struct Weaknesses {
    servers: Keyed<(Party, Weakness), Shown>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weakness {
    Version,
    Cipher,
    Certificate,
    Alert,
}

#[derive(Default)]
struct Shown {
    what: BTreeSet<String>,
    evidence: Evidence,
}

/// Most things told of a server (chosen: a sentence stays one).
const TOLD: usize = 3;
/// TLS 1.2.
const TLS_1_2: u16 = 0x0303;
/// Level of an alert that ends the connection (RFC 5246).
const FATAL: u8 = 2;
/// `close_notify` and `user_canceled` are no failures.
const POLITE: &[u8] = &[0, 90];

/// True for suites that protect nothing any more (RFC 7465, RFC 5469, SWEET32).
fn is_broken(cipher: &str) -> bool {
    let words = ["_RC4_", "_NULL_", "_anon_", "_EXPORT_", "_DES_", "_DES40_", "_3DES_", "_RC2_"];
    words.iter().any(|word| cipher.contains(word))
}

impl Weaknesses {
    fn add(&mut self, flow: &FlowRecord, weakness: Weakness, what: String, packet: Option<PacketRef>) {
        let Some(shown) = self.servers.at((Party::server(flow), weakness)) else { return };
        if shown.what.len() < TOLD {
            shown.what.insert(what);
        }
        shown.evidence.flow(flow);
        match packet {
            Some(packet) => shown.evidence.packets.add(packet.capture, packet.number),
            None => shown.evidence.first_packet(flow),
        }
    }

    fn look(&mut self, flow: &FlowRecord, tls: &Tls) {
        if let Some(version) = tls.version.filter(|version| *version < TLS_1_2) {
            let name =
                tls_version_name(version).map_or_else(|| format!("version {version:#06x}"), Into::into);
            self.add(flow, Weakness::Version, name, tls.server_hello_packet);
        }
        if let Some(name) = tls.cipher.and_then(tls_cipher_name).filter(|name| is_broken(name)) {
            self.add(flow, Weakness::Cipher, name.to_owned(), tls.server_hello_packet);
        }
        if let Some(own) = tls.certificates.first()
            && flow.first.nanos() > 0
            && own.is_invalid_at(flow.first)
        {
            let seconds = flow.first.nanos() / 1_000_000_000;
            let days = |seconds: i64| u64::try_from(seconds / 86_400).unwrap_or(0);
            let when = if seconds > own.not_after {
                format!("has run out {} before", counted(days(seconds.saturating_sub(own.not_after)), "day"))
            } else {
                format!(
                    "is not valid for {} yet",
                    counted(days(own.not_before.saturating_sub(seconds)), "day")
                )
            };
            self.add(flow, Weakness::Certificate, format!("of {} {when}", own.subject), Some(own.packet));
        }
        let fatal =
            |alert: &&capkeep_flow::TlsAlert| alert.level == FATAL && !POLITE.contains(&alert.description);
        if let Some(alert) = tls.alerts.iter().find(fatal) {
            let who = if alert.from_client { "client" } else { "server" };
            let what = format!("{} by the {who}", tls_alert_name(alert.description));
            self.add(flow, Weakness::Alert, what, Some(alert.packet));
        }
    }
}

impl Run for Weaknesses {
    fn observe(&mut self, flow: &FlowRecord) {
        if let Some(tls) = flow.apps.as_ref().and_then(|apps| apps.tls.as_deref()) {
            self.look(flow, tls);
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let rows = self.servers.into_rows().map(|((party, weakness), shown)| {
            let what: Vec<String> = shown.what.into_iter().collect();
            let what = what.join(", ");
            let sentence = match weakness {
                Weakness::Version => format!("{what} is spoken, which is forbidden"),
                Weakness::Cipher => format!("a broken cipher is used: {what}"),
                Weakness::Certificate => format!("the certificate {what}"),
                Weakness::Alert => format!("handshakes end in an alert: {what}"),
            };
            let severity = if weakness == Weakness::Alert { Severity::Note } else { Severity::Warning };
            let numbers = vec![Number::count("connections", shown.evidence.flows.count, "flows")];
            let grade = (severity, Confidence::High);
            Finding::new(&WeakTls, grade, Subject::Service(party), shown.evidence, sentence, numbers)
        });
        rows.collect()
    }
}
