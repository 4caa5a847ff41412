//! Any bytes as a pcapng file.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// The type of a section header, which is the same in both byte orders.
const MAGICS: &[&[u8]] = &[&[0x0a, 0x0d, 0x0d, 0x0a]];

fuzz_target!(|data: &[u8]| {
    capkeep_fuzz::reading_is_sound(&capkeep_fuzz::with_magic(data, MAGICS), false);
});
