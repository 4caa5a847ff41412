//! Comparisons of numbers: `len > 100`, `tcp[tcpflags] & tcp-syn != 0`.

use super::FilterError;
use super::lex::{Operator, Token};
use super::names::{self, Vocabulary, nearest};
use super::parse::{Fragment, Parser, error, number};
use super::program::{Field, STACK, Sum, Test, Word, apply};

impl Parser<'_> {
    /// Two numbers and a comparison.
    pub(super) fn relation(&mut self) -> Result<Fragment, FilterError> {
        self.last = None;
        let left = self.sum()?;
        let Token::Relation(relation) = self.peek() else {
            return self.fail("a comparison was expected (`=`, `!=`, `<`, `<=`, `>`, `>=`)");
        };
        self.at += 1;
        let right = self.sum()?;
        Ok(self.test(Test::Compare { left, relation, right }))
    }

    pub(super) fn sum(&mut self) -> Result<Sum, FilterError> {
        let start = self.position();
        let mut words = Vec::new();
        self.operators(&mut words, 0)?;
        Sum::new(&words)
            .ok_or_else(|| error(start, format!("more than {STACK} numbers wait for their operator")))
    }

    /// Operands with operators between them that bind at least as tightly as `least`, in postfix order.
    pub(super) fn operators(&mut self, words: &mut Vec<Word>, least: u8) -> Result<(), FilterError> {
        let start = words.len();
        self.operand(words)?;
        loop {
            let operator = match self.peek() {
                Token::Operator(operator) => operator,
                Token::Slash => Operator::Divide,
                _ => return Ok(()),
            };
            let tightness = tightness(operator);
            if tightness < least {
                return Ok(());
            }
            self.at += 1;
            let position = self.position();
            let middle = words.len();
            self.operators(words, tightness + 1)?;
            let constants = (words.get(start..middle), words.get(middle..));
            if matches!(
                (operator, constants.1),
                (Operator::Divide | Operator::Modulo, Some([Word::Number(0)]))
            ) {
                return Err(error(position, "division by zero"));
            }
            if let (Some([Word::Number(left)]), Some([Word::Number(right)])) = constants
                && let Some(folded) = apply(operator, *left, *right)
            {
                words.truncate(start);
                words.push(Word::Number(folded));
            } else {
                words.push(Word::Operator(operator));
            }
        }
    }

    pub(super) fn operand(&mut self, words: &mut Vec<Word>) -> Result<(), FilterError> {
        match self.peek() {
            Token::Operator(Operator::Subtract) => {
                self.at += 1;
                self.descend()?;
                let start = words.len();
                words.push(Word::Number(0));
                self.operand(words)?;
                if let Some([_, Word::Number(number)]) = words.get(start..) {
                    let negative = number.wrapping_neg();
                    words.truncate(start);
                    words.push(Word::Number(negative));
                } else {
                    words.push(Word::Operator(Operator::Subtract));
                }
                self.depth -= 1;
                Ok(())
            }
            Token::Open => {
                self.at += 1;
                self.descend()?;
                self.operators(words, 0)?;
                self.depth -= 1;
                if self.peek() != Token::Close {
                    return self.fail("an operator or `)` was expected");
                }
                self.at += 1;
                Ok(())
            }
            Token::Word(word, _) => {
                if let Some(number) = number(word).or_else(|| names::number(word)) {
                    words.push(Word::Number(number));
                } else if word == "len" {
                    words.push(Word::Field(Field::Len));
                } else if self.ahead(1) == Token::OpenBracket {
                    words.push(Word::Field(self.field(word)?));
                } else if let Some(near) = nearest(word, Vocabulary::Keywords) {
                    return self.fail(format!("`{word}` is not a number, perhaps `{near}`?"));
                } else {
                    return self.fail(format!("`{word}` is not a number"));
                }
                self.at += 1;
                Ok(())
            }
            Token::End => self.fail("the expression ends where a number was expected"),
            _ => self.fail("a number was expected"),
        }
    }

    /// `HEADER[OFFSET]` or `HEADER[OFFSET:SIZE]`. Leaves the closing bracket to be taken.
    pub(super) fn field(&mut self, header: &str) -> Result<Field, FilterError> {
        let start = self.position();
        self.at += 2;
        let Sum::Constant(offset) = self.sum()? else {
            return Err(error(start, format!("the offset in `{header}[…]` has to be a constant")));
        };
        let mut size = 1;
        if self.peek() == Token::Colon {
            self.at += 1;
            size = match self.peek() {
                Token::Word("1", _) => 1,
                Token::Word("2", _) => 2,
                Token::Word("4", _) => 4,
                _ => return self.fail("the size behind `:` is 1, 2 or 4"),
            };
            self.at += 1;
        }
        if self.peek() != Token::CloseBracket {
            return self.fail("`]` was expected");
        }
        let what =
            if size == 1 { format!("{header}[{offset}]") } else { format!("{header}[{offset}:{size}]") };
        Field::at(header, offset, size).ok_or_else(|| {
            let instead = match header {
                "tcp" => "of TCP there are tcp[tcpflags], tcp[0:2] and tcp[2:2] (ports), tcp[4:4] (sequence number), tcp[8:4] (acknowledgement) and tcp[14:2] (window)".into(),
                "udp" | "sctp" => format!("there are {header}[0:2] and {header}[2:2], the ports; use `len` for lengths"),
                "icmp" => "of ICMP there are icmp[icmptype] and icmp[icmpcode]".into(),
                "icmp6" => "of ICMPv6 there are icmp6[icmp6type] and icmp6[icmp6code]".into(),
                "ip" => "of IPv4 there are ip[8] (TTL), ip[9] (protocol), ip[12:4] and ip[16:4] (addresses); use `len` for lengths".into(),
                "ip6" => "of IPv6 there is ip6[7] (hop limit); use `ip6 proto`, `ip6 host` or `len`".into(),
                _ => names::left_out(header).map_or_else(
                    || "there are fields of ip, ip6, tcp, udp, sctp, icmp and icmp6".to_owned(),
                    str::to_owned,
                ),
            };
            error(start, format!("`{what}` is not supported, only some header fields are kept: {instead}"))
        })
    }
}

/// How tightly an operator binds, as in libpcap's grammar.
const fn tightness(operator: Operator) -> u8 {
    match operator {
        Operator::Or => 1,
        Operator::Xor => 2,
        Operator::And => 3,
        Operator::Left | Operator::Right => 4,
        Operator::Add | Operator::Subtract => 5,
        Operator::Multiply | Operator::Divide | Operator::Modulo => 6,
    }
}
