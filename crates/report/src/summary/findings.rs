//! Is it the network, the server, or the capture? What was found, and what to look at next.

use capkeep_detect::{Finding, Findings, Severity, VerdictKind};
use capkeep_flow::Analysis;

use super::{Section, View};
use crate::names::Names;
use crate::table::{Block, Facts};
use crate::value::{Value, counted};

pub(super) struct Story;

impl Section for Story {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn about(&self) -> &'static str {
        "is it the network, the server or the capture; what is wrong, and what to look at next?"
    }

    fn blocks(&self, analysis: &Analysis, view: &View<'_>) -> Vec<Block> {
        let Some(findings) = view.findings else { return Vec::new() };
        let mut blocks = Vec::new();
        blocks.extend(verdicts(findings));
        blocks.push(list(findings, view.top, &Names::of(analysis)));
        if !view.next.is_empty() {
            let mut next = Facts { title: "Next".into(), lines: Vec::new() };
            for line in view.next {
                next.line("", vec![Value::Command(line.clone())]);
            }
            blocks.push(Block::Facts(next));
        }
        blocks
    }
}

fn verdicts(findings: &Findings) -> Option<Block> {
    let all: u64 = findings.verdicts.values().map(|verdict| verdict.flows).sum();
    if all == 0 {
        return None;
    }
    let mut facts =
        Facts { title: format!("Verdict on {}", counted(all, "TCP flow", "TCP flows")), lines: Vec::new() };
    let mut rows: Vec<_> = findings.verdicts.iter().collect();
    rows.sort_by(|a, b| b.1.flows.cmp(&a.1.flows).then(a.0.cmp(b.0)));
    for (kind, verdict) in rows {
        let mut values =
            vec![Value::text(counted(verdict.flows, "flow", "flows")), Value::share(verdict.flows, all)];
        if !matches!(kind, VerdictKind::Fine | VerdictKind::Unknown) {
            let of = if verdict.flows == 1 { "" } else { "the largest: " };
            values.push(Value::text(format!("{of}{}", verdict.verdict.because)));
            values.push(verdict.flow.as_ref().map_or(Value::Nothing, |flow| Value::text(flow.as_str())));
        }
        facts.line(kind.words(), values);
    }
    Some(Block::Facts(facts))
}

fn list(findings: &Findings, top: usize, names: &Names<'_>) -> Block {
    let number =
        |severity| findings.list.iter().filter(|finding| finding.severity == severity).count() as u64;
    let counts: Vec<String> = [
        (Severity::Critical, "critical", "critical"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ]
    .into_iter()
    .filter(|(severity, ..)| number(*severity) > 0)
    .map(|(severity, one, many)| counted(number(severity), one, many))
    .collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    let mut facts = Facts { title: format!("Findings: {counts}"), lines: Vec::new() };
    for (place, finding) in findings.list.iter().enumerate().take(top) {
        let sentence = finding.sentence.clone();
        let told =
            if finding.severity == Severity::Note { Value::Text(sentence) } else { Value::Problem(sentence) };
        facts.line(finding.severity.name(), vec![told]);
        facts.line("", about(finding, findings.number(place), names));
    }
    let more = findings.list.len().saturating_sub(top) as u64 + findings.left_out.values().sum::<u64>();
    if more > 0 {
        facts.line("", vec![Value::text(format!("and {} more", counted(more, "finding", "findings")))]);
    }
    Block::Facts(facts)
}

/// Whom it is about, how it is called, and how sure it is.
fn about(finding: &Finding, number: usize, names: &Names<'_>) -> Vec<Value> {
    let hosts = finding.subject.hosts();
    let beside = match hosts.as_slice() {
        [host] => names.beside(*host),
        hosts => {
            let called: Vec<_> = hosts.iter().map(|host| (host.to_string(), *host)).collect();
            names.beside_each(&called)
        }
    };
    vec![
        Value::text(finding.subject.to_string()),
        beside,
        Value::text(format!("{}:{number}", finding.detector)),
        Value::text(format!("{} confidence", finding.confidence.name())),
    ]
}
