//! SSH: the lines both ends begin with (RFC 4253, section 4.2).

use super::said::Said;
use super::text::text;

/// What a flow said in SSH before it encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The client's line (`SSH-2.0-OpenSSH_9.2p1`), not printable bytes as `\DDD`.
    pub client: Option<Box<str>>,
    /// The server's line.
    pub server: Option<Box<str>>,
}

/// What stands between version and comment of a line: the software.
pub fn ssh_software(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("SSH-")?;
    let (_, software) = rest.split_once('-')?;
    software.split(' ').next().filter(|software| !software.is_empty())
}

/// SSH of a flow while it lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Talk {
    lines: [Option<Box<str>>; 2],
    packets: u8,
}

/// Most packets that are looked at (chosen: the line is the first thing an end says).
const MOST_PACKETS: u8 = 8;

/// True if this is the beginning of such a line.
pub(crate) fn is_start(payload: &[u8]) -> bool {
    matches!(payload, [b'S', b'S', b'H', b'-', b'1' | b'2', b'.', ..])
}

impl Talk {
    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>) {
        self.packets = self.packets.saturating_add(1);
        if let Some(line) = self.lines.get_mut(said.from)
            && line.is_none()
            && is_start(said.payload)
        {
            let end = said.payload.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            *line = said.payload.get(..end.unwrap_or(said.payload.len())).map(text);
        }
    }

    /// True if there is nothing more to hear.
    pub(crate) fn is_over(&self) -> bool {
        self.packets >= MOST_PACKETS || self.lines.iter().all(Option::is_some)
    }

    /// What was said, by the end that is the client.
    pub(crate) fn tell(self, client: usize) -> Ssh {
        let [low, high] = self.lines;
        if client == 0 { Ssh { client: low, server: high } } else { Ssh { client: high, server: low } }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_start, ssh_software};

    #[test]
    fn software_is_told_from_version_and_comment() {
        assert_eq!(ssh_software("SSH-2.0-OpenSSH_9.2p1 Debian-2"), Some("OpenSSH_9.2p1"));
        assert_eq!(ssh_software("SSH-2.0-"), None);
        assert!(is_start(b"SSH-2.0-x") && is_start(b"SSH-1.99-x") && !is_start(b"SSH-") && !is_start(b""));
    }
}
