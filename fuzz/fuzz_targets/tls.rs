//! Any bytes as segments of TLS, certificates among them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::hearing_is_safe(true, &[443], data));
