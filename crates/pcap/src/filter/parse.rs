//! Tokens → program, by recursive descent, without a tree in between.
//!
//! Every part of an expression becomes a [`Fragment`]: its steps are already written, and it remembers which of
//! their answers still lead nowhere. Joining two fragments fills those in, which is all that `and`, `or` and `not`
//! are.

use super::lex::{Operator, Relation, Spanned, Token, tokens};
use super::names::{self, Vocabulary, nearest};
use super::program::{ACCEPT, Direction, Family, Field, Program, REJECT, Step, Sum, Test};
use super::{Filter, FilterError};
use crate::Address;

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<Program, FilterError> {
    let program = tokens(text).and_then(|tokens| {
        let parser =
            Parser { closes: closes(&tokens)?, tokens, at: 0, steps: Vec::new(), depth: 0, last: None };
        parser.whole()
    });
    // Until here positions are bytes.
    program.map_err(|mut error| {
        error.position = text.char_indices().take_while(|(at, _)| *at < error.position).count();
        error
    })
}

/// For every opening parenthesis the token behind its closing one.
pub(super) fn closes(tokens: &[Spanned<'_>]) -> Result<Vec<usize>, FilterError> {
    let mut closes = vec![0; tokens.len()];
    let mut open = Vec::new();
    for (index, (token, position)) in tokens.iter().enumerate() {
        match token {
            Token::Open => open.push((index, *position)),
            Token::Close => {
                let Some((start, _)) = open.pop() else {
                    return Err(error(*position, "`)` without `(`"));
                };
                if let Some(close) = closes.get_mut(start) {
                    *close = index + 1;
                }
            }
            _ => {}
        }
    }
    match open.pop() {
        Some((_, position)) => Err(error(position, "`(` without `)`")),
        None => Ok(closes),
    }
}

pub(super) fn error(position: usize, what: impl Into<String>) -> FilterError {
    FilterError { what: what.into(), position }
}

/// A part of the program whose ends are open: the steps whose `yes` or `no` leads nowhere yet. The flag says which
/// of the two answers of the step it is.
#[derive(Debug, Default)]
pub(super) struct Fragment {
    start: u32,
    yes: Vec<(u32, bool)>,
    no: Vec<(u32, bool)>,
}

/// What an address or number means: the words in front of it, or in front of an earlier one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Qualifiers<'a> {
    /// `ip`, `tcp`, …
    pub(super) protocol: Option<&'a str>,
    direction: Option<Direction>,
    pub(super) kind: Kind,
}

/// What kind of thing an address or number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Host,
    /// A host too, because no word says otherwise.
    Assumed,
    Net,
    Port,
    PortRange,
    Protocol,
}

pub(super) struct Parser<'a> {
    tokens: Vec<Spanned<'a>>,
    closes: Vec<usize>,
    /// Index of the next token.
    pub(super) at: usize,
    steps: Vec<Step>,
    /// Parentheses and negations around the next token.
    pub(super) depth: usize,
    /// Qualifiers of the last address or number, for one that has none of its own.
    pub(super) last: Option<Qualifiers<'a>>,
}

