//! The parts of an expression that name something: addresses, networks, ports, protocols.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::FilterError;
use super::lex::Token;
use super::names::{self, Vocabulary};
use super::parse::{Kind, Parser, Qualifiers, error, kind_name, kind_wants, number};
use super::program::Family;
use crate::Address;

impl<'a> Parser<'a> {
    /// The layers in which an address may stand.
    pub(super) fn family(&self, is_v6: bool, qualifiers: Qualifiers<'a>) -> Result<Family, FilterError> {
        match (is_v6, qualifiers.protocol) {
            (false, None) => Ok(Family::V4OrArp),
            (false, Some("ip")) => Ok(Family::V4),
            (false, Some("arp")) => Ok(Family::Arp),
            (true, None | Some("ip6")) => Ok(Family::V6),
            (true, Some(name)) => {
                self.fail(format!("`{name}` has no IPv6 addresses; write `ip6 host` or `ip6 net`"))
            }
            (false, Some(name)) => {
                self.fail(format!("`{name}` has no IPv4 addresses; write `ip host` or `ip net`"))
            }
        }
    }

    pub(super) fn host(
        &mut self,
        word: &str,
        qualifiers: Qualifiers<'a>,
    ) -> Result<(Address, Family), FilterError> {
        if self.ahead(1) == Token::Slash {
            return self.fail(format!("`{word}/…` is a network; write `net {word}/…`"));
        }
        if let Ok(address) = word.parse::<Ipv4Addr>() {
            return Ok((Address::from(u32::from(address)), self.family(false, qualifiers)?));
        }
        if let Ok(address) = word.parse::<Ipv6Addr>() {
            return Ok((Address::from(address), self.family(true, qualifiers)?));
        }
        if is_link_address(word) {
            return self
                .fail(format!("`{word}` is a link-layer address, which is not kept; use an IP address"));
        }
        if let Some(instead) = names::left_out(word) {
            return self.fail(format!("`{word}` is not supported: {instead}"));
        }
        if short_network(word).is_some() {
            return if qualifiers.kind == Kind::Assumed && number(word).is_some() {
                self.fail(format!("`{word}` is not an address; write `src port {word}` or `dst port {word}`"))
            } else {
                self.fail(format!("`{word}` is not a whole address; write `net {word}`"))
            };
        }
        if word.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
            && word.contains(['.', ':'])
        {
            return self.fail(format!("`{word}` is not an address"));
        }
        if names::KEYWORDS.contains(&word) {
            return self.fail(format!(
                "`{}` needs {} before `{word}`",
                kind_name(qualifiers.kind),
                kind_wants(qualifiers.kind)
            ));
        }
        self.fail(format!("host names are not looked up; write the address of `{word}`"))
    }

