//! Any bytes as packets of DNS, over UDP and over TCP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((is_tcp, data)) = data.split_first() {
        capkeep_fuzz::hearing_is_safe(is_tcp & 1 != 0, &[53, 5353, 5355, 9999], data);
    }
});
