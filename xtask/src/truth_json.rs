//! What is known of a generated file, as JSON.

use std::fmt::Write;

use capkeep_testkit::{Detail, DirectionTruth, Expected, FlowTruth, Truth, Variant};

/// A number or `null`.
fn number(value: Option<i64>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

fn direction(d: &DirectionTruth) -> String {
    format!(
        r#"{{"packets":{},"wire_bytes":{},"payload_bytes":{},"tcp_flags":{},"initial_sequence":{}}}"#,
        d.packets,
        d.wire_bytes,
        d.payload_bytes,
        d.tcp_flags,
        number(d.initial_sequence.map(i64::from))
    )
}

fn flow(f: &FlowTruth) -> String {
    format!(
        r#"{{"protocol":"{}","client":"{}","client_port":{},"server":"{}","server_port":{},"to_server":{},"to_client":{},"first_ns":{},"last_ns":{},"conn_state":"{}"}}"#,
        f.protocol.name(),
        f.client,
        f.client_port,
        f.server,
        f.server_port,
        direction(&f.to_server),
        direction(&f.to_client),
        f.first_ns,
        f.last_ns,
        f.conn_state.name()
    )
}

fn flows(all: &[FlowTruth]) -> String {
    let mut out = String::from("[");
    for (index, one) in all.iter().enumerate() {
        // Writing into a string does not fail.
        let _ = write!(out, "{}\n  {}", if index == 0 { "" } else { "," }, flow(one));
    }
    out + "]"
}

/// Totals of generated traffic, and its flows where they were kept. Texts in it need no escaping.
pub(crate) fn of_traffic(truth: &Truth) -> String {
    format!(
        concat!(
            r#"{{"packets":{},"wire_bytes":{},"payload_bytes":{},"first_ns":{},"last_ns":{},"flows":{},"#,
            r#""without_flow":{},"most_live":{},"digest":"{:016x}","table":{}}}"#,
            "\n"
        ),
        truth.packets,
        truth.wire_bytes,
        truth.payload_bytes,
        number(truth.first_ns),
        number(truth.last_ns),
        truth.flows,
        truth.without_flow,
        truth.most_live,
        truth.digest,
        truth.table.as_deref().map_or_else(|| "null".to_owned(), flows)
    )
}

/// What a variant's reader has to find. Names and descriptions contain neither quotes nor control characters.
pub(crate) fn of_variant(variant: &Variant, expected: &Expected) -> String {
    let detail = match expected.detail {
        Detail::Headers => "headers",
        Detail::Ports => "ports",
        Detail::Addresses => "addresses",
    };
    format!(
        concat!(
            r#"{{"name":"{}","doc":"{}","packets":{},"wire_bytes":{},"captured_bytes":{},"first_ns":{},"#,
            r#""last_ns":{},"without_flow":{},"icmp_errors":{},"comments":{},"error":"{}","splits_allowed":{},"#,
            r#""detail":"{}","flows":{}}}"#,
            "\n"
        ),
        variant.name,
        variant.doc,
        expected.packets,
        expected.wire_bytes,
        expected.captured_bytes,
        number(expected.first_ns),
        number(expected.last_ns),
        expected.without_flow,
        expected.icmp_errors,
        expected.comments,
        expected.ending.name(),
        expected.splits_allowed,
        detail,
        flows(&expected.flows)
    )
}

#[cfg(test)]
mod tests {
    use capkeep_testkit::{Traffic, variants};

    #[test]
    fn texts_need_no_escaping() {
        for variant in variants() {
            assert!(
                !variant.doc.contains(['"', '\\']) && !variant.doc.contains(char::is_control),
                "{}",
                variant.doc
            );
        }
    }

    #[test]
    fn braces_are_closed() {
        let mut packets = Traffic::plain(500, 30, 1).packets();
        while packets.next().is_some() {}
        let json = super::of_traffic(packets.truth());
        assert_eq!(json.matches('{').count(), json.matches('}').count());
        assert_eq!(json.matches("conn_state").count(), 30);
    }
}
