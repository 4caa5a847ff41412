//! Who talks to whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::random::Random;

/// Hosts on the near side (chosen: a large site).
const CLIENTS: u64 = 4000;
/// Ephemeral ports of a host, from [`FIRST_PORT`]: inside Linux's default range of 32,768 to 60,999.
const PORTS: u64 = 28_000;
/// Lowest ephemeral port.
const FIRST_PORT: u64 = 32_768;
/// Steps through all pairs of client and port before one returns: shares no factor with their number (2, 5, 7).
const STRIDE: u64 = 61_803_401;

/// Ports that TCP servers listen on; repeated ones are as much likelier.
const SERVICES: [u16; 12] = [443, 443, 443, 443, 443, 80, 80, 22, 1433, 3389, 5671, 8080];

/// Both ends of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoints {
    pub(super) client: IpAddr,
    pub(super) client_port: u16,
    pub(super) server: IpAddr,
    pub(super) server_port: u16,
}

/// A client address and port that no other of 112 million flows has.
fn client(number: u64, is_v6: bool) -> (IpAddr, u16) {
    let pair = (u128::from(number) * u128::from(STRIDE) % u128::from(CLIENTS * PORTS)) as u64;
    let host = (pair % CLIENTS) as u16;
    let address = if is_v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host + 1).into()
    } else {
        Ipv4Addr::new(10, 1, (host / 200) as u8, (host % 200 + 10) as u8).into()
    };
    (address, (FIRST_PORT + pair / CLIENTS) as u16)
}

/// Between a client and one of 2,047 servers, few of which are asked often. Servers live in the networks for
/// benchmarks (RFC 2544) and documentation (RFC 3849).
pub(super) fn service(random: &mut Random, number: u64, is_v6: bool) -> Endpoints {
    let (client, client_port) = client(number, is_v6);
    let octave = random.bits().leading_zeros().min(10);
    let rank = ((1 << octave) - 1 + random.below(1 << octave)) as u16;
    let server = if is_v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, rank + 1).into()
    } else {
        Ipv4Addr::new(198, 18, (rank / 250) as u8, (rank % 250 + 1) as u8).into()
    };
    Endpoints { client, client_port, server, server_port: SERVICES[usize::from(rank) % SERVICES.len()] }
}

/// Between a client and its resolver: Azure's own (168.63.129.16), or one in the documentation network.
pub(super) fn resolver(number: u64, is_v6: bool) -> Endpoints {
    let (client, client_port) = client(number, is_v6);
    let server = if is_v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53).into()
    } else {
        Ipv4Addr::new(168, 63, 129, 16).into()
    };
    Endpoints { client, client_port, server, server_port: 53 }
}

/// Between the `number`-th host that sends an echo request, one of 2²⁰, and one target. Types stand for ports.
pub(super) fn echo(number: u64, is_v6: bool) -> Endpoints {
    let host = (number & 0x000f_ffff) as u32;
    if is_v6 {
        Endpoints {
            client: Ipv6Addr::from((0x2001_0db8_0002 << 80) | u128::from(host)).into(),
            client_port: 128,
            server: Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 1, 1).into(),
            server_port: 129,
        }
    } else {
        Endpoints {
            client: Ipv4Addr::from_bits(0xac10_0000 | host).into(),
            client_port: 8,
            server: Ipv4Addr::new(198, 19, 255, 1).into(),
            server_port: 0,
        }
    }
}

/// A neighbour and the gateway it asks for, for ARP.
pub(super) fn neighbours(number: u64) -> (Ipv4Addr, Ipv4Addr) {
    let host = number % 200;
    (Ipv4Addr::new(10, 1, 0, host as u8 + 10), Ipv4Addr::new(10, 1, 0, 1))
}
