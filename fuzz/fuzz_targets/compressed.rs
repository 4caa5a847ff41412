//! Any bytes in a compressed stream: a damaged stream if they start with its magic, else what is compressed.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// gzip, zstd, LZ4, legacy LZ4, xz.
const MAGICS: &[&[u8]] = &[
    &[0x1f, 0x8b, 8],
    &[0x28, 0xb5, 0x2f, 0xfd],
    &[0x04, 0x22, 0x4d, 0x18],
    &[0x02, 0x21, 0x4c, 0x18],
    &[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
];

fuzz_target!(|data: &[u8]| {
    if MAGICS.iter().any(|magic| data.starts_with(magic)) {
        capkeep_fuzz::reading_is_sound(data, true);
    } else if let Some((choice, file)) = data.split_first() {
        capkeep_fuzz::compression_changes_nothing(file, *choice);
    }
});
