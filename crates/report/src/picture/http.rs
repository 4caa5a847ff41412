//! What is asked of web servers in the clear?

use super::{Chapter, Picture};
use crate::drawing::{Bars, Unit};
use crate::table::{Block, Facts};
use crate::value::Value;

/// Rows of charts (chosen).
const ROWS: usize = 15;

pub(super) struct Http;

impl Chapter for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn title(&self) -> &'static str {
        "HTTP"
    }

    fn about(&self) -> &'static str {
        "What is asked of web servers in the clear, and what do they answer?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let http = &picture.apps.http;
        if http.flows == 0 {
            return Vec::new();
        }
        let mut facts = Facts { title: "HTTP in all".into(), lines: Vec::new() };
        let time = |thousandths| {
            let ns = http.latency_ns.quantile(thousandths);
            ns.map_or(Value::Nothing, |ns| Value::Span(i64::try_from(ns).unwrap_or(i64::MAX)))
        };
        facts.line("requests", vec![Value::Count(http.requests)]);
        facts.line("answers", vec![Value::Count(http.responses)]);
        facts.line(
            "answered within",
            vec![Value::text("half of them"), time(500), Value::text("95 %"), time(950)],
        );
        let mut blocks = vec![Block::Facts(facts)];
        let mut bars = |title: &str, of: &'static str, unit: Unit, mut counts: Vec<(String, u64)>| {
            counts.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
            let bars: Vec<_> =
                counts.into_iter().take(ROWS).map(|(name, n)| (Value::text(name), n)).collect();
            if !bars.is_empty() {
                blocks.push(Block::Bars(Bars { title: title.into(), unit, of, bars, notes: Vec::new() }));
            }
        };
        let codes = http.codes.iter().map(|(code, n)| (code.to_string(), *n)).collect();
        bars("Status codes", "status", Unit::Things("answers"), codes);
        let hosts = http.hosts.heaviest(ROWS).into_iter().map(|(host, n)| (host.clone(), *n)).collect();
        bars("Hosts asked", "host", Unit::Things("requests"), hosts);
        blocks
    }
}
