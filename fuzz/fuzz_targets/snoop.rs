//! Any bytes as a snoop file.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// With the version: every other is refused.
const MAGICS: &[&[u8]] = &[b"snoop\0\0\0\0\0\0\x02"];

fuzz_target!(|data: &[u8]| {
    capkeep_fuzz::reading_is_sound(&capkeep_fuzz::with_magic(data, MAGICS), false);
});
