use capkeep_flow::Direction;

use super::common::{SECOND, UDP, health_of, refused, tcp, unanswered};
use crate::{Confidence, Settings, VerdictKind, verdict};

fn kind(flow: &capkeep_flow::FlowRecord) -> VerdictKind {
    verdict(flow, &Settings::default()).unwrap().kind
}

#[test]
fn each_verdict_has_its_flow() {
    let make = |change: &dyn Fn(&mut capkeep_flow::FlowRecord)| {
        let mut flow = tcp("10.0.0.9", 443, 0);
        health_of(&mut flow).from_client.data_segments = 100;
        health_of(&mut flow).from_server.data_segments = 100;
        change(&mut flow);
        flow
    };
    assert_eq!(kind(&make(&|_| ())), VerdictKind::Fine);
    assert_eq!(kind(&unanswered("10.0.0.9", 443, 0)), VerdictKind::Filtered);
    assert_eq!(kind(&refused("10.0.0.9", 443, 0)), VerdictKind::Refused);
    let lossy = |client, server| {
        make(&|flow| {
            health_of(flow).from_client.retransmissions = client;
            health_of(flow).from_server.fast_retransmissions = server;
        })
    };
    assert_eq!(kind(&lossy(2, 2)), VerdictKind::Fine);
    assert_eq!(kind(&lossy(3, 0)), VerdictKind::LossToServer);
    assert_eq!(kind(&lossy(0, 3)), VerdictKind::LossToClient);
    assert_eq!(kind(&lossy(3, 3)), VerdictKind::LossBothWays);
    let stalled = |client: i64, server: i64| {
        make(&|flow| {
            health_of(flow).from_client.zero_window_nanos = client;
            health_of(flow).from_server.zero_window_nanos = server;
        })
    };
    assert_eq!(kind(&stalled(SECOND, SECOND)), VerdictKind::Fine);
    assert_eq!(kind(&stalled(2 * SECOND, 0)), VerdictKind::SlowClient);
    assert_eq!(kind(&stalled(0, 2 * SECOND)), VerdictKind::StalledServer);
    assert_eq!(kind(&make(&|flow| health_of(flow).first_byte = Some(2 * SECOND))), VerdictKind::SlowServer);
    assert_eq!(
        kind(&make(&|flow| health_of(flow).handshake.server_rtt = Some(SECOND / 2))),
        VerdictKind::SlowNetwork
    );
    assert_eq!(kind(&make(&|flow| flow.from_server = Direction::default())), VerdictKind::CaptureArtefact);
    assert_eq!(
        kind(&make(&|flow| health_of(flow).from_client.acked_unseen = 5)),
        VerdictKind::CaptureArtefact
    );
}

#[test]
fn copies_lower_the_confidence() {
    let mut flow = tcp("10.0.0.9", 443, 0);
    health_of(&mut flow).from_client.copies = 6;
    assert_eq!(verdict(&flow, &Settings::default()).unwrap().confidence, Confidence::Medium);
}

#[test]
fn flows_that_are_not_tcp_have_none() {
    let mut flow = tcp("10.0.0.9", 53, 0);
    flow.protocol = UDP;
    assert_eq!(verdict(&flow, &Settings::default()), None);
}
