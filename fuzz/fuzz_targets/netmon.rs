//! Any bytes as a Network Monitor file.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Versions 1 and 2.
const MAGICS: &[&[u8]] = &[b"RTSS", b"GMBU"];

fuzz_target!(|data: &[u8]| {
    capkeep_fuzz::reading_is_sound(&capkeep_fuzz::with_magic(data, MAGICS), false);
});
