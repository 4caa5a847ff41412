//! Tables that stay bounded: what is folded away is in the rest, and the heaviest stay exact.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use capkeep_flow::{HostCounts, Top};

fn address(n: u32) -> IpAddr {
    if n.is_multiple_of(3) {
        Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(n)).into()
    } else {
        Ipv4Addr::from_bits(n).into()
    }
}

fn bytes(n: u64) -> HostCounts {
    HostCounts { flows: 1, sent_wire_bytes: n, ..HostCounts::default() }
}

type Hosts = Top<IpAddr, HostCounts>;

#[test]
fn the_heaviest_of_many_stay_exact_and_nothing_is_lost() {
    let heavy = |n: u32| n.is_multiple_of(1000);
    let mut table = Hosts::default();
    let mut sum = 0;
    for round in 0..3 {
        for n in 0..100_000 {
            let weight = if heavy(n) { 1_000_000 + u64::from(n) } else { 1 + u64::from(n % 7) + round };
            table.add(address(n), &bytes(weight));
            sum += weight;
        }
    }
    assert!(!table.is_exact() && table.len() <= Hosts::MAX_KEYS, "{} keys", table.len());
    let top = table.heaviest(100);
    let expected: Vec<(IpAddr, u64)> = (0..100_000)
        .rev()
        .filter(|n| heavy(*n))
        .map(|n| (address(n), 3 * (1_000_000 + u64::from(n))))
        .collect();
    let found: Vec<(IpAddr, u64)> = top.iter().map(|(ip, counts)| (*ip, counts.sent_wire_bytes)).collect();
    assert_eq!(found, expected);
    let held: u64 = table.heaviest(usize::MAX).iter().map(|(_, counts)| counts.sent_wire_bytes).sum();
    assert_eq!(held + table.others().0.sent_wire_bytes, sum);
}

#[test]
fn equal_weights_are_told_in_the_order_of_their_keys() {
    let mut table = Hosts::default();
    for n in (0..1000).rev() {
        table.add(address(n), &bytes(5));
    }
    let mut expected: Vec<IpAddr> = (0..1000).map(address).collect();
    expected.sort_unstable();
    for n in [0, 1, 10, 999, 1000, 1001] {
        let found: Vec<IpAddr> = table.heaviest(n).into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, expected.get(..n.min(1000)).unwrap_or_default(), "the heaviest {n}");
    }
}

#[test]
fn a_table_that_is_full_folds_the_lightest_whatever_the_order() {
    let count = (Hosts::MAX_KEYS + 1) as u32;
    let fill = |keys: &mut dyn Iterator<Item = u32>| {
        let mut table = Hosts::default();
        keys.for_each(|n| table.add(address(n), &bytes(u64::from(n / 10))));
        (table.heaviest(usize::MAX), table.others().1)
    };
    let (rows, folded) = fill(&mut (0..count));
    assert_eq!(rows.len(), Hosts::MAX_KEYS / 2);
    assert_eq!(folded as usize, Hosts::MAX_KEYS + 1 - rows.len());
    assert!(fill(&mut (0..count).rev()) == (rows, folded), "the order of adding changes what is kept");
}
