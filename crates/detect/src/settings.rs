//! Every threshold, with its default, unit and source; overridable by a TOML file.

use std::fmt::Write as _;

use serde::Deserialize;

/// Why a file of thresholds is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It is no TOML, or has keys that there are not, or values of another type.
    #[error("not a file of thresholds")]
    Toml(#[from] toml::de::Error),
    /// A threshold that makes no sense.
    #[error("{group}.{name} is {value}, which is not {wanted}")]
    Value {
        /// Its table.
        group: &'static str,
        /// Its key.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
}

/// A threshold, described.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Table in the file: the detector that uses it.
    pub group: &'static str,
    /// Key in the table.
    pub name: &'static str,
    /// Value in force.
    pub value: f64,
    /// The value as TOML writes it.
    pub text: String,
    /// Unit; `share` for a part of 1.
    pub unit: &'static str,
    /// What it is and where it comes from.
    pub about: &'static str,
}

macro_rules! settings {
    ($(
        #[doc = $about:literal]
        $group:ident: $Group:ident {
            $( #[doc = $doc:literal] $name:ident: $ty:ty = $value:expr, $unit:literal; )+
        }
    )+) => {
        /// Thresholds of all detectors.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $( #[doc = $about] pub $group: $Group, )+
        }

        $(
            #[doc = $about]
            #[derive(Clone, Debug, PartialEq, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            // The unit belongs to the name of a key.
            #[allow(clippy::struct_field_names)]
            pub struct $Group {
                $( #[doc = $doc] #[doc = concat!("Unit: ", $unit, ".")] pub $name: $ty, )+
            }

            impl Default for $Group {
                fn default() -> Self {
                    Self { $( $name: $value, )+ }
                }
            }
        )+

        impl Settings {
            /// Every threshold, in the order of the file.
            pub fn thresholds(&self) -> Vec<Threshold> {
                vec![ $( $( Threshold {
                    group: stringify!($group),
                    name: stringify!($name),
                    value: self.$group.$name as f64,
                    text: format!("{:?}", self.$group.$name),
                    unit: $unit,
                    about: $doc,
                }, )+ )+ ]
            }
        }
    };
}

settings! {
    /// Copies in the capture.
    capture_duplicates: CaptureDuplicates {
        /// Share of TCP packets that are copies, from which on it is a note (chosen: below it nothing is distorted).
        share: f64 = 0.01, "share";
    }
    /// Flows of which one direction is missing.
    capture_one_sided: CaptureOneSided {
        /// Share of TCP flows that progress while one direction is absent (chosen: single ones come from asymmetric routes).
        share: f64 = 0.1, "share";
        /// Fewest such flows (chosen).
        flows: u64 = 3, "flows";
    }
    /// Packets that the capture missed.
    capture_loss: CaptureLoss {
        /// Share of acknowledgements of bytes that are not in the capture, from which on it is a warning (Zeek capture-loss.zeek notices at 10 %).
        share: f64 = 0.1, "share";
        /// The same for a note (chosen: a tenth of it).
        note_share: f64 = 0.01, "share";
        /// Fewest such acknowledgements (chosen: the first of a capture that starts midstream are no loss).
        acks: u64 = 5, "packets";
    }
    /// Frames larger than the network carries.
    capture_offload: CaptureOffload {
        /// Fewest data segments of a direction to judge it by (chosen).
        segments: u64 = 4, "packets";
    }
    /// Packets cut by the snap length.
    capture_snapped: CaptureSnapped {
        /// Share of packets that are cut, from which on it is a note (chosen: any).
        share: f64 = 0.0, "share";
    }
    /// Times that go back.
    capture_clock: CaptureClock {
        /// Share of packets whose time lies before that of the packet before, from which on it is a note (chosen: capturing on several queues swaps a few).
        share: f64 = 0.01, "share";
        /// Silence of the whole capture (reference: no packet for a minute on a host somebody captures on).
        silence_seconds: u64 = 60, "s";
        /// Fewest packets of a capture whose silence is told (chosen: a handful of packets are silent anyway).
        silence_packets: u64 = 100, "packets";
    }
    /// A session that stopped by itself.
    capture_stopped: CaptureStopped {
        /// How close to a default limit of a session the capture must end (chosen: 1 %).
        within: f64 = 0.01, "share";
    }
    /// Segments that were sent again.
    retransmissions: Retransmissions {
        /// Share of data segments sent again, from which on it is a note (chosen: TCP hides less).
        note_share: f64 = 0.01, "share";
        /// The same for a warning (chosen: throughput with Reno is below a fifth of what 0.2 % leaves, Mathis et al. 1997).
        warning_share: f64 = 0.05, "share";
        /// Fewest data segments (reference).
        segments: u64 = 20, "packets";
        /// Fewest segments sent again for a note (chosen: single ones happen).
        note_least: u64 = 3, "packets";
        /// Fewest segments sent again for a warning (Suricata rule 2210054: 10 in a flow).
        warning_least: u64 = 10, "packets";
    }
    /// Windows of zero.
    zero_window: ZeroWindow {
        /// Time a side took nothing, from which on it is a warning (reference; a person notices).
        stall_seconds: f64 = 1.0, "s";
    }
    /// Connections that do not come about.
    connection_failures: ConnectionFailures {
        /// Fewest attempts of a client at a service (reference).
        attempts: u64 = 5, "flows";
        /// Share of them that fail, from which on it is a warning (chosen: half).
        share: f64 = 0.5, "share";
        /// SYNs of one attempt that nobody answered, from which on it is a note by itself (chosen: 1, 3 and 7 s are the first three retries of Linux and Windows).
        syns: u64 = 4, "packets";
    }
    /// Many ports of one host.
    vertical_scan: VerticalScan {
        /// Distinct ports of a host that refuse or do not answer (Zeek scan.zeek until 6.1: 15).
        ports: u64 = 15, "ports";
        /// Within so many seconds (Zeek scan.zeek until 6.1: 5 min).
        window_seconds: u64 = 300, "s";
    }
    /// One port of many hosts.
    horizontal_scan: HorizontalScan {
        /// Distinct hosts that refuse or do not answer on a port (Zeek scan.zeek until 6.1: 25).
        hosts: u64 = 25, "hosts";
        /// Within so many seconds (Zeek scan.zeek until 6.1: 5 min).
        window_seconds: u64 = 300, "s";
        /// Chance that a first contact of a benign host succeeds (Jung et al. 2004: 0.8).
        benign_success: f64 = 0.8, "share";
        /// Chance that a first contact of a scanner succeeds (Jung et al. 2004: 0.2).
        scanner_success: f64 = 0.2, "share";
        /// Error of either kind that the test may make (Jung et al. 2004: 0.01).
        error: f64 = 0.01, "share";
    }
    /// Flags that no connection begins with.
    stealth_scan: StealthScan {
        /// Distinct ports or hosts probed that way (chosen: a broken sender makes one or two).
        probes: u64 = 3, "flows";
    }
    /// Connections left half open.
    syn_flood: SynFlood {
        /// Attempts at one service left half open within 10 s (chosen: more than a busy host gives up on).
        half_open: u64 = 100, "flows";
        /// Share of all its attempts in that time (chosen: half).
        share: f64 = 0.5, "share";
        /// Half open attempts in 10 s from which on it is critical (chosen: ten times as many).
        critical: u64 = 1_000, "flows";
    }
    /// Connections aborted by the hundred.
    rst_storm: RstStorm {
        /// Resets of established connections by one host within 10 s (chosen).
        resets: u64 = 50, "packets";
        /// So many times the median of its other stretches of 10 s that have resets (chosen).
        times_median: f64 = 10.0, "times";
        /// Resets in 10 s from which on it is a warning (chosen).
        warning: u64 = 200, "packets";
    }
    /// Flows forgotten on the way while they were silent.
    idle_timeout: IdleTimeout {
        /// Silence before it, the shortest (Azure Load Balancer: 4 min by default).
        silence_seconds: f64 = 240.0, "s";
        /// How much less it may be, for timers and clocks (chosen).
        slack_seconds: f64 = 5.0, "s";
        /// How soon after the silence it must show (chosen: what a first retransmission timer and three doublings take).
        within_seconds: f64 = 30.0, "s";
    }
    /// Packets too big for the way.
    pmtud_black_hole: PmtudBlackHole {
        /// Retransmissions of large segments that nothing acknowledges (reference).
        retransmissions: u64 = 3, "packets";
        /// How large they are, as a share of the maximum segment size (chosen: full ones, less options).
        full_share: f64 = 0.9, "share";
    }
    /// Contacts as regular as a clock.
    beaconing: Beaconing {
        /// Fewest contacts (reference).
        contacts: u64 = 10, "flows";
        /// Score of timing and size together (RITA: 0.8 and more is looked at first).
        score: f64 = 0.8, "score";
        /// Score of timing alone (chosen: equal sizes must not make up for it).
        timing_score: f64 = 0.8, "score";
        /// Shortest median interval (chosen: below it a program is busy, not calling home).
        interval_seconds: f64 = 0.5, "s";
    }
    /// Much going out, little coming in.
    exfiltration: Exfiltration {
        /// Payload to one address of the Internet (chosen).
        bytes: u64 = 10_000_000, "bytes";
        /// The same to an address of a private network (chosen: backups go there).
        private_bytes: u64 = 100_000_000, "bytes";
        /// (out − in) / (out + in), the producer/consumer ratio (Bullard and Gerth 2014; chosen: 19 to 1).
        ratio: f64 = 0.9, "ratio";
    }
    /// Logons tried one after the other.
    brute_force: BruteForce {
        /// Short SSH flows of one source at one server (Zeek detect-bruteforcing.zeek: 30 in 30 min).
        ssh: u64 = 30, "flows";
        /// Short RDP flows (chosen: as SSH).
        rdp: u64 = 30, "flows";
        /// Short FTP flows (Zeek ftp/detect-bruteforcing.zeek: 20 in 15 min).
        ftp: u64 = 20, "flows";
        /// Short SMB flows (chosen: clients of file servers reconnect often).
        smb: u64 = 60, "flows";
        /// Short flows at a database (chosen: programs without a pool connect often).
        sql: u64 = 100, "flows";
        /// Within so many seconds (Zeek ftp/detect-bruteforcing.zeek: 15 min).
        window_seconds: u64 = 900, "s";
        /// Payload of both sides that a short flow has at most (chosen: a key exchange and a few passwords).
        short_bytes: u64 = 12_000, "bytes";
        /// How long a short flow lasts at most (chosen).
        short_seconds: f64 = 60.0, "s";
    }
    /// Resolvers that fail.
    dns_failures: DnsFailures {
        /// Share of questions unanswered, or of answers SERVFAIL or REFUSED, from which on it is a warning (chosen: repeats hide less).
        share: f64 = 0.1, "share";
        /// Fewest of them (chosen: single ones are lost).
        least: u64 = 3, "questions";
        /// Share of answers NXDOMAIN, from which on it is a note (chosen: half; search lists make some).
        unknown_share: f64 = 0.5, "share";
        /// Fewest of them (chosen).
        unknown_least: u64 = 10, "answers";
        /// Latency of the 95th percentile, from which on it is a note (chosen: stub resolvers repeat after 1 to 5 s).
        slow_seconds: f64 = 1.0, "s";
        /// Fewest answers to judge latency by (chosen: one in twenty needs twenty).
        slow_least: u64 = 20, "answers";
    }
    /// Data in names.
    dns_tunnel: DnsTunnel {
        /// Different names below a registered domain by one client (RITA: 100).
        names: u64 = 100, "names";
        /// Mean length of what stands before the domain (chosen: names for people are shorter).
        name_bytes: u64 = 20, "bytes";
        /// Share of questions of type NULL, TXT or private use (chosen: half).
        carrier_share: f64 = 0.5, "share";
    }
    /// Ports for address translation used up.
    snat_exhaustion: SnatExhaustion {
        /// SNAT ports of the virtual machine (Azure Load Balancer: 1,024 in pools of up to 50).
        ports: u64 = 1_024, "ports";
        /// Share of them in use, from which on it is a note (chosen).
        note_share: f64 = 0.75, "share";
        /// How long a port stays taken after its flow (Azure Load Balancer: 4 min).
        hold_seconds: u64 = 240, "s";
    }
    /// Probes of a load balancer that fail.
    health_probe: HealthProbe {
        /// Fewest probes of an endpoint (chosen: three tell the interval).
        probes: u64 = 3, "flows";
        /// Failures one after the other, from which on the load balancer takes the endpoint out (Azure Load Balancer: threshold 2 by default).
        failures: u64 = 2, "flows";
        /// An answer is slow beyond this share of the interval (reference: half).
        slow_share: f64 = 0.5, "share";
        /// A gap is longer than so many intervals (reference: 2).
        gap_intervals: f64 = 2.5, "intervals";
    }
    /// The platform's own addresses do not answer.
    platform_unreachable: PlatformUnreachable {
        /// Attempts at one of them that nobody answered (chosen: one may be a lost packet).
        attempts: u64 = 2, "flows";
        /// Share of all attempts (chosen: half).
        share: f64 = 0.5, "share";
    }
    /// Two hosts with one address.
    arp_conflict: ArpConflict {
        /// Within so many seconds an address has two hardware addresses (reference).
        window_seconds: u64 = 60, "s";
    }
    /// Resets from somewhere else.
    injected_rst: InjectedRst {
        /// TTLs between a reset and the other packets of its sender (reference).
        ttl: u64 = 5, "hops";
        /// Fewest other packets of the sender (chosen).
        packets: u64 = 3, "packets";
    }
    /// What a flow is called (not a detector).
    verdict: VerdictSettings {
        /// Share of data segments sent again that counts as loss (chosen: as for a note).
        loss_share: f64 = 0.01, "share";
        /// Fewest segments sent again (chosen: single ones happen).
        loss_least: u64 = 3, "packets";
        /// Time without a window that counts as slow (reference).
        stall_seconds: f64 = 1.0, "s";
        /// Time from request to first byte, less the way there and back, that counts as slow (chosen: a person notices).
        server_seconds: f64 = 1.0, "s";
        /// Round trip of the handshake that counts as slow (chosen: more than around the globe in fibre).
        rtt_seconds: f64 = 0.3, "s";
        /// Share of acknowledgements of bytes not captured from which on the capture is to blame (Zeek capture-loss.zeek).
        unseen_share: f64 = 0.1, "share";
    }
}

impl Settings {
    /// Reads a TOML file. What it does not name keeps its default.
    ///
    /// # Errors
    ///
    /// Keys that there are not, values that make no sense.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text)?;
        for threshold in settings.thresholds() {
            let Threshold { group, name, value, text, unit, .. } = threshold;
            let wanted = if !value.is_finite() || value < 0.0 {
                "a number of 0 or more"
            } else if unit == "share" && value > 1.0 {
                "a share of 1"
            } else {
                continue;
            };
            return Err(SettingsError::Value { group, name, value: text, wanted });
        }
        Ok(settings)
    }

    /// The file that would make these settings, with what each of them means.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        let mut group = "";
        for threshold in self.thresholds() {
            if threshold.group != group {
                group = threshold.group;
                let _ = writeln!(out, "{}[{group}]", if out.is_empty() { "" } else { "\n" });
            }
            let Threshold { name, text, unit, about, .. } = threshold;
            let _ = writeln!(out, "# {} [{unit}]\n{name} = {text}", about.trim().trim_end_matches('.'));
        }
        out
    }
}

