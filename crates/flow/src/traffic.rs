//! Kinds of traffic, few enough to tell apart in a chart.

use capkeep_pcap::Decoded;

/// What a packet is for, by its protocol and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// HTTP, HTTPS and QUIC: TCP ports 80, 443, 8080 and 8443, UDP port 443.
    Web,
    /// Names: ports 53, 853, 5353 and 5355.
    Dns,
    /// Logins from afar: TCP ports 22, 23, 3389, 5900, 5985 and 5986, UDP port 3389.
    Login,
    /// Files: TCP ports 20, 21, 139, 445, 873, 2049 and 3260.
    Files,
    /// Databases: TCP ports 1433, 1521, 3306, 5432, 6379, 9042, 9200, 11211 and 27017.
    Database,
    /// Other TCP.
    OtherTcp,
    /// Other UDP.
    OtherUdp,
    /// ICMP and `ICMPv6`.
    Icmp,
    /// Everything else, ARP among it.
    Other,
}

impl Traffic {
    /// Every kind, in the order in which they are shown.
    pub const ALL: &'static [Self] = &[
        Self::Web,
        Self::Dns,
        Self::Login,
        Self::Files,
        Self::Database,
        Self::OtherTcp,
        Self::OtherUdp,
        Self::Icmp,
        Self::Other,
    ];
    /// Number of kinds.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// Name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Dns => "dns",
            Self::Login => "login",
            Self::Files => "files",
            Self::Database => "database",
            Self::OtherTcp => "other_tcp",
            Self::OtherUdp => "other_udp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }

    /// Kind of a packet. Where both ports are known the lower one decides.
    #[inline]
    pub(crate) const fn of(packet: &Decoded) -> Self {
        if packet.is_arp {
            return Self::Other;
        }
        let (low, high) = if packet.source_port <= packet.destination_port {
            (packet.source_port, packet.destination_port)
        } else {
            (packet.destination_port, packet.source_port)
        };
        match packet.protocol {
            6 => match Self::tcp(low) {
                Self::OtherTcp => Self::tcp(high),
                kind => kind,
            },
            17 => match Self::udp(low) {
                Self::OtherUdp => Self::udp(high),
                kind => kind,
            },
            1 | 58 => Self::Icmp,
            _ => Self::Other,
        }
    }

    #[inline]
    const fn tcp(port: u16) -> Self {
        match port {
            443 | 80 | 8080 | 8443 => Self::Web,
            53 | 853 | 5353 | 5355 => Self::Dns,
            22 | 23 | 3389 | 5900 | 5985 | 5986 => Self::Login,
            20 | 21 | 139 | 445 | 873 | 2049 | 3260 => Self::Files,
            1433 | 1521 | 3306 | 5432 | 6379 | 9042 | 9200 | 11211 | 27017 => Self::Database,
            _ => Self::OtherTcp,
        }
    }

    #[inline]
    const fn udp(port: u16) -> Self {
        match port {
            443 => Self::Web,
            53 | 853 | 5353 | 5355 => Self::Dns,
            3389 => Self::Login,
            _ => Self::OtherUdp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_go_by_protocol_and_ports() {
        let of = |protocol, source_port, destination_port| {
            let mut packet = Decoded::default();
            (packet.protocol, packet.source_port) = (protocol, source_port);
            packet.destination_port = destination_port;
            Traffic::of(&packet)
        };
        assert_eq!(of(6, 50_000, 443), Traffic::Web);
        assert_eq!(of(6, 8443, 50_000), Traffic::Web);
        assert_eq!(of(17, 53, 53), Traffic::Dns);
        assert_eq!(of(6, 40_000, 40_001), Traffic::OtherTcp);
        assert_eq!(of(17, 0, 0), Traffic::OtherUdp);
        assert_eq!(of(58, 128, 129), Traffic::Icmp);
        assert_eq!(of(47, 0, 0), Traffic::Other);
        let mut arp = Decoded::default();
        (arp.is_arp, arp.protocol) = (true, 6);
        assert_eq!(Traffic::of(&arp), Traffic::Other);
        for (at, kind) in Traffic::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
    }
}
