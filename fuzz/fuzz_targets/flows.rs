//! Any bytes as a whole capture file, down to its flows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::analysis_adds_up(data));
