//! Files that are cut or changed anywhere.

use super::make::one_of_each;
use super::{Batch, open, read};

#[test]
fn whole_files_have_all_their_packets() {
    for (packets, file) in one_of_each() {
        assert_eq!(read(&file).sound().packets.len(), packets);
    }
}

#[test]
fn every_truncation_is_an_error_or_a_clean_end() {
    for (packets, file) in one_of_each() {
        let mut most = 0;
        for cut in 0..file.len() {
            let read = read(file.get(..cut).unwrap());
            assert!(read.packets.len() >= most || read.packets.is_empty(), "more bytes give more packets");
            most = most.max(read.packets.len());
            assert!(read.packets.len() <= packets);
            if let Some(offset) = read.error.and_then(|error| error.offset()) {
                assert!(offset <= file.len() as u64);
            }
        }
    }
}

#[test]
fn no_changed_byte_panics_or_takes_memory_it_has_no_bytes_for() {
    for (_, file) in one_of_each() {
        for at in 0..file.len() {
            let byte = *file.get(at).unwrap();
            for value in [byte ^ 0x01, byte ^ 0x80, !byte, 0, 0x7f, 0xff] {
                let mut file = file.clone();
                *file.get_mut(at).unwrap() = value;
                let Ok(mut reader) = open(&file) else { continue };
                let mut batch = Batch::default();
                loop {
                    match reader.next_batch(&mut batch) {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => assert!(!error.to_string().is_empty()),
                    }
                    assert!(batch.packets().all(|p| p.data.len() == p.frame.captured_len as usize));
                }
                assert!(batch.data.capacity() <= 2 << 20, "{}", batch.data.capacity());
            }
        }
    }
}
