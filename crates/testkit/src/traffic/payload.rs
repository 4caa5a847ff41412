//! What the conversations carry.

use crate::{
    random::Random,
    wire::{put16, put32},
};

/// Bytes of the pool (chosen: beyond gzip's window of 32 KiB, so that repeats cost what they cost in real files).
const POOL_LEN: usize = 1 << 20;
/// Longest slice asked for.
const LONGEST: usize = 1500;

/// A stock of bytes that payloads are cut from: half words, half noise, in runs of 4 KiB.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    bytes: Vec<u8>,
}

const WORDS: [&str; 16] = [
    "the ",
    "quick brown ",
    "Content-Type: ",
    "application/json",
    "\r\n",
    "Host: ",
    "example.com",
    "{\"id\":",
    "\"name\":",
    "\"value\",",
    "<div class=",
    "</div>",
    "true",
    "null,",
    "0123456789",
    " the packet ",
];

impl Pool {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x706f_6f6c);
        let mut bytes = vec![0; POOL_LEN];
        for (index, run) in bytes.chunks_mut(4096).enumerate() {
            if index % 2 == 0 {
                random.fill(run);
                continue;
            }
            let mut text = Vec::with_capacity(run.len() + 32);
            while text.len() < run.len() {
                text.extend_from_slice(WORDS[random.below(WORDS.len() as u64) as usize].as_bytes());
            }
            run.copy_from_slice(&text[..run.len()]);
        }
        Self { bytes }
    }

    /// Some `len` bytes of it, at most 1,500.
    pub(super) fn cut(&self, random: &mut Random, len: usize) -> &[u8] {
        let len = len.min(LONGEST);
        let start = random.below((POOL_LEN - len) as u64) as usize;
        &self.bytes[start..start + len]
    }
}

/// A DNS message (RFC 1035 section 4): the query for the address of `h<number>.example.com`, or its answer.
pub(super) fn dns(transaction: u16, number: u64, is_v6: bool, is_answer: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(80);
    put16(&mut out, transaction);
    put16(&mut out, if is_answer { 0x8180 } else { 0x0100 });
    for count in [1, u16::from(is_answer), 0, 0] {
        put16(&mut out, count);
    }
    let host = format!("h{number}");
    for label in [host.as_str(), "example", "com"] {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    let kind = if is_v6 { 28 } else { 1 };
    put16(&mut out, kind);
    put16(&mut out, 1);
    if is_answer {
        put16(&mut out, 0xc00c);
        put16(&mut out, kind);
        put16(&mut out, 1);
        put32(&mut out, 300);
        let address: &[u8] = if is_v6 {
            &[0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        } else {
            &[198, 18, 0, 1]
        };
        put16(&mut out, address.len() as u16);
        out.extend_from_slice(address);
    }
    out
}
