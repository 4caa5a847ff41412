//! What Azure means by its addresses and numbers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The platform's address: virtual machine agent, DNS, DHCP, and the source of load balancer probes
/// ([What is IP address 168.63.129.16](https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16)).
pub const PLATFORM: IpAddr = IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16));

/// TCP ports a virtual machine asks at [`PLATFORM`]: 80 and 32526 the agent's, 443 the agent's over TLS, 53 DNS
/// (same page).
pub const PLATFORM_PORTS: &[u16] = &[53, 80, 443, 32_526];

/// Instance metadata, asked at port 80
/// ([Azure Instance Metadata Service](https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service)).
pub const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Port of the instance metadata.
pub const METADATA_PORT: u16 = 80;

/// The hardware address that the virtual network answers every ARP question with: all neighbours seem to have it
/// ([Virtual network FAQ](https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq): layer 2 is not
/// carried).
pub const ROUTER_HARDWARE: [u8; 6] = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];

/// Silence after which load balancers and NAT forget a TCP flow unless told otherwise: 4 minutes
/// ([Load Balancer TCP idle timeout](https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset)).
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(4);

/// Default SNAT ports of a virtual machine by the size of the backend pool: machines up to so many, ports each
/// ([Outbound connections](https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections)).
pub const SNAT_PORTS: &[(u32, u32)] =
    &[(50, 1_024), (100, 512), (200, 256), (400, 128), (800, 64), (1_000, 32)];

/// Largest packet that the virtual network carries in one piece; bytes
/// ([TCP/IP performance tuning](https://learn.microsoft.com/azure/virtual-network/virtual-network-tcpip-performance-tuning)).
pub const FRAGMENT_BYTES: u32 = 1_400;

/// Maximum segment size advised through VPN gateways; bytes
/// ([About VPN devices](https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpn-devices)).
pub const VPN_MSS: u16 = 1_350;

/// Bytes of a capture after which a Network Watcher session stops unless told otherwise: 1 GiB
/// ([Manage packet captures](https://learn.microsoft.com/azure/network-watcher/packet-capture-overview)).
pub const CAPTURE_BYTES: u64 = 1_073_741_824;

/// Time after which a Network Watcher session stops unless told otherwise: 5 hours (same page).
pub const CAPTURE_TIME: Duration = Duration::from_hours(5);

/// What an address of Azure's own is, in words.
pub fn name(ip: IpAddr) -> Option<&'static str> {
    match ip {
        PLATFORM => Some("platform"),
        METADATA => Some("instance metadata"),
        _ => None,
    }
}

/// True for addresses that mean the platform or the instance metadata.
pub fn is_own(ip: IpAddr) -> bool {
    name(ip).is_some()
}

/// True for addresses of the Internet: what is not private (RFC 1918, RFC 6598, RFC 4193), link-local, loopback,
/// multicast, broadcast, unspecified, or Azure's own.
pub fn is_public(ip: IpAddr) -> bool {
    if is_own(ip) || !is_single(ip) {
        return false;
    }
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_private() || v4.is_link_local() || v4.is_loopback() || (a == 100 && b & 0xc0 == 64))
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

/// True for an address of one host.
pub fn is_single(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            // The last address of a /24 is the broadcast of most networks.
            !(v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() || v4.octets()[3] == 255)
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified()),
    }
}