/// Protocols that are tests of their own, with what they stand for.
const PROTOCOLS: &[(&str, Test)] = &[
    ("ip", Test::Family(Family::V4)),
    ("ip6", Test::Family(Family::V6)),
    ("arp", Test::Family(Family::Arp)),
    ("tcp", Test::Protocol(Family::Ip, 6)),
    ("udp", Test::Protocol(Family::Ip, 17)),
    ("sctp", Test::Protocol(Family::Ip, 132)),
    ("icmp", Test::Protocol(Family::V4, 1)),
    ("icmp6", Test::Protocol(Family::V6, 58)),
    ("igmp", Test::Protocol(Family::V4, 2)),
    ("igrp", Test::Protocol(Family::V4, 9)),
    ("pim", Test::Protocol(Family::Ip, 103)),
    ("vrrp", Test::Protocol(Family::V4, 112)),
    ("carp", Test::Protocol(Family::V4, 112)),
    ("esp", Test::Protocol(Family::Ip, 50)),
];

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    pub(super) fn ahead(&self, n: usize) -> Token<'a> {
        self.tokens.get(self.at + n).map_or(Token::End, |(token, _)| *token)
    }

    /// Position of the next token, in bytes.
    pub(super) fn position(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, position)| *position)
    }

    pub(super) fn fail<T>(&self, what: impl Into<String>) -> Result<T, FilterError> {
        Err(error(self.position(), what))
    }

    /// One level further in.
    pub(super) fn descend(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > Filter::MAX_DEPTH {
            return self.fail(format!(
                "more than {} parentheses and negations inside each other",
                Filter::MAX_DEPTH
            ));
        }
        Ok(())
    }

    pub(super) fn whole(mut self) -> Result<Program, FilterError> {
        if self.peek() == Token::End {
            return Ok(Program { steps: Box::default(), start: ACCEPT });
        }
        let all = self.expression()?;
        match self.peek() {
            Token::End => {}
            Token::Word(word, _) => {
                return match names::left_out(word) {
                    Some(instead) => self.fail(format!("`{word}` is not supported: {instead}")),
                    None => self.fail(format!("`and` or `or` is missing before `{word}`")),
                };
            }
            _ => return self.fail("`and`, `or` or the end was expected"),
        }
        self.patch(&all.yes, ACCEPT);
        self.patch(&all.no, REJECT);
        Ok(Program { steps: self.steps.into(), start: all.start })
    }

    pub(super) fn patch(&mut self, ends: &[(u32, bool)], target: u32) {
        for (index, answer) in ends {
            if let Some(step) = self.steps.get_mut(*index as usize) {
                *(if *answer { &mut step.yes } else { &mut step.no }) = target;
            }
        }
    }

    /// Adds a test.
    pub(super) fn test(&mut self, test: Test) -> Fragment {
        let index = self.steps.len() as u32;
        self.steps.push(Step { test, yes: REJECT, no: REJECT });
        Fragment { start: index, yes: vec![(index, true)], no: vec![(index, false)] }
    }

    /// Terms with `and` and `or` between them, which bind alike, from left to right.
    pub(super) fn expression(&mut self) -> Result<Fragment, FilterError> {
        let mut left = self.term()?;
        loop {
            let both = match self.peek() {
                Token::And => true,
                Token::Or => false,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.term()?;
            if both {
                self.patch(&left.yes, right.start);
                left.yes = right.yes;
                left.no.extend(right.no);
            } else {
                self.patch(&left.no, right.start);
                left.no = right.no;
                left.yes.extend(right.yes);
            }
        }
    }

    pub(super) fn term(&mut self) -> Result<Fragment, FilterError> {
        match self.peek() {
            Token::Not => self.negation(Self::term),
            Token::Open if self.is_sum() => self.relation(),
            Token::Open => self.parentheses(),
            Token::Operator(Operator::Subtract) => self.relation(),
            Token::Word(word, escaped) => self.primary(word, escaped),
            Token::End => self.fail("the expression ends where a test was expected"),
            _ => self.fail("a test was expected"),
        }
    }

    pub(super) fn negation(
        &mut self,
        inner: fn(&mut Self) -> Result<Fragment, FilterError>,
    ) -> Result<Fragment, FilterError> {
        self.at += 1;
        self.descend()?;
        let Fragment { start, yes, no } = inner(self)?;
        self.depth -= 1;
        Ok(Fragment { start, yes: no, no: yes })
    }

    pub(super) fn parentheses(&mut self) -> Result<Fragment, FilterError> {
        self.at += 1;
        self.descend()?;
        let inner = self.expression()?;
        self.depth -= 1;
        if self.peek() != Token::Close {
            return match self.peek() {
                Token::Word(word, _) => self.fail(format!("`and` or `or` is missing before `{word}`")),
                _ => self.fail("`and`, `or` or `)` was expected"),
            };
        }
        self.at += 1;
        Ok(inner)
    }

    /// True if the parenthesis that starts here holds a number: then an operator or a comparison follows it.
    pub(super) fn is_sum(&self) -> bool {
        let behind =
            self.closes.get(self.at).and_then(|close| self.tokens.get(*close)).map(|(token, _)| *token);
        behind.is_some_and(is_arithmetic)
    }

    /// A word where a test starts.
    pub(super) fn primary(&mut self, word: &'a str, escaped: bool) -> Result<Fragment, FilterError> {
        if escaped || is_id(word) {
            if !escaped && number(word).is_some() && is_arithmetic(self.ahead(1)) && !self.is_prefix() {
                return self.relation();
            }
            return self.inherited(word);
        }
        match word {
            "len" => return self.relation(),
            "vlan" => return self.vlan(),
            "tunnel" => return self.tunnel(),
            "less" | "greater" => return self.length(word),
            "src" | "dst" | "host" | "net" | "port" | "portrange" | "proto" => return self.qualified(None),
            "mask" => return self.fail("`mask` belongs behind `net ADDRESS`"),
            _ => {}
        }
        if self.ahead(1) == Token::OpenBracket || names::number(word).is_some() {
            return self.relation();
        }
        if let Some((name, test)) = PROTOCOLS.iter().find(|(name, _)| *name == word) {
            return self.protocol(name, test);
        }
        if let Some(instead) = names::left_out(word) {
            return self.fail(format!("`{word}` is not supported: {instead}"));
        }
        // After `host`, `port`, …: a name without words of its own.
        if let Some(last) = self.last
            && (last.kind == Kind::Port && names::port(word).is_some()
                || last.kind == Kind::Protocol && names::protocol(word).is_some()
                || last.kind == Kind::PortRange && word.contains('-'))
        {
            return self.id(last);
        }
        if names::port(word).is_some() {
            return self.fail(format!("`{word}` is a port; write `port {word}`"));
        }
        if names::tunnel(word).is_some() {
            return self.fail(format!("`{word}` is a kind of tunnel; write `tunnel {word}`"));
        }
        if names::protocol(word).is_some() {
            return self.fail(format!("`{word}` is a protocol; write `proto {word}`"));
        }
        self.unknown("word", word, Vocabulary::Keywords)
    }

    pub(super) fn unknown<T>(
        &self,
        what: &str,
        word: &str,
        vocabulary: Vocabulary,
    ) -> Result<T, FilterError> {
        match nearest(word, vocabulary) {
            Some(near) => self.fail(format!("unknown {what} `{word}`, perhaps `{near}`?")),
            None => self.fail(format!("unknown {what} `{word}`")),
        }
    }

    /// True if the number that starts here is a network with its prefix length.
    pub(super) fn is_prefix(&self) -> bool {
        self.ahead(1) == Token::Slash && self.last.is_some_and(|last| last.kind == Kind::Net)
    }

    /// An address or a number that has no words of its own.
    pub(super) fn inherited(&mut self, word: &'a str) -> Result<Fragment, FilterError> {
        match self.last {
            Some(last) => self.id(last),
            None if word.contains(['.', ':']) => self.fail(format!("write `host {word}` or `net {word}`")),
            None => self.fail(format!("write `host`, `net` or `port` before `{word}`")),
        }
    }

    /// A protocol: a test by itself, or a qualifier.
    pub(super) fn protocol(&mut self, name: &'static str, test: &Test) -> Result<Fragment, FilterError> {
        match self.ahead(1) {
            Token::Word(
                "src" | "dst" | "host" | "net" | "port" | "portrange" | "proto" | "protochain",
                false,
            ) => {
                self.at += 1;
                self.qualified(Some(name))
            }
            Token::Word(word, _) if is_id(word) => {
                self.at += 1;
                let kind = if word.contains(['.', ':']) { "host" } else { "port" };
                self.fail(format!("write `{name} {kind} {word}`"))
            }
            Token::Word(word @ ("multicast" | "broadcast" | "gateway"), _) => {
                self.at += 1;
                let instead = names::left_out(word).unwrap_or_default();
                self.fail(format!("`{name} {word}` is not supported: {instead}"))
            }
            _ => {
                self.at += 1;
                self.last = None;
                Ok(self.test(test.clone()))
            }
        }
    }

    /// Direction, kind, and what they are about.
    pub(super) fn qualified(&mut self, protocol: Option<&'a str>) -> Result<Fragment, FilterError> {
        let start = self.position();
        let direction = self.direction();
        let kind = match self.peek() {
            Token::Word("host", false) => Kind::Host,
            Token::Word("net", false) => Kind::Net,
            Token::Word("port", false) => Kind::Port,
            Token::Word("portrange", false) => Kind::PortRange,
            Token::Word("proto", false) => Kind::Protocol,
            Token::Word(word, false) if names::left_out(word).is_some() => {
                let instead = names::left_out(word).unwrap_or_default();
                return self.fail(format!("`{word}` is not supported: {instead}"));
            }
            _ => Kind::Assumed,
        };
        if kind != Kind::Assumed {
            self.at += 1;
        }
        let fits = match (kind, protocol) {
            (_, None) => true,
            (Kind::Host | Kind::Assumed | Kind::Net, Some(name)) => matches!(name, "ip" | "ip6" | "arp"),
            (Kind::Port | Kind::PortRange, Some(name)) => matches!(name, "tcp" | "udp" | "sctp"),
            (Kind::Protocol, Some(name)) => matches!(name, "ip" | "ip6"),
        };
        if !fits {
            let (kind, name) = (kind_name(kind), protocol.unwrap_or_default());
            return Err(error(
                start,
                format!("`{name}` and `{kind}` do not go together; write `{name} and {kind} …`"),
            ));
        }
        if kind == Kind::Protocol && direction.is_some() {
            return Err(error(start, "`proto` has no `src` or `dst`"));
        }
        self.id(Qualifiers { protocol, direction, kind })
    }

    /// `src`, `dst`, `src or dst`, `src and dst`.
    pub(super) fn direction(&mut self) -> Option<Direction> {
        let direction = match self.peek() {
            Token::Word("src", false) => Direction::Source,
            Token::Word("dst", false) => Direction::Destination,
            _ => return None,
        };
        let other = if direction == Direction::Source { "dst" } else { "src" };
        let both = match (self.ahead(1), self.ahead(2)) {
            (Token::Or, Token::Word(word, false)) if word == other => Direction::Either,
            (Token::And, Token::Word(word, false)) if word == other => Direction::Both,
            _ => {
                self.at += 1;
                return Some(direction);
            }
        };
        self.at += 3;
        Some(both)
    }

    /// An address, number or name, or several of them in parentheses.
    pub(super) fn id(&mut self, qualifiers: Qualifiers<'a>) -> Result<Fragment, FilterError> {
        self.last = Some(qualifiers);
        let word = match self.peek() {
            Token::Word(word, _) => word,
            Token::Not => {
                return self.negation(|parser| match parser.last {
                    Some(last) => parser.id(last),
                    None => parser.term(),
                });
            }
            Token::Open => return self.parentheses(),
            _ => {
                return self.fail(format!(
                    "`{}` needs {}",
                    kind_name(qualifiers.kind),
                    kind_wants(qualifiers.kind)
                ));
            }
        };
        let direction = qualifiers.direction.unwrap_or(Direction::Either);
        let protocol = match qualifiers.protocol {
            Some("tcp") => 6,
            Some("udp") => 17,
            Some("sctp") => 132,
            _ => 0,
        };
        let test = match qualifiers.kind {
            Kind::Host | Kind::Assumed => {
                let (network, family) = self.host(word, qualifiers)?;
                Test::Address { direction, family, network, mask: Address::MAX }
            }
            Kind::Net => {
                let (network, mask, family) = self.net(word, qualifiers)?;
                Test::Address { direction, family, network, mask }
            }
            Kind::Port => {
                let port = self.port(word)?;
                Test::Ports { direction, protocol, low: port, high: port }
            }
            Kind::PortRange => {
                let (low, high) = self.port_range(word)?;
                Test::Ports { direction, protocol, low: low.min(high), high: low.max(high) }
            }
            Kind::Protocol => {
                let family = match qualifiers.protocol {
                    Some("ip") => Family::V4,
                    Some("ip6") => Family::V6,
                    _ => Family::Ip,
                };
                Test::Protocol(family, self.protocol_number(word)?)
            }
        };
        self.at += 1;
        Ok(self.test(test))
    }

    /// `vlan`, `vlan ID`.
    pub(super) fn vlan(&mut self) -> Result<Fragment, FilterError> {
        self.at += 1;
        self.last = None;
        let mut id = None;
        if let Token::Word(word, false) = self.peek()
            && let Some(number) = number(word)
        {
            if number > 4095 {
                return self.fail(format!("VLAN {word} is more than 4095"));
            }
            id = Some(number as u16);
            self.at += 1;
        }
        Ok(self.test(Test::Vlan(id)))
    }

    /// `tunnel`, `tunnel KIND`, `tunnel ID`, `tunnel KIND ID`.
    pub(super) fn tunnel(&mut self) -> Result<Fragment, FilterError> {
        self.at += 1;
        self.last = None;
        let (mut kind, mut id) = (None, None);
        if let Token::Word(word, _) = self.peek()
            && number(word).is_none()
        {
            kind = names::tunnel(word);
            if kind.is_none() {
                return self.unknown("kind of tunnel", word, Vocabulary::Tunnels);
            }
            self.at += 1;
        }
        if let Token::Word(word, _) = self.peek()
            && let Some(number) = number(word)
        {
            id = Some(number);
            self.at += 1;
        }
        Ok(self.test(Test::Tunnel(kind, id)))
    }

    /// `less N`, `greater N`, both with the number itself.
    pub(super) fn length(&mut self, word: &str) -> Result<Fragment, FilterError> {
        self.at += 1;
        self.last = None;
        let Token::Word(bytes, _) = self.peek() else {
            return self.fail(format!("`{word}` needs a length in bytes"));
        };
        let Some(bytes) = number(bytes) else {
            return self.fail(format!("`{word}` needs a length in bytes, not `{bytes}`"));
        };
        self.at += 1;
        let relation = if word == "less" { Relation::LessOrEqual } else { Relation::GreaterOrEqual };
        let (left, right) = (Sum::Masked(Field::Len, u32::MAX), Sum::Constant(bytes));
        Ok(self.test(Test::Compare { left, relation, right }))
    }
}

