//! Any bytes as segments of HTTP, and of protocols of lines that greet.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| capkeep_fuzz::hearing_is_safe(true, &[80, 21, 25, 110, 143, 23], data));
