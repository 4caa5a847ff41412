//! Temporary.
#![allow(clippy::all, clippy::pedantic, clippy::disallowed_methods, clippy::print_stdout)]
use capkeep_pcap::*;
use std::path::Path;
fn main() {
    for p in std::env::args().skip(1) {
        let mut n = 0u64; let (mut w, mut c) = (0u64, 0u64);
        let (mut lo, mut hi, mut first) = (i64::MAX, i64::MIN, None);
        let mut err = String::new(); let mut facts = None;
        let r = if p == "-" { Reader::new(Box::new(std::io::stdin())) } else { Reader::open(Path::new(&p)) };
        let mut lt = std::collections::BTreeMap::new();
        match r {
            Err(e) => err = format!("{e} / {:?}", e),
            Ok(mut r) => {
                let mut b = Batch::default();
                loop {
                    match r.next_batch(&mut b) {
                        Ok(true) => for p in b.packets() {
                            n += 1; w += p.frame.wire_len as u64; c += p.data.len() as u64;
                            *lt.entry(p.frame.link_type.to_string()).or_insert(0u64) += 1;
                            if first.is_none() { first = Some(p.frame.timestamp); }
                            lo = lo.min(p.frame.timestamp.nanos()); hi = hi.max(p.frame.timestamp.nanos());
                        },
                        Ok(false) => break,
                        Err(e) => { err = format!("{e} / {:?}", e); }
                    }
                }
                facts = Some(format!("{:?} read {} offset {} hint {:?}", r.facts(), r.bytes_read(), r.offset(), r.size_hint()));
            }
        }
        let t = |n| Timestamp::from_nanos(n).to_string();
        println!("{p}\t{n}\t{w}\t{c}\t{}\t{}\t{}\t{err}\t{lt:?}\t{}", t(lo), t(hi), first.unwrap_or_default(), facts.unwrap_or_default());
    }
}
