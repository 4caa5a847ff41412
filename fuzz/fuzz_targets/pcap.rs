//! Any bytes as a libpcap file.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Microseconds, nanoseconds, the modified header and IXIA, in both byte orders.
const MAGICS: &[&[u8]] = &[
    &[0xd4, 0xc3, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xc3, 0xd4],
    &[0x4d, 0x3c, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0x3c, 0x4d],
    &[0x34, 0xcd, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xcd, 0x34],
];

fuzz_target!(|data: &[u8]| {
    capkeep_fuzz::reading_is_sound(&capkeep_fuzz::with_magic(data, MAGICS), false);
});
