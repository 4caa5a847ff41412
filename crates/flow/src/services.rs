//! Names of well-known ports.

use crate::record::Protocol;

/// Well-known ports: number, TCP, UDP (or SCTP), name. IANA's list, kept to what is met in practice.
const SERVICES: &[(u16, bool, bool, &str)] = &[
    (7, true, true, "echo"),
    (13, true, true, "daytime"),
    (19, true, true, "chargen"),
    (20, true, false, "ftp-data"),
    (21, true, false, "ftp"),
    (22, true, false, "ssh"),
    (23, true, false, "telnet"),
    (25, true, false, "smtp"),
    (37, true, true, "time"),
    (43, true, false, "whois"),
    (49, true, true, "tacacs"),
    (53, true, true, "dns"),
    (67, false, true, "dhcp"),
    (68, false, true, "dhcp-client"),
    (69, false, true, "tftp"),
    (70, true, false, "gopher"),
    (79, true, false, "finger"),
    (80, true, true, "http"),
    (88, true, true, "kerberos"),
    (102, true, false, "iso-tsap"),
    (110, true, false, "pop3"),
    (111, true, true, "sunrpc"),
    (113, true, false, "ident"),
    (119, true, false, "nntp"),
    (123, false, true, "ntp"),
    (135, true, true, "msrpc"),
    (137, true, true, "netbios-ns"),
    (138, false, true, "netbios-dgm"),
    (139, true, false, "netbios-ssn"),
    (143, true, false, "imap"),
    (161, true, true, "snmp"),
    (162, true, true, "snmp-trap"),
    (179, true, false, "bgp"),
    (194, true, false, "irc"),
    (389, true, true, "ldap"),
    (443, true, true, "https"),
    (445, true, true, "smb"),
    (464, true, true, "kpasswd"),
    (465, true, false, "smtps"),
    (500, false, true, "isakmp"),
    (502, true, false, "modbus"),
    (513, true, false, "rlogin"),
    (514, true, false, "rsh"),
    (514, false, true, "syslog"),
    (515, true, false, "printer"),
    (520, false, true, "rip"),
    (546, false, true, "dhcpv6-client"),
    (547, false, true, "dhcpv6"),
    (554, true, true, "rtsp"),
    (587, true, false, "submission"),
    (623, false, true, "ipmi"),
    (631, true, true, "ipp"),
    (636, true, false, "ldaps"),
    (646, true, true, "ldp"),
    (853, true, true, "dns-over-tls"),
    (860, true, false, "iscsi"),
    (873, true, false, "rsync"),
    (902, true, true, "vmware"),
    (989, true, false, "ftps-data"),
    (990, true, false, "ftps"),
    (993, true, false, "imaps"),
    (995, true, false, "pop3s"),
    (1080, true, false, "socks"),
    (1194, true, true, "openvpn"),
    (1433, true, false, "mssql"),
    (1434, false, true, "mssql-browser"),
    (1521, true, false, "oracle"),
    (1645, false, true, "radius"),
    (1646, false, true, "radius-acct"),
    (1701, false, true, "l2tp"),
    (1723, true, false, "pptp"),
    (1812, false, true, "radius"),
    (1813, false, true, "radius-acct"),
    (1883, true, false, "mqtt"),
    (1900, false, true, "ssdp"),
    (2049, true, true, "nfs"),
    (2152, false, true, "gtp-u"),
    (2375, true, false, "docker"),
    (2376, true, false, "docker-tls"),
    (2379, true, false, "etcd"),
    (2380, true, false, "etcd-peer"),
    (3128, true, false, "squid"),
    (3260, true, false, "iscsi"),
    (3268, true, false, "ldap-gc"),
    (3269, true, false, "ldaps-gc"),
    (3306, true, false, "mysql"),
    (3389, true, true, "rdp"),
    (3478, true, true, "stun"),
    (3544, false, true, "teredo"),
    (3702, false, true, "ws-discovery"),
    (4500, false, true, "ipsec-nat-t"),
    (4789, false, true, "vxlan"),
    (5004, false, true, "rtp"),
    (5060, true, true, "sip"),
    (5061, true, true, "sips"),
    (5201, true, true, "iperf3"),
    (5222, true, false, "xmpp"),
    (5353, false, true, "mdns"),
    (5355, true, true, "llmnr"),
    (5357, true, false, "wsd"),
    (5432, true, false, "postgresql"),
    (5671, true, false, "amqps"),
    (5672, true, false, "amqp"),
    (5900, true, false, "vnc"),
    (5985, true, false, "winrm"),
    (5986, true, false, "winrm-tls"),
    (6000, true, false, "x11"),
    (6081, false, true, "geneve"),
    (6379, true, false, "redis"),
    (6443, true, false, "kubernetes"),
    (6514, true, false, "syslog-tls"),
    (6667, true, false, "irc"),
    (8080, true, false, "http-alt"),
    (8443, true, false, "https-alt"),
    (8883, true, false, "mqtts"),
    (9000, true, false, "http-alt"),
    (9042, true, false, "cassandra"),
    (9092, true, false, "kafka"),
    (9100, true, false, "jetdirect"),
    (9200, true, false, "elasticsearch"),
    (9389, true, false, "adws"),
    (10250, true, false, "kubelet"),
    (11211, true, true, "memcached"),
    (20000, true, true, "dnp3"),
    (25565, true, false, "minecraft"),
    (27017, true, false, "mongodb"),
    (32526, true, false, "azure-agent"),
    (44818, true, true, "ethernet-ip"),
    (47808, false, true, "bacnet"),
    (51820, false, true, "wireguard"),
];

