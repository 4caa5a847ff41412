//! SMB: which dialect both ends agree on (MS-SMB2, section 2.2.4; MS-CIFS for version 1).

use super::said::Said;

/// What a flow said in SMB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Smb {
    /// Dialect that the server chose: 0x0202, 0x0210, 0x0300, 0x0302, 0x0311, or 0x0100 for version 1.
    pub dialect: Option<u16>,
    /// True if the server insists on signatures.
    pub requires_signing: Option<bool>,
    /// True if a packet of version 1 was seen that is no offer to speak a newer one.
    pub has_version_1: bool,
    /// True if an encrypted message was seen.
    pub is_encrypted: bool,
}

impl Smb {
    /// Name of the dialect (`3.1.1`).
    pub const fn dialect_name(&self) -> Option<&'static str> {
        match self.dialect {
            Some(0x0100) => Some("1"),
            Some(0x0202) => Some("2.0.2"),
            Some(0x0210) => Some("2.1"),
            Some(0x02ff) => Some("2.???"),
            Some(0x0300) => Some("3.0"),
            Some(0x0302) => Some("3.0.2"),
            Some(0x0311) => Some("3.1.1"),
            _ => None,
        }
    }

    /// Takes what a packet says.
    pub(super) fn take(&mut self, said: &Said<'_>) {
        match message(said.payload) {
            // Version 2: header 64 bytes, command at 12, flags at 16.
            Some([0xfe, b'S', b'M', b'B', rest @ ..]) => {
                let is_negotiate = rest.get(8..10) == Some(&[0, 0]);
                let is_response = rest.get(12).is_some_and(|flags| flags & 1 != 0);
                if is_negotiate
                    && is_response
                    && let Some([65, 0, mode, _, low, high]) = rest.get(60..66)
                {
                    self.dialect = Some(u16::from_le_bytes([*low, *high]));
                    self.requires_signing = Some(mode & 2 != 0);
                }
            }
            // Version 1: command at 4, flags at 9.
            Some([0xff, b'S', b'M', b'B', command, _, _, _, _, flags, ..]) => {
                if *command != 0x72 {
                    self.has_version_1 = true;
                } else if flags & 0x80 != 0 {
                    self.dialect = self.dialect.or(Some(0x0100));
                    self.has_version_1 = true;
                }
            }
            Some([0xfd, b'S', b'M', b'B', ..]) => self.is_encrypted = true,
            _ => {}
        }
    }
}

/// A message behind its length.
fn message(payload: &[u8]) -> Option<&[u8]> {
    let [0, _, _, _, message @ ..] = payload else { return None };
    Some(message)
}

/// True if this is the beginning of a message.
pub(crate) fn is_start(payload: &[u8]) -> bool {
    matches!(message(payload), Some([0xfc..=0xff, b'S', b'M', b'B', ..]))
}

#[cfg(test)]
mod tests {
    use super::{Smb, is_start};
    use crate::apps::tests::said;

    #[test]
    fn the_server_chooses_a_dialect() {
        let mut response = vec![0, 0, 0, 70, 0xfe, b'S', b'M', b'B'];
        response.resize(4 + 64, 0);
        response[4 + 16] = 1;
        response.extend([65, 0, 3, 0, 0x11, 0x03]);
        let mut smb = Smb::default();
        assert!(is_start(&response));
        smb.take(&said(&response));
        assert_eq!((smb.dialect_name(), smb.requires_signing), (Some("3.1.1"), Some(true)));
        for end in 1..response.len() {
            Smb::default().take(&said(&response[..end]));
        }
    }
}
