//! Any bytes as a packet of any link type.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::decoding_is_safe(data));
