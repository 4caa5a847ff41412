//! The names a filter knows, and what to say about the ones it does not.

use crate::TunnelKind;

/// Ports by the names of the IANA registry, the ones in use. tcpdump asks the machine's own list; this one is the
/// same everywhere.
const PORTS: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("whois", 43),
    ("tacacs", 49),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop2", 109),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("epmap", 135),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("imap", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("bgp", 179),
    ("irc", 194),
    ("imap3", 220),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("kpasswd", 464),
    ("submissions", 465),
    ("isakmp", 500),
    ("exec", 512),
    ("login", 513),
    ("shell", 514),
    ("syslog", 514),
    ("printer", 515),
    ("rip", 520),
    ("router", 520),
    ("ripng", 521),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("rtsp", 554),
    ("nntps", 563),
    ("submission", 587),
    ("ipp", 631),
    ("ldaps", 636),
    ("ldp", 646),
    ("domain-s", 853),
    ("rsync", 873),
    ("ftps-data", 989),
    ("ftps", 990),
    ("telnets", 992),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("openvpn", 1194),
    ("ms-sql-s", 1433),
    ("ms-sql-m", 1434),
    ("l2f", 1701),
    ("l2tp", 1701),
    ("pptp", 1723),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("mqtt", 1883),
    ("ssdp", 1900),
    ("nfs", 2049),
    ("gtp-control", 2123),
    ("gtp-user", 2152),
    ("docker", 2375),
    ("iscsi-target", 3260),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("stun", 3478),
    ("teredo", 3544),
    ("svn", 3690),
    ("ipsec-nat-t", 4500),
    ("vxlan", 4789),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("mdns", 5353),
    ("llmnr", 5355),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("x11", 6000),
    ("geneve", 6081),
    ("redis", 6379),
    ("http-alt", 8080),
    ("secure-mqtt", 8883),
];

/// IP protocols by the names of the IANA registry and of common `/etc/protocols`, in lower case, that differ from
/// [`crate::ip_protocol_name`].
const PROTOCOLS: &[(&str, u8)] = &[
    ("ip", 0),
    ("ggp", 3),
    ("ipencap", 4),
    ("igrp", 9),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("ipsec-esp", 50),
    ("ipsec-ah", 51),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ospfigp", 89),
    ("carp", 112),
    ("l2tpv3", 115),
    ("mobility-header", 135),
    ("mpls-in-ip", 137),
];

/// Numbers with names (pcap-filter(7)): offsets in headers, ICMP types, TCP flags.
const NUMBERS: &[(&str, u32)] = &[
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp6type", 0),
    ("icmp6code", 1),
    ("tcpflags", 13),
    ("tcp-fin", 1),
    ("tcp-syn", 2),
    ("tcp-rst", 4),
    ("tcp-push", 8),
    ("tcp-ack", 16),
    ("tcp-urg", 32),
    ("tcp-ece", 64),
    ("tcp-cwr", 128),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp-ireq", 15),
    ("icmp-ireqreply", 16),
    ("icmp-maskreq", 17),
    ("icmp-maskreply", 18),
    ("icmp6-destinationunreach", 1),
    ("icmp6-destinationrunreach", 1),
    ("icmp6-packettoobig", 2),
    ("icmp6-timeexceeded", 3),
    ("icmp6-parameterproblem", 4),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-multicastlistenerquery", 130),
    ("icmp6-multicastlistenerreportv1", 131),
    ("icmp6-multicastlistenerdone", 132),
    ("icmp6-routersolicit", 133),
    ("icmp6-routeradvert", 134),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-neighboradvert", 136),
    ("icmp6-redirect", 137),
    ("icmp6-routerrenum", 138),
    ("icmp6-nodeinformationquery", 139),
    ("icmp6-nodeinformationresponse", 140),
    ("icmp6-ineighbordiscoverysolicit", 141),
    ("icmp6-ineighbordiscoveryadvert", 142),
    ("icmp6-multicastlistenerreportv2", 143),
    ("icmp6-homeagentdiscoveryrequest", 144),
    ("icmp6-homeagentdiscoveryreply", 145),
    ("icmp6-mobileprefixsolicit", 146),
    ("icmp6-mobileprefixadvert", 147),
    ("icmp6-certpathsolicit", 148),
    ("icmp6-certpathadvert", 149),
    ("icmp6-multicastrouteradvert", 151),
    ("icmp6-multicastroutersolicit", 152),
    ("icmp6-multicastrouterterm", 153),
];

/// Words that may start a test.
pub(super) const KEYWORDS: &[&str] = &[
    "host",
    "net",
    "port",
    "portrange",
    "proto",
    "src",
    "dst",
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "igmp",
    "igrp",
    "pim",
    "vrrp",
    "carp",
    "esp",
    "vlan",
    "tunnel",
    "less",
    "greater",
    "len",
    "and",
    "or",
    "not",
    "mask",
];

