//! What a filter is at run time: tests in a row, each naming the next for both of its answers. Nothing recurses and
//! nothing is allocated per packet.

use super::lex::{Operator, Relation};
use crate::{Address, Decoded, Transport, TunnelKind};

/// The tests of an expression.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The tests.
    pub(super) steps: Box<[Step]>,
    /// Index of the first one, or an answer.
    pub(super) start: u32,
}

/// In place of an index: the packet is wanted.
pub(super) const ACCEPT: u32 = u32::MAX;
/// In place of an index: it is not.
pub(super) const REJECT: u32 = u32::MAX - 1;

/// One test.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// What is asked.
    pub(super) test: Test,
    /// What follows if so.
    pub(super) yes: u32,
    /// What follows if not.
    pub(super) no: u32,
}

impl Program {
    /// True if the packet is wanted.
    #[inline]
    pub(super) fn run(&self, packet: &Decoded, wire_len: u32) -> bool {
        let mut at = self.start;
        // Every step leads to a later one, so this ends.
        while let Some(step) = self.steps.get(at as usize) {
            at = if step.test.holds(packet, wire_len) { step.yes } else { step.no };
        }
        at == ACCEPT
    }
}

/// Which of the two ends of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Source or destination.
    Either,
    /// Source and destination.
    Both,
    /// Source.
    Source,
    /// Destination.
    Destination,
}

impl Direction {
    #[inline]
    fn holds(self, source: bool, destination: bool) -> bool {
        match self {
            Self::Either => source || destination,
            Self::Both => source && destination,
            Self::Source => source,
            Self::Destination => destination,
        }
    }
}

/// Network layers a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4 and IPv6.
    Ip,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// ARP.
    Arp,
    /// Addresses of 32 bits: IPv4 and ARP.
    V4OrArp,
}

impl Family {
    #[inline]
    fn holds(self, packet: &Decoded) -> bool {
        match self {
            Self::Ip => !packet.is_arp,
            Self::V4 => !packet.is_v6 && !packet.is_arp,
            Self::V6 => packet.is_v6,
            Self::Arp => packet.is_arp,
            Self::V4OrArp => !packet.is_v6,
        }
    }
}

/// One question about a packet.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// The network layer.
    Family(Family),
    /// The protocol above IP.
    Protocol(Family, u8),
    /// Addresses.
    Address { direction: Direction, family: Family, network: Address, mask: Address },
    /// Ports; `protocol` 0 stands for TCP, UDP and SCTP.
    Ports { direction: Direction, protocol: u8, low: u16, high: u16 },
    /// A VLAN tag, or this one.
    Vlan(Option<u16>),
    /// A tunnel, this kind of tunnel, this id.
    Tunnel(Option<TunnelKind>, Option<u32>),
    /// Two numbers.
    Compare { left: Sum, relation: Relation, right: Sum },
}

impl Test {
    #[inline]
    fn holds(&self, packet: &Decoded, wire_len: u32) -> bool {
        match self {
            Self::Family(family) => family.holds(packet),
            Self::Protocol(family, number) => packet.protocol == *number && family.holds(packet),
            Self::Address { direction, family, network, mask } => {
                family.holds(packet)
                    && direction
                        .holds(packet.source & mask == *network, packet.destination & mask == *network)
            }
            Self::Ports { direction, protocol, low, high } => {
                packet.transport != Transport::None
                    && (packet.protocol == *protocol
                        || *protocol == 0 && matches!(packet.protocol, 6 | 17 | 132))
                    && direction.holds(
                        (*low..=*high).contains(&packet.source_port),
                        (*low..=*high).contains(&packet.destination_port),
                    )
            }
            Self::Vlan(id) => packet.vlan.is_some_and(|tag| id.is_none_or(|id| id == tag)),
            Self::Tunnel(kind, id) => packet.tunnel.is_some_and(|layer| {
                kind.is_none_or(|kind| kind == layer.kind) && id.is_none_or(|id| Some(id) == layer.id)
            }),
            Self::Compare { left, relation, right } => {
                let (Some(left), Some(right)) = (left.value(packet, wire_len), right.value(packet, wire_len))
                else {
                    return false;
                };
                match relation {
                    Relation::Equal => left == right,
                    Relation::NotEqual => left != right,
                    Relation::Less => left < right,
                    Relation::LessOrEqual => left <= right,
                    Relation::Greater => left > right,
                    Relation::GreaterOrEqual => left >= right,
                }
            }
        }
    }
}

/// A number that stands in the decoded packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Length on the wire, in bytes.
    Len,
    /// Source port of this protocol.
    SourcePort(u8),
    /// Destination port of this protocol.
    DestinationPort(u8),
    /// TCP sequence number.
    Seq,
    /// TCP acknowledgement number.
    Ack,
    /// TCP flags.
    Flags,
    /// TCP window.
    Window,
    /// ICMP type.
    IcmpType(Family),
    /// ICMP code.
    IcmpCode(Family),
    /// TTL or hop limit.
    Ttl(Family),
    /// IP protocol.
    Protocol(Family),
    /// IPv4 source address.
    Source,
    /// IPv4 destination address.
    Destination,
}

