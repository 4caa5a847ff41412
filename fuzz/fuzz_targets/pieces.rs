//! Any bytes as a stream, whole and cut into segments.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::pieces_say_the_same(data));