    /// Network, mask, layers. Leaves the last token of it to be taken.
    pub(super) fn net(
        &mut self,
        word: &str,
        qualifiers: Qualifiers<'a>,
    ) -> Result<(Address, Address, Family), FilterError> {
        let start = self.position();
        if let Ok(address) = word.parse::<Ipv6Addr>() {
            let family = self.family(true, qualifiers)?;
            let length = self.prefix_len(128)?.unwrap_or(128);
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            let network = u128::from(address);
            if network & !mask != 0 {
                let right = Ipv6Addr::from(network & mask);
                return Err(error(
                    start,
                    format!("`{word}/{length}` has bits behind its prefix; write `{right}/{length}`"),
                ));
            }
            return Ok((network, mask, family));
        }
        let Some((network, implied)) = short_network(word) else {
            return if is_link_address(word) {
                self.fail(format!("`{word}` is a link-layer address, which is not kept; use an IP network"))
            } else if word.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')) {
                self.fail(format!("`{word}` is not a network"))
            } else {
                self.fail(format!(
                    "network names are not looked up; write the addresses of `{word}` as `net ADDRESS/LENGTH`"
                ))
            };
        };
        let family = self.family(false, qualifiers)?;
        let (mask, text) = if let Some(length) = self.prefix_len(32)? {
            (u32::MAX.checked_shl(32 - length).unwrap_or(0), format!("/{length}"))
        } else if self.ahead(1) == Token::Word("mask", false) {
            self.at += 2;
            let Token::Word(mask, _) = self.peek() else {
                return self.fail("`mask` needs an address such as 255.255.255.0");
            };
            let Some((bits, _)) = short_network(mask) else {
                return self.fail(format!("`{mask}` is not a mask; write one such as 255.255.255.0"));
            };
            (bits, format!(" mask {mask}"))
        } else {
            (implied, String::new())
        };
        if network & !mask != 0 {
            let right = Ipv4Addr::from(network & mask);
            return Err(error(
                start,
                format!("`{word}{text}` has bits outside its mask; write `{right}{text}`"),
            ));
        }
        // Nothing of an IPv4 address lies above its 32 bits.
        Ok((Address::from(network), Address::from(mask), family))
    }

    /// `/N` behind a network.
    pub(super) fn prefix_len(&mut self, most: u32) -> Result<Option<u32>, FilterError> {
        if self.ahead(1) != Token::Slash {
            return Ok(None);
        }
        self.at += 2;
        match self.peek() {
            Token::Word(word, _) => match word.parse::<u32>() {
                Ok(length) if length <= most => Ok(Some(length)),
                _ => self.fail(format!("`{word}` is not a prefix length; it goes from 0 to {most}")),
            },
            _ => self.fail(format!("`/` needs a prefix length from 0 to {most}")),
        }
    }

    pub(super) fn port(&self, word: &str) -> Result<u16, FilterError> {
        if let Some(number) = number(word) {
            return u16::try_from(number).or_else(|_| self.fail(format!("port {word} is more than 65535")));
        }
        if let Some(port) = names::port(word) {
            return Ok(port);
        }
        match word.split_once('-') {
            Some((low, high)) if number(low).is_some() && number(high).is_some() => {
                self.fail(format!("`{word}` is a range; write `portrange {word}`"))
            }
            _ if names::KEYWORDS.contains(&word) => {
                self.fail(format!("`port` needs a number or name before `{word}`"))
            }
            _ => self.unknown("port", word, Vocabulary::Ports),
        }
    }

    /// Two ports with a hyphen between, of which names may have their own.
    pub(super) fn port_range(&self, word: &str) -> Result<(u16, u16), FilterError> {
        let known =
            |word: &str| number(word).map_or_else(|| names::port(word), |number| u16::try_from(number).ok());
        if let Some(port) = known(word) {
            return Ok((port, port));
        }
        let halves = word.match_indices('-').find_map(|(at, _)| {
            let (low, high) = (word.get(..at)?, word.get(at + 1..)?);
            Some((known(low)?, known(high)?))
        });
        match halves {
            Some(range) => Ok(range),
            None => self.fail(format!(
                "`{word}` is not a range of ports; write one such as `6000-6008`, up to 65535"
            )),
        }
    }

    pub(super) fn protocol_number(&self, word: &str) -> Result<u8, FilterError> {
        if let Some(number) = number(word) {
            return u8::try_from(number).or_else(|_| self.fail(format!("protocol {word} is more than 255")));
        }
        match names::protocol(word) {
            Some(number) => Ok(number),
            None => self.unknown("protocol", word, Vocabulary::Protocols),
        }
    }
}

/// Six bytes in hexadecimal.
fn is_link_address(word: &str) -> bool {
    let parts: Vec<&str> = word.split([':', '-']).collect();
    parts.len() == 6
        && parts
            .iter()
            .all(|part| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// One to four bytes with points between them, as the network they abbreviate and its mask.
fn short_network(word: &str) -> Option<(u32, u32)> {
    let mut bytes = [0u8; 4];
    let mut count = 0;
    for part in word.split('.') {
        if part.starts_with('+') {
            return None;
        }
        *bytes.get_mut(count)? = part.parse().ok()?;
        count += 1;
    }
    Some((u32::from_be_bytes(bytes), u32::MAX.checked_shl(32 - 8 * count as u32).unwrap_or(0)))
}