pub(super) const fn is_arithmetic(token: Token<'_>) -> bool {
    matches!(token, Token::Operator(_) | Token::Slash | Token::Relation(_))
}

pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Host | Kind::Assumed => "host",
        Kind::Net => "net",
        Kind::Port => "port",
        Kind::PortRange => "portrange",
        Kind::Protocol => "proto",
    }
}

pub(super) const fn kind_wants(kind: Kind) -> &'static str {
    match kind {
        Kind::Host | Kind::Assumed => "an address",
        Kind::Net => "a network such as 10.0.0.0/8",
        Kind::PortRange => "a range such as 6000-6008",
        Kind::Port | Kind::Protocol => "a number or name",
    }
}

/// True for what can only be an address, a number or a range of numbers.
pub(super) fn is_id(word: &str) -> bool {
    word.contains(':')
        || word.starts_with(|first: char| first.is_ascii_digit()) && names::tunnel(word).is_none()
        || word.contains('.')
}

/// Decimal, hexadecimal behind `0x`, octal behind `0`, as in C.
pub(super) fn number(word: &str) -> Option<u32> {
    let (digits, radix) = match word.as_bytes() {
        [b'0', b'x' | b'X', ..] => (word.get(2..)?, 16),
        [b'0', _, ..] => (word.get(1..)?, 8),
        _ => (word, 10),
    };
    // A sign is no digit, though the standard library takes it for one.
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}
