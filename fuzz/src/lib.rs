//! The laws that the fuzz targets hold the program to. Each breaks with a panic.

mod apps;
mod flows;
mod packets;
mod reading;

pub use apps::{hearing_is_safe, pieces_say_the_same};
pub use flows::analysis_adds_up;
pub use packets::{decoding_is_safe, filtering_is_boolean};
pub use reading::{compression_changes_nothing, reading_is_sound};

/// The bytes as a file of one format: as they are if they start with one of its magics, else with one written over
/// their beginning.
pub fn with_magic(data: &[u8], magics: &[&[u8]]) -> Vec<u8> {
    let mut file = data.to_vec();
    if !magics.iter().any(|magic| data.starts_with(magic)) {
        let choice = usize::from(data.first().copied().unwrap_or_default()) % magics.len().max(1);
        let magic = magics.get(choice).copied().unwrap_or_default();
        file.resize(file.len().max(magic.len()), 0);
        file[..magic.len()].copy_from_slice(magic);
    }
    file
}
