//! Any bytes as segments and datagrams of everything else that is recognised: SSH, RDP, SMB, DHCP, NTP, SSDP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((is_tcp, data)) = data.split_first() {
        capkeep_fuzz::hearing_is_safe(is_tcp & 1 != 0, &[22, 3389, 445, 67, 123, 547, 1900], data);
    }
});