/// Name of the service that usually listens on a port; `None` for unknown ports and other protocols.
pub fn service_name(protocol: Protocol, port: u16) -> Option<&'static str> {
    let tcp = match protocol {
        Protocol::Ip(6) => true,
        Protocol::Ip(17 | 33 | 132 | 136) => false,
        _ => return None,
    };
    SERVICES
        .iter()
        .find(|(number, on_tcp, on_udp, _)| *number == port && if tcp { *on_tcp } else { *on_udp })
        .map(|(.., name)| *name)
}

/// What else than their own name ports of a name speak, as [`Apps::service`](crate::Apps::service) calls it. Of a name
/// that is not here nothing more is known than that most things go on in TLS.
const SPEAK: &[(&str, &[&str])] = &[
    ("azure-agent", &["http"]),
    ("dhcp", &[]),
    ("dhcp-client", &["dhcp"]),
    ("dhcpv6", &[]),
    ("dhcpv6-client", &["dhcpv6"]),
    ("dns", &[]),
    ("dns-over-tls", &["tls", "quic"]),
    ("docker", &["http", "tls"]),
    ("elasticsearch", &["http", "tls"]),
    ("etcd", &["http", "tls"]),
    ("ftp", &[]),
    ("http", &[]),
    ("http-alt", &["http"]),
    ("https", &["tls", "quic"]),
    ("https-alt", &["tls", "quic"]),
    ("imap", &[]),
    ("ipp", &["http", "tls"]),
    ("llmnr", &[]),
    ("mdns", &[]),
    ("netbios-ssn", &["smb"]),
    ("ntp", &[]),
    ("pop3", &[]),
    ("rdp", &["tls"]),
    ("smb", &[]),
    ("smtp", &[]),
    ("squid", &["http"]),
    ("ssdp", &["http"]),
    ("ssh", &[]),
    ("submission", &["smtp"]),
    ("telnet", &[]),
    ("winrm", &["http"]),
    ("wsd", &["http"]),
];

/// Whether what is spoken at a port is what its [name](service_name) says; `None` for ports without a name.
pub fn speaks_as_named(protocol: Protocol, port: u16, spoken: &str) -> Option<bool> {
    let name = service_name(protocol, port)?;
    let others = SPEAK.iter().find(|(known, _)| *known == name).map_or(&["tls"][..], |(_, others)| others);
    Some(name == spoken || others.contains(&spoken))
}

/// How likely a port is a server's: well-known 3, below 1,024 2 (RFC 6335, system ports), below 32,768 1 (Linux
/// hands out ephemeral ports from there on, Windows and RFC 6335 from 49,152), else 0.
pub(crate) fn server_rank(protocol: u8, port: u16) -> u8 {
    if !matches!(protocol, 6 | 17 | 33 | 132 | 136) || port == 0 {
        return 0;
    }
    if service_name(Protocol::Ip(protocol), port).is_some() {
        3
    } else if port < 1024 {
        2
    } else {
        u8::from(port < 32_768)
    }
}

#[cfg(test)]
mod tests {
    use super::{Protocol, SERVICES, SPEAK, speaks_as_named};

    #[test]
    fn what_is_spoken_at_a_port_is_held_against_its_name() {
        let tcp = |port, spoken| speaks_as_named(Protocol::Ip(6), port, spoken);
        assert_eq!(tcp(443, "tls"), Some(true));
        assert_eq!(tcp(443, "ssh"), Some(false));
        assert_eq!(tcp(443, "http"), Some(false));
        assert_eq!(tcp(80, "http"), Some(true));
        assert_eq!(tcp(80, "tls"), Some(false));
        assert_eq!(tcp(8_443, "http"), Some(false));
        assert_eq!(tcp(5_432, "tls"), Some(true), "databases go on in TLS");
        assert_eq!(tcp(5_432, "ssh"), Some(false));
        assert_eq!(tcp(12_345, "ssh"), None, "a port without a name promises nothing");
        assert_eq!(speaks_as_named(Protocol::Ip(17), 443, "quic"), Some(true));
    }

    #[test]
    fn every_name_with_something_to_speak_is_that_of_a_port() {
        for (name, _) in SPEAK {
            assert!(SERVICES.iter().any(|(.., known)| known == name), "{name}");
        }
    }
}
