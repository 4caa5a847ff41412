//! Are names resolved?

use capkeep_flow::{dns_rcode_name, dns_type_name};

use super::{Chapter, Picture};
use crate::drawing::{Bars, Unit};
use crate::table::{Block, Column, Facts, Table};
use crate::value::Value;

/// Rows of tables (chosen).
const ROWS: usize = 15;

pub(super) struct Dns;

impl Chapter for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn title(&self) -> &'static str {
        "DNS"
    }

    fn about(&self) -> &'static str {
        "Are names resolved, and how fast?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let dns = &picture.apps.dns;
        if dns.flows == 0 {
            return Vec::new();
        }
        let mut facts = Facts { title: "DNS in all".into(), lines: Vec::new() };
        let time = |thousandths| {
            let ns = dns.latency_ns.quantile(thousandths);
            ns.map_or(Value::Nothing, |ns| Value::Span(i64::try_from(ns).unwrap_or(i64::MAX)))
        };
        facts.line("questions", vec![Value::Count(dns.queries)]);
        facts.line("answers", vec![Value::Count(dns.responses)]);
        facts.line(
            "without answer",
            vec![Value::Count(dns.unanswered), Value::share(dns.unanswered, dns.queries)],
        );
        facts.line(
            "answered within",
            vec![Value::text("half of them"), time(500), Value::text("95 %"), time(950)],
        );
        let mut blocks = vec![Block::Facts(facts)];
        let bars = |title: &str, of: &'static str, counts: Vec<(String, u64)>| {
            let mut counts = counts;
            counts.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
            let bars: Vec<_> =
                counts.into_iter().take(ROWS).map(|(name, n)| (Value::text(name), n)).collect();
            Block::Bars(Bars {
                title: title.into(),
                unit: Unit::Things("messages"),
                of,
                bars,
                notes: Vec::new(),
            })
        };
        if !dns.rcodes.is_empty() {
            let codes = dns.rcodes.iter().map(|(code, n)| (dns_rcode_name(*code).to_string(), *n)).collect();
            blocks.push(bars("Answers", "answer", codes));
        }
        if !dns.types.is_empty() {
            let types = dns.types.iter().map(|(kind, n)| (dns_type_name(*kind).to_string(), *n)).collect();
            blocks.push(bars("Questions by type", "type", types));
        }
        let failing = dns.failing.heaviest(ROWS);
        if !failing.is_empty() {
            let rows = failing.iter().map(|(name, of)| {
                vec![
                    Value::text(*name),
                    Value::Count(of.missing),
                    Value::Count(of.errors),
                    Value::Count(of.unanswered),
                ]
            });
            blocks.push(Block::Table(Table {
                title: "Names that fail".into(),
                columns: vec![
                    Column::words("name"),
                    Column::number("no such name"),
                    Column::number("failures"),
                    Column::number("no answer"),
                ],
                notes: super::rest(rows.len(), dns.failing.rows.len(), dns.failing.dropped, "names"),
                rows: rows.collect(),
            }));
        }
        let servers = dns.servers.heaviest(ROWS);
        if !servers.is_empty() {
            let rows = servers.iter().map(|(ip, of)| {
                vec![
                    Value::text(ip.to_string()),
                    Value::Count(of.queries),
                    Value::Count(of.responses),
                    Value::Count(of.unanswered),
                    Value::Count(of.errors),
                ]
            });
            blocks.push(Block::Table(Table {
                title: "Resolvers".into(),
                columns: vec![
                    Column::words("resolver"),
                    Column::number("questions"),
                    Column::number("answers"),
                    Column::number("no answer"),
                    Column::number("failures"),
                ],
                rows: rows.collect(),
                notes: Vec::new(),
            }));
        }
        blocks
    }
}
