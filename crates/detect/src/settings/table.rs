//! The table of thresholds: a group for each detector; name, type, default, unit, and what it is and where it comes from.

use serde::Deserialize;

use super::Threshold;

settings! {
    capture_duplicates: CaptureDuplicates = "Copies in the capture." {
        share: f64 = 0.01, "share", "Share of TCP packets that are copies, from which on it is a note (chosen: below it nothing is distorted).";
    }
    capture_one_sided: CaptureOneSided = "Flows of which one direction is missing." {
        share: f64 = 0.1, "share", "Share of TCP flows that progress while one direction is absent (chosen: single ones come from asymmetric routes).";
        flows: u64 = 3, "flows", "Fewest such flows (chosen).";
    }
    capture_loss: CaptureLoss = "Packets that the capture missed." {
        share: f64 = 0.1, "share", "Share of acknowledgements of bytes that are not in the capture, from which on it is a warning (Zeek capture-loss.zeek notices at 10 %).";
        note_share: f64 = 0.01, "share", "The same for a note (chosen: a tenth of it).";
        acks: u64 = 5, "packets", "Fewest such acknowledgements (chosen: the first of a capture that starts midstream are no loss).";
    }
    capture_offload: CaptureOffload = "Frames larger than the network carries." {
        segments: u64 = 4, "packets", "Fewest data segments of a direction to judge it by (chosen).";
    }
    capture_snapped: CaptureSnapped = "Packets cut by the snap length." {
        share: f64 = 0.0, "share", "Share of packets that are cut, from which on it is a note (chosen: any).";
    }
    capture_clock: CaptureClock = "Times that go back." {
        share: f64 = 0.01, "share", "Share of packets whose time lies before that of the packet before, from which on it is a note (chosen: capturing on several queues swaps a few).";
        silence_seconds: u64 = 60, "s", "Silence of the whole capture (reference: no packet for a minute on a host somebody captures on).";
        silence_packets: u64 = 100, "packets", "Fewest packets of a capture whose silence is told (chosen: a handful of packets are silent anyway).";
    }
    capture_stopped: CaptureStopped = "A session that stopped early." {
        within: f64 = 0.01, "share", "How close to a default limit of a session the capture must end (chosen: 1 %).";
        packet_bytes: u64 = 1_600, "bytes", "How far a file is from a round limit at most (chosen: an Ethernet frame with its record's header).";
        time_seconds: f64 = 1.0, "s", "How far a span is short of a round limit of time at most; captures whose packets are further apart than a quarter of it are not held against one (chosen: what is between the first and the last packet and the timer).";
        transfer_bytes: u64 = 65_536, "bytes", "Payload from which on a flow is a transfer (chosen: more than a window without scaling, RFC 9293).";
        transfer_packets: u64 = 20, "packets", "Fewest packets of it (chosen: as many data segments as loss is judged by).";
        transfer_share: f64 = 0.5, "share", "Share of the capture's bytes in transfers that its end cuts, from which on it ends in full swing (chosen: half).";
    }
    retransmissions: Retransmissions = "Segments that were sent again." {
        note_share: f64 = 0.01, "share", "Share of data segments sent again, from which on it is a note (chosen: TCP hides less).";
        warning_share: f64 = 0.05, "share", "The same for a warning (chosen: throughput with Reno is below a fifth of what 0.2 % leaves, Mathis et al. 1997).";
        segments: u64 = 20, "packets", "Fewest data segments (reference).";
        note_least: u64 = 3, "packets", "Fewest segments sent again for a note (chosen: single ones happen).";
        warning_least: u64 = 10, "packets", "Fewest segments sent again for a warning (Suricata rule 2210054: 10 in a flow).";
    }
    zero_window: ZeroWindow = "Windows of zero." {
        stall_seconds: f64 = 1.0, "s", "Time a side took nothing, from which on it is a warning (reference; a person notices).";
    }
    connection_failures: ConnectionFailures = "Connections that do not come about." {
        attempts: u64 = 5, "flows", "Fewest attempts of a client at a service (reference).";
        share: f64 = 0.5, "share", "Share of them that fail, from which on it is a warning (chosen: half).";
        syns: u64 = 4, "packets", "SYNs of one attempt that nobody answered, from which on it is a note by itself (chosen: 1, 3 and 7 s are the first three retries of Linux and Windows).";
    }
    vertical_scan: VerticalScan = "Many ports of one host." {
        ports: u64 = 15, "ports", "Distinct ports of a host that refuse or do not answer (Zeek scan.zeek until 6.1: 15).";
        window_seconds: u64 = 300, "s", "Within so many seconds (Zeek scan.zeek until 6.1: 5 min).";
    }
    horizontal_scan: HorizontalScan = "One port of many hosts." {
        hosts: u64 = 25, "hosts", "Distinct hosts that refuse or do not answer on a port (Zeek scan.zeek until 6.1: 25).";
        window_seconds: u64 = 300, "s", "Within so many seconds (Zeek scan.zeek until 6.1: 5 min).";
        benign_success: f64 = 0.8, "share", "Chance that a first contact of a benign host succeeds (Jung et al. 2004: 0.8).";
        scanner_success: f64 = 0.2, "share", "Chance that a first contact of a scanner succeeds (Jung et al. 2004: 0.2).";
        error: f64 = 0.01, "share", "Error of either kind that the test may make (Jung et al. 2004: 0.01).";
    }
    stealth_scan: StealthScan = "Flags that no connection begins with." {
        probes: u64 = 3, "flows", "Distinct ports or hosts probed that way (chosen: a broken sender makes one or two).";
    }
    syn_flood: SynFlood = "Connections left half open." {
        half_open: u64 = 100, "flows", "Attempts at one service left half open within 10 s (chosen: more than a busy host gives up on).";
        share: f64 = 0.5, "share", "Share of all its attempts in that time (chosen: half).";
        critical: u64 = 1_000, "flows", "Half open attempts in 10 s from which on it is critical (chosen: ten times as many).";
    }
    rst_storm: RstStorm = "Connections aborted by the hundred." {
        resets: u64 = 50, "packets", "Resets of established connections by one host within 10 s (chosen).";
        times_median: f64 = 10.0, "times", "So many times the median of its other stretches of 10 s that have resets (chosen).";
        warning: u64 = 200, "packets", "Resets in 10 s from which on it is a warning (chosen).";
    }
    idle_timeout: IdleTimeout = "Flows forgotten on the way while they were silent." {
        silence_seconds: f64 = 240.0, "s", "Silence before it, the shortest (Azure Load Balancer: 4 min by default).";
        slack_seconds: f64 = 5.0, "s", "How much less it may be, for timers and clocks (chosen).";
        within_seconds: f64 = 30.0, "s", "How soon after the silence it must show (chosen: what a first retransmission timer and three doublings take).";
    }
    pmtud_black_hole: PmtudBlackHole = "Packets too big for the way." {
        retransmissions: u64 = 3, "packets", "Retransmissions of large segments that nothing acknowledges (reference).";
        full_share: f64 = 0.9, "share", "How large they are, as a share of the maximum segment size (chosen: full ones, less options).";
    }
    beaconing: Beaconing = "Contacts as regular as a clock." {
        contacts: u64 = 10, "flows", "Fewest contacts (reference).";
        score: f64 = 0.8, "score", "Score of timing and size together (RITA: 0.8 and more is looked at first).";
        timing_score: f64 = 0.8, "score", "Score of timing alone (chosen: equal sizes must not make up for it).";
        interval_seconds: f64 = 0.5, "s", "Shortest median interval (chosen: below it a program is busy, not calling home).";
        inside: u64 = 0, "switch", "1 tells regular contacts at private addresses too (RITA leaves out pairs of internal hosts).";
    }
    exfiltration: Exfiltration = "Much going out, little coming in." {
        bytes: u64 = 10_000_000, "bytes", "Payload to one address of the Internet (chosen).";
        private_bytes: u64 = 100_000_000, "bytes", "The same to an address of a private network (chosen: backups go there).";
        ratio: f64 = 0.9, "ratio", "(out − in) / (out + in), the producer/consumer ratio (Bullard and Gerth 2014; chosen: 19 to 1).";
    }
    brute_force: BruteForce = "Logons tried one after the other." {
        ssh: u64 = 30, "flows", "Short SSH flows of one source at one server (Zeek detect-bruteforcing.zeek: 30 in 30 min).";
        rdp: u64 = 30, "flows", "Short RDP flows (chosen: as SSH).";
        ftp: u64 = 20, "flows", "Short FTP flows (Zeek ftp/detect-bruteforcing.zeek: 20 in 15 min).";
        smb: u64 = 60, "flows", "Short SMB flows (chosen: clients of file servers reconnect often).";
        sql: u64 = 100, "flows", "Short flows at a database (chosen: programs without a pool connect often).";
        window_seconds: u64 = 900, "s", "Within so many seconds (Zeek ftp/detect-bruteforcing.zeek: 15 min).";
        short_bytes: u64 = 12_000, "bytes", "Payload of both sides that a short flow has at most (chosen: a key exchange and a few passwords).";
        short_seconds: f64 = 60.0, "s", "How long a short flow lasts at most (chosen).";
    }
    dns_failures: DnsFailures = "Resolvers that fail." {
        share: f64 = 0.1, "share", "Share of questions unanswered, or of answers SERVFAIL or REFUSED, from which on it is a warning (chosen: repeats hide less).";
        least: u64 = 3, "questions", "Fewest of them (chosen: single ones are lost).";
        unknown_share: f64 = 0.5, "share", "Share of answers NXDOMAIN, from which on it is a note (chosen: half; search lists make some).";
        unknown_least: u64 = 10, "answers", "Fewest of them (chosen).";
        slow_seconds: f64 = 1.0, "s", "Latency of the 95th percentile, from which on it is a note (chosen: stub resolvers repeat after 1 to 5 s).";
        slow_least: u64 = 20, "answers", "Fewest answers to judge latency by (chosen: one in twenty needs twenty).";
    }
    dns_tunnel: DnsTunnel = "Data in names." {
        names: u64 = 100, "names", "Different names below a registered domain by one client (RITA: 100).";
        name_bytes: u64 = 20, "bytes", "Mean length of what stands before the domain (chosen: names for people are shorter).";
        carrier_share: f64 = 0.5, "share", "Share of questions of type NULL, TXT or private use (chosen: half).";
    }
    snat_exhaustion: SnatExhaustion = "Ports for address translation used up." {
        ports: u64 = 1_024, "ports", "SNAT ports of the virtual machine (Azure Load Balancer: 1,024 in pools of up to 50).";
        note_share: f64 = 0.75, "share", "Share of them in use, from which on it is a note (chosen).";
        hold_seconds: u64 = 240, "s", "How long a port stays taken after its flow (Azure Load Balancer: 4 min).";
    }
    health_probe: HealthProbe = "Probes of a load balancer that fail." {
        probes: u64 = 3, "flows", "Fewest probes of an endpoint (chosen: three tell the interval).";
        failures: u64 = 2, "flows", "Failures one after the other, from which on the load balancer takes the endpoint out (Azure Load Balancer: threshold 2 by default).";
        slow_share: f64 = 0.5, "share", "An answer is slow beyond this share of the interval (reference: half).";
        gap_intervals: f64 = 2.5, "intervals", "A gap is longer than so many intervals (reference: 2).";
    }
    platform_unreachable: PlatformUnreachable = "The platform's own addresses do not answer." {
        attempts: u64 = 2, "flows", "Attempts at one of them that nobody answered (chosen: one may be a lost packet).";
        share: f64 = 0.5, "share", "Share of all attempts (chosen: half).";
    }
    arp_conflict: ArpConflict = "Two hosts with one address." {
        window_seconds: u64 = 60, "s", "Within so many seconds an address has two hardware addresses (reference).";
    }
    injected_rst: InjectedRst = "Resets from somewhere else." {
        ttl: u64 = 5, "hops", "TTLs between a reset and the other packets of its sender (reference).";
        packets: u64 = 3, "packets", "Fewest other packets of the sender (chosen).";
    }
    verdict: VerdictSettings = "What a flow is called (not a detector)." {
        loss_share: f64 = 0.01, "share", "Share of data segments sent again that counts as loss (chosen: as for a note).";
        loss_least: u64 = 3, "packets", "Fewest segments sent again (chosen: single ones happen).";
        stall_seconds: f64 = 1.0, "s", "Time without a window that counts as slow (reference).";
        server_seconds: f64 = 1.0, "s", "Time from request to first byte, less the way there and back, that counts as slow (chosen: a person notices).";
        rtt_seconds: f64 = 0.3, "s", "Round trip of the handshake that counts as slow (chosen: more than around the globe in fibre).";
        unseen_share: f64 = 0.1, "share", "Share of acknowledgements of bytes not captured from which on the capture is to blame (Zeek capture-loss.zeek).";
    }
}