/// Words of tcpdump that are left out, with what to write instead.
#[rustfmt::skip]
const LEFT_OUT: &[(&[&str], &str)] = &[
    (&["ether", "fddi", "tr", "wlan", "link"], "link-layer addresses are not kept; use `host` with an IP address, or `ip`, `ip6` or `arp`"),
    (&["gateway"], "link-layer addresses are not kept; use `host` with the addresses behind the gateway"),
    (&["broadcast"], "use `dst host 255.255.255.255` or the broadcast address of the network"),
    (&["multicast"], "use `dst net 224.0.0.0/4` or `dst net ff00::/8`"),
    (&["mpls"], "labels are taken off before the filter; filter on the addresses inside, or `tunnel mpls`"),
    (&["pppoed", "pppoes"], "PPPoE is taken off before the filter; filter on the addresses inside"),
    (&["geneve"], "use `tunnel geneve`"),
    (&["vxlan"], "use `tunnel vxlan`"),
    (&["gre"], "use `tunnel gre`, or `proto 47` for GRE that could not be read"),
    (&["ah"], "authentication headers are taken off before the filter; filter on what is inside"),
    (&["protochain"], "extension headers are always followed; use `proto`"),
    (&["ifname", "on", "ruleset", "rset", "rulenum", "rnum", "reason", "action", "subruleset", "srnr"], "pflog fields are not kept"),
    (&["inbound", "outbound"], "the direction is not kept; use `src host` or `dst host`"),
    (&["type", "subtype", "dir", "ra", "ta", "addr1", "addr2", "addr3", "addr4"], "802.11 fields are not kept"),
    (&["byte"], "bytes of the packet are not kept; only header fields can be compared"),
    (&["rarp", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "clnp", "esis", "isis", "es-is", "is-is", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "stp", "ipx", "netbeui", "llc"],
        "packets without IP addresses are counted as skipped, not filtered; filter on `ip`, `ip6` or `arp`"),
    (&["lane", "oamf4s", "oamf4e", "oamf4", "oam", "metac", "bcc", "oamf4sc", "oamf4ec", "sc", "ilmic", "vpi", "vci", "connectmsg", "metaconnect"], "ATM fields are not kept"),
    (&["fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls"], "SS7 fields are not kept"),
    (&["radio"], "802.11 radio fields are not kept"),
];

/// Every kind of tunnel, by its name.
const TUNNELS: &[TunnelKind] = &[
    TunnelKind::Vxlan,
    TunnelKind::Geneve,
    TunnelKind::Gre,
    TunnelKind::Nvgre,
    TunnelKind::Erspan,
    TunnelKind::IpInIp,
    TunnelKind::SixInFour,
    TunnelKind::FourInSix,
    TunnelKind::SixInSix,
    TunnelKind::Gtp,
    TunnelKind::Teredo,
    TunnelKind::L2tp,
    TunnelKind::Mpls,
    TunnelKind::Ayiya,
    TunnelKind::EtherIp,
    TunnelKind::Capwap,
    TunnelKind::Lisp,
];

/// Port by name.
pub(super) fn port(name: &str) -> Option<u16> {
    find(PORTS, name)
}

/// IP protocol by name.
pub(super) fn protocol(name: &str) -> Option<u8> {
    let known = |number: &u8| crate::ip_protocol_name(*number) == Some(name);
    (0..=u8::MAX).find(known).or_else(|| find(PROTOCOLS, name))
}

/// Number by name.
pub(super) fn number(name: &str) -> Option<u32> {
    find(NUMBERS, name)
}

/// Kind of tunnel by name.
pub(super) fn tunnel(name: &str) -> Option<TunnelKind> {
    TUNNELS.iter().copied().find(|kind| kind.name() == name)
}

/// What to write instead of a word of tcpdump that is left out.
pub(super) fn left_out(word: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(words, _)| words.contains(&word)).map(|(_, instead)| *instead)
}

fn find<N: Copy>(table: &[(&str, N)], name: &str) -> Option<N> {
    table.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// Where to look for a word that may be misspelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// Words that start a test, and names of numbers.
    Keywords,
    /// Ports.
    Ports,
    /// Protocols.
    Protocols,
    /// Kinds of tunnel.
    Tunnels,
}

/// The nearest known word, if one is near: at most a third of its letters differ, and the first of equals wins.
pub(super) fn nearest(word: &str, vocabulary: Vocabulary) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let mut best: Option<(usize, &'static str)> = None;
    let mut consider = |known: &'static str| {
        let distance = distance(&lower, known);
        if distance <= known.len().max(lower.len()).div_ceil(3)
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, known));
        }
    };
    match vocabulary {
        Vocabulary::Keywords => {
            KEYWORDS.iter().copied().for_each(&mut consider);
            NUMBERS.iter().map(|(known, _)| *known).for_each(&mut consider);
        }
        Vocabulary::Ports => PORTS.iter().map(|(known, _)| *known).for_each(&mut consider),
        Vocabulary::Protocols => {
            (0..=u8::MAX).filter_map(crate::ip_protocol_name).for_each(&mut consider);
            PROTOCOLS.iter().map(|(known, _)| *known).for_each(&mut consider);
        }
        Vocabulary::Tunnels => TUNNELS.iter().map(|kind| kind.name()).for_each(&mut consider),
    }
    best.map(|(_, known)| known)
}

/// Letters to insert, remove, replace or swap with their neighbour (optimal string alignment) to get from one word
/// to the other. Long words, which are no misspellings, count as far away.
fn distance(a: &str, b: &str) -> usize {
    /// Chosen: longer than every known word.
    const LONGEST: usize = 40;
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        let mut left = i + 1;
        row.push(left);
        for (j, (y, pair)) in b.iter().zip(last.windows(2)).enumerate() {
            let [diagonal, above] = pair else { continue };
            let mut cost = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            if j > 0 && a.get(i.wrapping_sub(1)) == Some(y) && b.get(j - 1) == Some(x) {
                cost = cost.min(before.get(j - 1).map_or(cost, |earlier| earlier + 1));
            }
            row.push(cost);
            left = cost;
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