impl Field {
    /// The number at `offset` of a header, `size` bytes long.
    pub(super) fn at(header: &str, offset: u32, size: u32) -> Option<Self> {
        let ports = match header {
            "tcp" => Some(6),
            "udp" => Some(17),
            "sctp" => Some(132),
            _ => None,
        };
        Some(match (header, offset, size) {
            (_, 0, 2) => Self::SourcePort(ports?),
            (_, 2, 2) => Self::DestinationPort(ports?),
            ("tcp", 4, 4) => Self::Seq,
            ("tcp", 8, 4) => Self::Ack,
            ("tcp", 13, 1) => Self::Flags,
            ("tcp", 14, 2) => Self::Window,
            ("icmp", 0, 1) => Self::IcmpType(Family::V4),
            ("icmp", 1, 1) => Self::IcmpCode(Family::V4),
            ("icmp6", 0, 1) => Self::IcmpType(Family::V6),
            ("icmp6", 1, 1) => Self::IcmpCode(Family::V6),
            ("ip", 8, 1) => Self::Ttl(Family::V4),
            ("ip", 9, 1) => Self::Protocol(Family::V4),
            ("ip", 12, 4) => Self::Source,
            ("ip", 16, 4) => Self::Destination,
            ("ip6", 7, 1) => Self::Ttl(Family::V6),
            _ => return None,
        })
    }

    /// Its value; `None` if the packet has no such field or it was not captured.
    #[inline]
    fn value(self, packet: &Decoded, wire_len: u32) -> Option<u32> {
        let ports = |protocol: u8| packet.protocol == protocol && packet.transport != Transport::None;
        let tcp = || packet.protocol == 6 && packet.transport == Transport::Whole;
        let icmp = |family: Family| if family.holds(packet) { packet.icmp } else { None };
        match self {
            Self::Len => Some(wire_len),
            Self::SourcePort(protocol) => ports(protocol).then_some(u32::from(packet.source_port)),
            Self::DestinationPort(protocol) => ports(protocol).then_some(u32::from(packet.destination_port)),
            Self::Seq => tcp().then_some(packet.tcp.seq),
            Self::Ack => tcp().then_some(packet.tcp.ack),
            Self::Flags => tcp().then_some(u32::from(packet.tcp.flags)),
            Self::Window => tcp().then_some(u32::from(packet.tcp.window)),
            Self::IcmpType(family) => icmp(family).map(|(kind, _)| u32::from(kind)),
            Self::IcmpCode(family) => icmp(family).map(|(_, code)| u32::from(code)),
            Self::Ttl(family) => family.holds(packet).then_some(u32::from(packet.ttl)),
            Self::Protocol(family) => family.holds(packet).then_some(u32::from(packet.protocol)),
            Self::Source => Family::V4.holds(packet).then_some(packet.source as u32),
            Self::Destination => Family::V4.holds(packet).then_some(packet.destination as u32),
        }
    }
}

/// A sum, in the widest sense: something that is a number.
#[derive(Clone, Debug)]
pub(super) enum Sum {
    /// Always the same.
    Constant(u32),
    /// A field of which some bits count: by far the most frequent.
    Masked(Field, u32),
    /// Anything else.
    Postfix(Box<[Word]>),
}

/// One word of a sum in postfix notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A constant.
    Number(u32),
    /// A field.
    Field(Field),
    /// Takes two numbers, leaves one.
    Operator(Operator),
}

/// Most numbers that wait for their operator. Chosen: more than a person writes.
pub(super) const STACK: usize = 16;

impl Sum {
    /// The sum in its cheapest form; `None` if more than [`STACK`] numbers wait at once.
    pub(super) fn new(words: &[Word]) -> Option<Self> {
        let mut depth = 0usize;
        for word in words {
            match word {
                Word::Operator(_) => depth = depth.saturating_sub(1),
                Word::Number(_) | Word::Field(_) => depth += 1,
            }
            if depth > STACK {
                return None;
            }
        }
        Some(match words {
            [Word::Number(number)] => Self::Constant(*number),
            [Word::Field(field)] => Self::Masked(*field, u32::MAX),
            [Word::Field(field), Word::Number(mask), Word::Operator(Operator::And)]
            | [Word::Number(mask), Word::Field(field), Word::Operator(Operator::And)] => {
                Self::Masked(*field, *mask)
            }
            _ => Self::Postfix(words.into()),
        })
    }

    #[inline]
    fn value(&self, packet: &Decoded, wire_len: u32) -> Option<u32> {
        match self {
            Self::Constant(number) => Some(*number),
            Self::Masked(field, mask) => Some(field.value(packet, wire_len)? & mask),
            Self::Postfix(words) => {
                let mut stack = [0u32; STACK];
                let mut depth = 0usize;
                for word in words {
                    let (number, at) = match word {
                        Word::Number(number) => (*number, depth),
                        Word::Field(field) => (field.value(packet, wire_len)?, depth),
                        Word::Operator(operator) => {
                            let [left, right] = *stack.get(depth.checked_sub(2)?..)?.first_chunk()?;
                            (apply(*operator, left, right)?, depth - 2)
                        }
                    };
                    *stack.get_mut(at)? = number;
                    depth = at + 1;
                }
                stack.first().copied()
            }
        }
    }
}

/// `None` for a division by zero, which makes a comparison false.
pub(super) fn apply(operator: Operator, left: u32, right: u32) -> Option<u32> {
    Some(match operator {
        Operator::Or => left | right,
        Operator::Xor => left ^ right,
        Operator::And => left & right,
        Operator::Left => left.checked_shl(right).unwrap_or(0),
        Operator::Right => left.checked_shr(right).unwrap_or(0),
        Operator::Add => left.wrapping_add(right),
        Operator::Subtract => left.wrapping_sub(right),
        Operator::Multiply => left.wrapping_mul(right),
        Operator::Divide => left.checked_div(right)?,
        Operator::Modulo => left.checked_rem(right)?,
    })
}