/// Nanoseconds of so many seconds.
pub(crate) const fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}

/// Nanoseconds of so many whole seconds.
pub(crate) fn whole_nanos(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let text = Settings::default().to_toml();
        assert_eq!(Settings::from_toml(&text).unwrap(), Settings::default(), "{text}");
        assert_eq!(Settings::from_toml("").unwrap(), Settings::default());
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let settings =
            Settings::from_toml("[vertical_scan]\nports = 3\n[zero_window]\nstall_seconds = 2").unwrap();
        assert_eq!((settings.vertical_scan.ports, settings.zero_window.stall_seconds), (3, 2.0));
        assert_eq!(settings.vertical_scan.window_seconds, 300);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "[vertical_scan]\nport = 3",
            "[scan]\nports = 3",
            "[vertical_scan]\nports = -3",
            "[vertical_scan]\nports = \"many\"",
            "[zero_window]\nstall_seconds = nan",
            "[zero_window]\nstall_seconds = -1.0",
            "[retransmissions]\nnote_share = 5.0",
            "ports",
        ] {
            assert!(Settings::from_toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_threshold_says_where_it_comes_from() {
        for threshold in Settings::default().thresholds() {
            let about = threshold.about;
            assert!(
                about.contains('(') && about.len() > 20,
                "{}.{}: {about}",
                threshold.group,
                threshold.name
            );
        }
    }
}
