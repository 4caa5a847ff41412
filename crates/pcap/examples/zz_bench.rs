//! Temporary.
#![allow(clippy::all, clippy::pedantic, clippy::disallowed_methods, clippy::print_stdout)]
use capkeep_pcap::*;
use std::path::Path;
use std::time::Instant;
fn main() {
    let p = std::env::args().nth(1).unwrap();
    for _ in 0..5 {
        let t = Instant::now();
        let mut r = Reader::open(Path::new(&p)).unwrap();
        let mut b = Batch::default();
        let (mut n, mut w) = (0u64, 0u64);
        while r.next_batch(&mut b).unwrap() { n += b.frames.len() as u64; w += b.frames[0].wire_len as u64; }
        let e = t.elapsed();
        println!("{n} {w} {:?} {:.2} ns/packet", e, e.as_nanos() as f64 / n as f64);
    }
    // in-cache walk through pcap-parser
    let data = std::fs::read(&p).unwrap();
    let d = &data[24..1 << 20];
    if data[0] == 0xd4 {
        let t = Instant::now(); let mut k = 0u64; let mut v: Vec<Frame> = Vec::new();
        for _ in 0..500 { let mut i = d; v.clear(); let mut used = 0;
            loop { match pcap_parser::parse_pcap_frame(i) { Ok((r, f)) => { let l = i.len() - r.len(); v.push(Frame{timestamp: Timestamp::from_parts(f.ts_sec as i64, f.ts_usec as i64*1000), start: used as u32+16, captured_len: f.caplen, wire_len: f.origlen, interface:0, link_type: LinkType(1), has_time:true}); used += l; i = r; k += 1; } Err(_) => break } } }
        println!("pcap-parser {:.2} ns/record", t.elapsed().as_nanos() as f64 / k as f64);
    }
    if data[0] == 0x0a {
        let mut i = &data[..1<<20]; let mut o = 0; for _ in 0..2 { let (r, _) = pcap_parser::parse_block_le(i).unwrap(); o += i.len() - r.len(); i = r; }
        let d = &data[o..1<<20];
        let t = Instant::now(); let mut k = 0u64; let mut v: Vec<Frame> = Vec::new();
        for _ in 0..500 { let mut i = d; v.clear(); let mut used = 0;
            loop { match pcap_parser::parse_block_le(i) { Ok((r, pcap_parser::Block::EnhancedPacket(f))) => { let l = i.len() - r.len(); v.push(Frame{timestamp: Timestamp::from_parts(f.ts_low as i64, f.ts_high as i64*1000), start: used as u32+16, captured_len: f.caplen, wire_len: f.origlen, interface:0, link_type: LinkType(1), has_time:true}); used += l; i = r; k += 1; } _ => break } } }
        println!("pcap-parser {:.2} ns/record", t.elapsed().as_nanos() as f64 / k as f64);
    }
    // our walk in cache: repeatedly over a small stream
    let small = data[..(1 << 20) - 4096].to_vec();
    let mut b = Batch::default(); let mut n = 0; let t = Instant::now();
    for _ in 0..500 { let mut r = Reader::new(Box::new(std::io::Cursor::new(small.clone()))).unwrap();
        while let Ok(true) = r.next_batch(&mut b) { n += b.frames.len(); } }
    println!("ours incl 2 copies {:.2} ns/record", t.elapsed().as_nanos() as f64 / n as f64);
    let t = Instant::now(); let mut z = Vec::new();
    for _ in 0..500 { z.clear(); z.extend_from_slice(&std::hint::black_box(small.clone())); std::hint::black_box(&z); }
    println!("copies alone {:.2} ns/record", t.elapsed().as_nanos() as f64 / n as f64);
}
