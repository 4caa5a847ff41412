//! Any bytes as a packet and a filter for it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::filtering_is_boolean(data));
