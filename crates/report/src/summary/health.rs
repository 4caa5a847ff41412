//! TCP health over all flows, and what of the capture stands in its way.

use capkeep_flow::{Analysis, TcpTotals};

use super::{Section, View};
use crate::table::{Block, Facts};
use crate::value::{Value, count, counted, span};

pub(super) struct Health;

impl Section for Health {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn about(&self) -> &'static str {
        "how well did TCP do, and can the capture be trusted in it?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        let tcp = &analysis.tcp;
        if tcp.flows == 0 {
            return Vec::new();
        }
        let mut facts = Facts { title: "TCP".into(), lines: Vec::new() };
        facts.line("capture", capture(tcp));
        facts.line("sent again", sent_again(tcp));
        facts.line("lost", lost(tcp));
        facts.line("late", late(tcp));
        facts.line("stalls", stalls(tcp));
        facts.line("resets", if tcp.resets > 0 { vec![Value::Count(tcp.resets)] } else { Vec::new() });
        vec![Block::Facts(facts)]
    }
}

fn share(part: u64, whole: u64) -> String {
    let share = Value::share(part, whole).words();
    if share.is_empty() { share } else { format!(" ({share})") }
}

/// What undermines everything below.
fn capture(tcp: &TcpTotals) -> Vec<Value> {
    let mut out = Vec::new();
    if tcp.copies > 0 {
        let words = format!(
            "{} that the capture holds twice, left out below",
            counted(tcp.copies, "packet", "packets")
        );
        out.push(Value::Problem(words));
    }
    if tcp.one_sided > 0 {
        let words = format!("{} of {} one-sided", counted(tcp.one_sided, "flow", "flows"), count(tcp.flows));
        out.push(Value::Problem(words));
    }
    if tcp.acked_unseen > 0 {
        let words = format!(
            "{}{} of bytes not in the capture",
            counted(tcp.acked_unseen, "acknowledgement", "acknowledgements"),
            share(tcp.acked_unseen, tcp.acks)
        );
        out.push(Value::Problem(words));
    }
    if out.is_empty() {
        out.push(Value::text("both directions, nothing missing"));
    }
    out
}

fn sent_again(tcp: &TcpTotals) -> Vec<Value> {
    let all = counted(tcp.retransmissions, "segment", "segments");
    let mut out = vec![Value::Text(format!("{all}{}", share(tcp.retransmissions, tcp.data_segments)))];
    if tcp.timeouts > 0 {
        out.push(Value::Text(format!("{} after a timeout", count(tcp.timeouts))));
    }
    if tcp.spurious > 0 {
        out.push(Value::Text(format!("{} for nothing", count(tcp.spurious))));
    }
    out
}

fn lost(tcp: &TcpTotals) -> Vec<Value> {
    if tcp.lost_before == 0 {
        return Vec::new();
    }
    vec![Value::Text(format!(
        "{} with bytes missing before",
        counted(tcp.lost_before, "segment", "segments")
    ))]
}

fn late(tcp: &TcpTotals) -> Vec<Value> {
    if tcp.out_of_order == 0 {
        return Vec::new();
    }
    let mut out =
        vec![Value::Text(format!("{} out of order", counted(tcp.out_of_order, "segment", "segments")))];
    if tcp.ambiguous > 0 {
        out.push(Value::Text(format!("{} of them may have been sent again", count(tcp.ambiguous))));
    }
    out
}

fn stalls(tcp: &TcpTotals) -> Vec<Value> {
    if tcp.zero_windows == 0 && tcp.window_full == 0 {
        return Vec::new();
    }
    vec![
        Value::Text(format!("{} of zero", counted(tcp.zero_windows, "window", "windows"))),
        Value::Text(format!("{} in all", span(tcp.zero_window_nanos))),
        Value::Text(format!("{} filled", counted(tcp.window_full, "window", "windows"))),
    ]
}
