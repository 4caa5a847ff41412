//! Any bytes as datagrams of QUIC. What is encrypted stands in the clear here: no fuzzer finds a key.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::hearing_is_safe(false, &[443], data));
