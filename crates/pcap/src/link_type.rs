//! Link types.

use std::fmt;

/// What a packet's bytes start with: a number of the [LINKTYPE registry](https://www.tcpdump.org/linktypes.html).
///
/// Readers of other formats translate their own numbers into this registry (snoop, NetMon). What has no number
/// there uses the private ones above 65,000 declared here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

macro_rules! link_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl LinkType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The registry's name in lower case, or `None` for a number that is not listed here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

link_types! {
    /// BSD loopback: a 4-byte address family in the byte order of the capturing machine.
    NULL = 0, "null";
    /// Ethernet II and IEEE 802.3.
    ETHERNET = 1, "ethernet";
    /// Experimental 3 Mb/s Ethernet.
    EXP_ETHERNET = 2, "exp_ethernet";
    /// AX.25.
    AX25 = 3, "ax25";
    /// IEEE 802.5 token ring.
    TOKEN_RING = 6, "ieee802_5";
    /// ARCNET, BSD style.
    ARCNET_BSD = 7, "arcnet_bsd";
    /// SLIP with libpcap's 16-byte pseudo header.
    SLIP = 8, "slip";
    /// PPP, with or without the HDLC address and control bytes.
    PPP = 9, "ppp";
    /// FDDI.
    FDDI = 10, "fddi";
    /// PPP in HDLC-like framing (RFC 1662).
    PPP_HDLC = 50, "ppp_hdlc";
    /// PPP over Ethernet session frames.
    PPP_ETHER = 51, "ppp_ether";
    /// RFC 1483 LLC/SNAP over ATM.
    ATM_RFC1483 = 100, "atm_rfc1483";
    /// Raw IPv4 or IPv6, told apart by the version nibble.
    RAW = 101, "raw";
    /// Cisco HDLC.
    C_HDLC = 104, "c_hdlc";
    /// IEEE 802.11.
    IEEE802_11 = 105, "ieee802_11";
    /// Frame Relay (RFC 2427).
    FRELAY = 107, "frelay";
    /// OpenBSD loopback: the address family in network byte order.
    LOOP = 108, "loop";
    /// OpenBSD `IPsec` interface `enc`.
    ENC = 109, "enc";
    /// Linux cooked capture, version 1.
    LINUX_SLL = 113, "linux_sll";
    /// Apple `LocalTalk`.
    LTALK = 114, "ltalk";
    /// OpenBSD pflog.
    PFLOG = 117, "pflog";
    /// IEEE 802.11 behind a Prism header.
    IEEE802_11_PRISM = 119, "ieee802_11_prism";
    /// RFC 2625 IP over Fibre Channel.
    IP_OVER_FC = 122, "ip_over_fc";
    /// `SunATM`.
    SUNATM = 123, "sunatm";
    /// IEEE 802.11 behind a radiotap header.
    IEEE802_11_RADIOTAP = 127, "ieee802_11_radiotap";
    /// ARCNET, Linux style.
    ARCNET_LINUX = 129, "arcnet_linux";
    /// Apple IP over IEEE 1394.
    APPLE_IP_OVER_IEEE1394 = 138, "apple_ip_over_ieee1394";
    /// DOCSIS MAC frames.
    DOCSIS = 143, "docsis";
    /// IEEE 802.11 behind an AVS header.
    IEEE802_11_AVS = 163, "ieee802_11_avs";
    /// PPP with a direction byte in place of the address, as pppd writes it.
    PPP_PPPD = 166, "ppp_pppd";
    /// MTP2 behind a pseudo-header.
    MTP2_WITH_PHDR = 139, "mtp2_with_phdr";
    /// IrDA behind a cooked header.
    LINUX_IRDA = 144, "linux_irda";
    /// LAPD behind a cooked header.
    LINUX_LAPD = 177, "linux_lapd";
    /// SITA.
    SITA = 196, "sita";
    /// PPP behind a direction byte.
    PPP_WITH_DIR = 204, "ppp_with_dir";
    /// I²C.
    I2C_LINUX = 209, "i2c_linux";
    /// NFC LLCP.
    NFC_LLCP = 245, "nfc_llcp";
    /// Cisco HDLC with a direction byte.
    C_HDLC_WITH_DIR = 205, "c_hdlc_with_dir";
    /// Frame Relay with a direction byte.
    FRELAY_WITH_DIR = 206, "frelay_with_dir";
    /// Per-packet information header.
    PPI = 192, "ppi";
    /// IEEE 802.15.4 with FCS.
    IEEE802_15_4 = 195, "ieee802_15_4";
    /// USB as Linux sees it.
    USB_LINUX = 189, "usb_linux";
    /// USB as Linux sees it, padded header.
    USB_LINUX_MMAPPED = 220, "usb_linux_mmapped";
    /// Bluetooth HCI UART.
    BLUETOOTH_HCI_H4 = 187, "bluetooth_hci_h4";
    /// Bluetooth HCI UART with direction.
    BLUETOOTH_HCI_H4_WITH_PHDR = 201, "bluetooth_hci_h4_with_phdr";
    /// MPLS label stack first.
    MPLS = 219, "mpls";
    /// `SocketCAN`.
    CAN_SOCKETCAN = 227, "can_socketcan";
    /// Raw IPv4.
    IPV4 = 228, "ipv4";
    /// Raw IPv6.
    IPV6 = 229, "ipv6";
    /// IEEE 802.15.4 without FCS.
    IEEE802_15_4_NOFCS = 230, "ieee802_15_4_nofcs";
    /// D-Bus.
    DBUS = 231, "dbus";
    /// Linux netfilter log.
    NFLOG = 239, "nflog";
    /// `NetAnalyzer`.
    NETANALYZER = 240, "netanalyzer";
    /// IP over InfiniBand.
    IPOIB = 242, "ipoib";
    /// SCTP without a lower layer.
    SCTP = 248, "sctp";
    /// Linux netlink.
    NETLINK = 253, "netlink";
    /// Bluetooth Linux monitor.
    BLUETOOTH_LINUX_MONITOR = 254, "bluetooth_linux_monitor";
    /// Apple PKTAP.
    PKTAP = 258, "pktap";
    /// Ethernet behind an EPON preamble.
    EPON = 259, "epon";
    /// Wireshark upper PDU export.
    WIRESHARK_UPPER_PDU = 252, "wireshark_upper_pdu";
    /// Linux vSockets.
    VSOCK = 271, "vsock";
    /// Marvell DSA tag inside Ethernet.
    DSA_TAG_DSA = 284, "dsa_tag_dsa";
    /// Marvell extended DSA tag inside Ethernet.
    DSA_TAG_EDSA = 285, "dsa_tag_edsa";
    /// Broadcom switch tag inside Ethernet.
    DSA_TAG_BRCM = 281, "dsa_tag_brcm";
    /// Broadcom switch tag before Ethernet.
    DSA_TAG_BRCM_PREPEND = 282, "dsa_tag_brcm_prepend";
    /// Linux cooked capture, version 2.
    LINUX_SLL2 = 276, "linux_sll2";
    /// `OpenVizsla` USB.
    OPENVIZSLA = 278, "openvizsla";
    /// Symantec Enterprise Firewall.
    SYMANTEC_FIREWALL = 99, "symantec_firewall";
    /// Classical IP over ATM as Linux sees it.
    ATM_CLIP = 106, "atm_clip";
    /// Juniper multilink PPP.
    JUNIPER_MLPPP = 130, "juniper_mlppp";
    /// Juniper multilink Frame Relay.
    JUNIPER_MLFR = 131, "juniper_mlfr";
    /// Juniper encryption services.
    JUNIPER_ES = 132, "juniper_es";
    /// Juniper GGSN.
    JUNIPER_GGSN = 133, "juniper_ggsn";
    /// Juniper multilink Frame Relay (FRF.16).
    JUNIPER_MFR = 134, "juniper_mfr";
    /// Juniper ATM2 cards.
    JUNIPER_ATM2 = 135, "juniper_atm2";
    /// Juniper adaptive services.
    JUNIPER_SERVICES = 136, "juniper_services";
    /// Juniper ATM1 cards.
    JUNIPER_ATM1 = 137, "juniper_atm1";
    /// Juniper monitoring services.
    JUNIPER_MONITOR = 164, "juniper_monitor";
    /// Juniper PPP over Ethernet.
    JUNIPER_PPPOE = 167, "juniper_pppoe";
    /// Juniper PPP over Ethernet over ATM.
    JUNIPER_PPPOE_ATM = 168, "juniper_pppoe_atm";
    /// Juniper Ethernet.
    JUNIPER_ETHER = 178, "juniper_ether";
    /// Juniper PPP.
    JUNIPER_PPP = 179, "juniper_ppp";
    /// Juniper Frame Relay.
    JUNIPER_FRELAY = 180, "juniper_frelay";
    /// Juniper Cisco HDLC.
    JUNIPER_CHDLC = 181, "juniper_chdlc";
    /// Multilink Frame Relay (FRF.16).
    MFR = 182, "mfr";
    /// Endace extensible record format.
    ERF = 197, "erf";
    /// Solaris `ipnet`.
    IPNET = 226, "ipnet";
    /// Ethernet with preamble (IEEE 802.3br).
    ETHERNET_MPACKET = 274, "ethernet_mpacket";
    /// Private: an ETW event in a NetMon 2 file.
    NETMON_EVENT = 65_001, "netmon_event";
    /// Private: NetMon 2 network interface information, filter text and other records that are not packets.
    NETMON_INFO = 65_002, "netmon_info";
    /// Private: a medium of a snoop or NetMon file that has no number in the registry.
    UNKNOWN = 65_003, "unknown";
    /// Private: IEEE 802.11 behind NetMon's radio header: a version byte, the header's length in bytes (16 bits,
    /// little-endian, counted from the version byte on), radio data.
    NETMON_IEEE802_11 = 65_004, "netmon_ieee802_11";
}

impl LinkType {
    /// True for the numbers that only this crate knows.
    pub const fn is_private(self) -> bool {
        self.0 >= Self::NETMON_EVENT.0
    }

    /// Bytes at the start of a packet that whoever captured put there and that were never on a wire. They are not
    /// counted as bytes of the packet, as in Wireshark. Headers that describe a real frame (radiotap, PPI, PKTAP,
    /// cooked captures) count, as there.
    pub const fn pseudo_header_len(self) -> u32 {
        match self {
            Self::SUNATM
            | Self::MTP2_WITH_PHDR
            | Self::BLUETOOTH_HCI_H4_WITH_PHDR
            | Self::BLUETOOTH_LINUX_MONITOR => 4,
            Self::LINUX_IRDA | Self::LINUX_LAPD => 16,
            Self::SITA | Self::I2C_LINUX => 5,
            Self::NFC_LLCP => 2,
            Self::PPP_WITH_DIR => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "linktype_{}", self.0),
        }
    }
}
