//! The detectors, one file each.

mod arp_conflict;
mod beaconing;
mod brute_force;
mod capture_clock;
mod capture_cut;
mod capture_drops;
mod capture_duplicates;
mod capture_loss;
mod capture_offload;
mod capture_one_sided;
mod capture_snapped;
mod capture_stopped;
mod cleartext_credentials;
mod connection_failures;
mod dns_failures;
mod dns_tunnel;
mod exfiltration;
mod health_probe;
mod horizontal_scan;
mod idle_timeout;
mod injected_rst;
mod platform_unreachable;
mod pmtud_black_hole;
mod retransmissions;
mod rst_storm;
mod snat_exhaustion;
mod stealth_scan;
mod syn_flood;
mod vertical_scan;
mod weak_tls;
mod zero_window;

use capkeep_flow::{ConnState, FlowRecord, Protocol};

use crate::detector::Detector;

/// Every detector, in the order in which findings of a severity are told: first how far the capture can be trusted.
pub const DETECTORS: &[&dyn Detector] = &[
    &capture_cut::CaptureCut,
    &capture_drops::CaptureDrops,
    &capture_loss::CaptureLoss,
    &capture_one_sided::CaptureOneSided,
    &capture_duplicates::CaptureDuplicates,
    &capture_snapped::CaptureSnapped,
    &capture_offload::CaptureOffload,
    &capture_clock::CaptureClock,
    &capture_stopped::CaptureStopped,
    &platform_unreachable::PlatformUnreachable,
    &health_probe::HealthProbe,
    &connection_failures::ConnectionFailures,
    &dns_failures::DnsFailures,
    &snat_exhaustion::SnatExhaustion,
    &idle_timeout::IdleTimeout,
    &pmtud_black_hole::PmtudBlackHole,
    &retransmissions::Retransmissions,
    &zero_window::ZeroWindow,
    &rst_storm::RstStorm,
    &injected_rst::InjectedRst,
    &arp_conflict::ArpConflict,
    &syn_flood::SynFlood,
    &vertical_scan::VerticalScan,
    &horizontal_scan::HorizontalScan,
    &stealth_scan::StealthScan,
    &brute_force::BruteForce,
    &cleartext_credentials::CleartextCredentials,
    &weak_tls::WeakTls,
    &dns_tunnel::DnsTunnel,
    &beaconing::Beaconing,
    &exfiltration::Exfiltration,
];

/// True for an attempt that came to nothing: no answer or a refusal, and no payload; of UDP only where ICMP says so.
fn failed_attempt(flow: &FlowRecord) -> bool {
    use ConnState::{Rej, Rstos0, S0};
    let is_empty = flow.from_client.payload_bytes + flow.from_server.payload_bytes == 0;
    match flow.protocol {
        Protocol::Ip(6) => {
            let attempted = flow.tcp.as_ref().is_some_and(|tcp| tcp.handshake.syns > 0);
            attempted && is_empty && matches!(flow.conn_state, S0 | Rej | Rstos0)
        }
        Protocol::Ip(17) => flow.icmp_errors > 0 && flow.from_server.packets == 0,
        _ => false,
    }
}
