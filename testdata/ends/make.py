#!/usr/bin/env python3
"""Makes the captures of this folder again: both ends of a way on which packets are lost, late and swapped. Needs root."""

import gzip
import json
import pathlib
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "findings"))

import stage as stages  # noqa: E402

OFFSET_NS = 3_000_000_000
DRIFT_PPM = 50
CLIENT, SERVER, OUTSIDE = "10.9.0.4", "203.0.113.20", "203.0.113.1"
RULES = {"seed": 11, "delay_ms": 8, "jitter_ms": 2, "drop": 0.05, "drop_left": 0.02, "swap": 0.02, "after": 0}


def stand(stage, translate):
    """a, a router g, a relay r, and b. The router translates the address of a, or does not."""
    stage.host("a", "g", "r", "b")
    stage.wire("a", "eth0", "g", "lan")
    stage.wire("g", "wan", "r", "left")
    stage.wire("r", "right", "b", "eth0")
    stage.injected = stage.folder / "injected.jsonl"
    stage.start("r", sys.executable, str(HERE.parent / "findings/relay.py"), "left", "right", json.dumps(RULES), str(stage.injected))
    stage.address("a", "eth0", f"{CLIENT}/24")
    stage.address("g", "lan", "10.9.0.1/24")
    stage.address("g", "wan", f"{OUTSIDE}/24")
    stage.address("b", "eth0", f"{SERVER}/24")
    stage.run("g", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    stage.run("a", "ip", "route", "add", "default", "via", "10.9.0.1")
    stage.run("b", "ip", "route", "add", "default", "via", OUTSIDE)
    if translate:
        stage.run("g", "iptables", "-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "-o", "wan", "-j", "MASQUERADE", "--to-ports", "20000-21023")
    stage.run("a", "ping", "-n", "-q", "-c", "5", "-i", "0.1", "-W", "1", "-w", "3", SERVER, check=False)


def key(frame):
    """What tells a segment of a run from all others, whatever a router rewrites."""
    ihl = (frame[14] & 15) * 4
    at = 14 + ihl
    return frame[18:20] + frame[at + 4:at + 12] + frame[at + 13:at + 14] + frame[16:18]


def is_tcp(frame):
    return len(frame) > 54 and frame[12:14] == b"\x08\x00" and frame[23] == 6


def truth(near, far, injected):
    """Numbers of the packets that were lost on the way, and how long the others took, all by one clock."""
    places = [{key(frame): (number, at) for number, (at, _, frame) in enumerate(packets, 1) if is_tcp(frame)}
              for packets in (near, far)]
    lost = [[], []]
    for line in injected.read_text().splitlines():
        event = json.loads(line)
        if event["event"] != "lost":
            continue
        side = 1 if event["src"] == SERVER else 0
        packets = (near, far)[side]
        for number, (_, _, frame) in enumerate(packets, 1):
            if is_tcp(frame):
                at = 14 + (frame[14] & 15) * 4
                seq = int.from_bytes(frame[at + 4:at + 8], "big")
                if seq == event["seq"] and int.from_bytes(frame[18:20], "big") == event["ip_id"]:
                    lost[side].append(number)
    took = [[], []]
    for known, (_, sent) in places[0].items():
        if known in places[1]:
            step = places[1][known][1] - sent
            took[0 if step > 0 else 1].append(abs(step))
    return {
        "offset_ns": OFFSET_NS,
        "drift_ppm": DRIFT_PPM,
        "lost_to_second": sorted(lost[0]),
        "lost_to_first": sorted(lost[1]),
        "delay_to_second_ns": {"min": min(took[0]), "median": int(statistics.median(took[0]))},
        "delay_to_first_ns": {"min": min(took[1]), "median": int(statistics.median(took[1]))},
    }


def keep(path, name):
    with open(HERE / name, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(path.read_bytes())


def make(name, translate):
    with stages.Stage(name) as stage:
        stand(stage, translate)
        folder = stage.folder / "web-b"
        folder.mkdir()
        (folder / "page").write_bytes(bytes(range(256)) * 100)
        stage.play("b", "web", 80, str(folder))
        stage.until_listening("b", 80)
        near = stage.capture("a", snap=110, name="near.pcap", only="tcp")
        far = stage.capture("b", snap=110, name="far.pcap", only="tcp")
        time.sleep(0.5)
        stage.act("a", "fetch", SERVER, 80, "/page", 45, 0.5, 0.1)
        stage.stop()
        _, at_near = stages.records(near)
        header, at_far = stages.records(far)
        found = truth(at_near, at_far, stage.injected)
        begin = at_far[0][0]
        stages.write(far, header, [(at + OFFSET_NS + (at - begin) * DRIFT_PPM // 10**6, length, data) for at, length, data in at_far])
        keep(near, f"{name}-near.pcap.gz")
        keep(far, f"{name}-far.pcap.gz")
        return found


if __name__ == "__main__":
    whole = {name: make(name, translate) for name, translate in (("routed", False), ("translated", True))}
    (HERE / "truth.json").write_text(json.dumps(whole, indent=2) + "\n")
