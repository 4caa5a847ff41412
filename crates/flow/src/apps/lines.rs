//! Protocols of lines of text: FTP, SMTP, POP3, IMAP, and Telnet, which has none. Whether somebody logged in in the
//! clear is noted; names and passwords never are.

use super::PacketRef;
use super::said::Said;
use super::text::text;

/// Most packets that are looked at (chosen: a login comes in the first exchanges).
const MOST_PACKETS: u8 = 32;

/// Protocols of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ftp,
    Smtp,
    Pop3,
    Imap,
    Telnet,
    /// FTP or SMTP: both greet with 220.
    Greeted,
}

impl Kind {
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Ftp => Some("ftp"),
            Self::Smtp => Some("smtp"),
            Self::Pop3 => Some("pop3"),
            Self::Imap => Some("imap"),
            Self::Telnet => Some("telnet"),
            Self::Greeted => None,
        }
    }

    /// What begins here, if it is one of them.
    pub(crate) fn of(said: &Said<'_>) -> Option<Self> {
        match said.payload {
            [b'2', b'2', b'0', b' ' | b'-', ..] if is_text(said.payload) => Some(Self::of_greeting(said)),
            [b'+', b'O', b'K', b' ' | b'\r', ..] if is_text(said.payload) => Some(Self::Pop3),
            [b'*', b' ', b'O', b'K', b' ', ..] if is_text(said.payload) => Some(Self::Imap),
            // Options are what Telnet begins with (RFC 854): will, will not, do, do not.
            [0xff, 0xfb..=0xfe, 0..=49, 0xff, ..] | [0xff, 0xfb..=0xfe, 0..=49] if said.has_port(23) => {
                Some(Self::Telnet)
            }
            _ => None,
        }
    }

    fn of_greeting(said: &Said<'_>) -> Self {
        if contains(said.payload, b"smtp") || said.has_port(25) || said.has_port(587) {
            Self::Smtp
        } else if contains(said.payload, b"ftp") || said.has_port(21) {
            Self::Ftp
        } else {
            Self::Greeted
        }
    }
}

/// A protocol of lines of a flow while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) kind: Kind,
    pub(crate) banner: Option<Box<str>>,
    /// The packet with a login in the clear.
    pub(crate) login: Option<PacketRef>,
    /// Who was asked for a password (Telnet), or announced one (the lines after AUTH LOGIN).
    asked: Option<usize>,
    packets: u8,
}

impl Talk {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, banner: None, login: None, asked: None, packets: 0 }
    }

    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>) {
        self.packets = self.packets.saturating_add(1);
        if self.packets == 1 && self.kind != Kind::Telnet {
            let end = said.payload.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.banner = said.payload.get(..end.unwrap_or(said.payload.len())).map(text);
            return;
        }
        if self.kind == Kind::Telnet {
            if self.asked == Some(said.from) {
                self.login.get_or_insert(said.packet);
            }
            if contains(said.payload, b"password:") {
                self.asked = Some(1 - said.from.min(1));
            }
            return;
        }
        let line = said.payload.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(|byte| matches!(byte, b' ' | b'\r')).map(<[u8]>::to_ascii_uppercase);
        let (first, second, third) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        if self.kind == Kind::Greeted {
            match first.as_slice() {
                b"EHLO" | b"HELO" => self.kind = Kind::Smtp,
                b"USER" | b"AUTH" | b"FEAT" => self.kind = Kind::Ftp,
                _ => {}
            }
        }
        let is_plain = |word: &[u8]| matches!(word, b"PLAIN" | b"LOGIN");
        let is_login = match self.kind {
            Kind::Ftp => first == b"PASS",
            Kind::Pop3 => first == b"PASS" || first == b"AUTH" && is_plain(&second),
            Kind::Smtp => first == b"AUTH" && is_plain(&second),
            Kind::Imap => second == b"LOGIN" || second == b"AUTHENTICATE" && is_plain(&third),
            Kind::Telnet | Kind::Greeted => false,
        };
        if is_login {
            self.login.get_or_insert(said.packet);
        }
    }

    /// True if there is nothing more to hear.
    pub(crate) fn is_over(&self) -> bool {
        self.packets >= MOST_PACKETS
    }
}

/// True if the beginning is a line of printable characters.
fn is_text(payload: &[u8]) -> bool {
    let line = payload.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    line.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f)
}

/// True if these lower-case letters are in the first 512 bytes, in upper or lower case.
fn contains(payload: &[u8], word: &[u8]) -> bool {
    let payload = payload.get(..512).unwrap_or(payload);
    payload.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{Kind, Talk};
    use crate::apps::tests::said;

    fn hear(lines: &[&[u8]]) -> (Option<&'static str>, bool, Option<Box<str>>) {
        let mut talk = Talk::new(Kind::of(&said(lines[0])).unwrap());
        for line in lines {
            talk.take(&said(line));
        }
        assert!(!format!("{talk:?}").contains("secret"));
        (talk.kind.name(), talk.login.is_some(), talk.banner)
    }

    #[test]
    fn logins_in_the_clear_are_noted_and_never_kept() {
        assert_eq!(
            hear(&[b"220 x\r\n", b"USER a\r\n", b"PASS secret\r\n"]),
            (Some("ftp"), true, Some("220 x".into()))
        );
        assert!(hear(&[b"220 mail ESMTP\r\n", b"AUTH PLAIN secret\r\n"]).1);
        assert!(!hear(&[b"220 mail ESMTP\r\n", b"EHLO x\r\n", b"STARTTLS\r\n"]).1);
        assert_eq!(hear(&[b"+OK hello\r\n", b"USER a\r\n", b"PASS secret\r\n"]).0, Some("pop3"));
        assert!(hear(&[b"* OK ready\r\n", b"a1 login a secret\r\n"]).1);
        assert_eq!(Kind::of(&said(b"220 \x1b[31m\r\n")), None);
    }
}
