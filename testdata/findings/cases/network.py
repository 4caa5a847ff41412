"""Faults of the way: loss, delay, size, memory of devices, and of the segment."""

import json
import sys
import time

import stage as stages
from cases.labels import CLIENT, PUBLIC, SERVER, case, expect, label
from cases.scenes import idle, switch, transfer


@case()
def loss_upload(stage, draw):
    """A tenth of what the client sends is lost on the way."""
    transfer(stage, {"seed": draw.random(), "drop": draw.uniform(0.08, 0.13), "delay_ms": 4}, 400_000)
    return label(expect("retransmissions", CLIENT, SERVER, severity="warning", ports=[5201]))


@case()
def loss_download(stage, draw):
    """A tenth of what the server sends is lost on the way."""
    transfer(stage, {"seed": draw.random(), "drop_left": draw.uniform(0.08, 0.13), "delay_ms": 4}, 400_000, upload=False)
    return label(expect("retransmissions", CLIENT, SERVER, severity="warning", ports=[80]))


@case(committed=False)
def loss_slight(stage, draw):
    """Two or three in a hundred segments are lost: worth a note."""
    transfer(stage, {"seed": draw.random(), "drop": draw.uniform(0.022, 0.035), "delay_ms": 4}, 900_000)
    return label(expect("retransmissions", CLIENT, SERVER, ports=[5201]))


@case()
def mtu_black_hole(stage, draw):
    """Packets of more than 1,400 bytes vanish on the way without a word; small ones pass."""
    stage.pair(relay=json.dumps({"seed": draw.random(), "longest": draw.choice([1380, 1400, 1420]), "delay_ms": 2}))
    stage.play("b", "echo", 7000)
    stage.until_listening("b", 7000)
    stage.capture()
    stage.run("a", "timeout", "9", sys.executable, stages.ACTORS, "grow", SERVER, 7000, check=False)
    stage.stop()
    return label(expect("pmtud_black_hole", CLIENT, SERVER, severity="warning", ports=[7000]),
                 may=["retransmissions", "capture_stopped", "connection_failures"])


@case()
def mtu_told(stage, draw):
    """A router with a smaller link says so (ICMP fragmentation needed), and the sender obeys."""
    stage.host("a", "g", "b")
    stage.wire("a", "eth0", "g", "lan")
    stage.wire("b", "eth0", "g", "dmz", mtu=draw.choice([1300, 1350, 1400]))
    stage.address("a", "eth0", "10.9.0.4/24")
    stage.address("g", "lan", "10.9.0.1/24")
    stage.address("g", "dmz", "10.9.2.1/24")
    stage.address("b", "eth0", "10.9.2.20/24")
    stage.run("b", "ip", "link", "set", "eth0", "mtu", "1500")
    stage.run("g", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    stage.run("a", "ip", "route", "add", "default", "via", "10.9.0.1")
    stage.run("b", "ip", "route", "add", "default", "via", "10.9.2.1")
    stage.play("b", "sink", 5201)
    stage.until_listening("b", 5201)
    stage.capture()
    stage.act("a", "send", "10.9.2.20", 5201, 120_000)
    stage.stop()
    return label(expect("pmtud_black_hole"), may=["retransmissions"])


@case(committed=False)
def lost_syns(stage, draw):
    """Most SYNs are lost on the way; what gets through works."""
    stage.pair(relay=json.dumps({"seed": draw.random(), "drop_syn": 0.85, "delay_ms": 2}))
    stage.play("b", "echo", 7000)
    stage.until_listening("b", 7000)
    stage.capture()
    stage.act("a", "tries", SERVER, 7000, 14, 0.05, 0.9, "", 100, timeout=60)
    stage.stop()
    return label(expect("connection_failures", SERVER, ports=[7000]))


@case()
def idle_then_silence(stage, draw):
    """After minutes of silence nobody answers any more: a load balancer has forgotten the connection."""
    stage.pair(relay=json.dumps({"seed": draw.random(), "mute_after": 5, "delay_ms": 2, "after": 99}))
    idle(stage, draw, 1433)
    stage.act("a", "ask", SERVER, 1433, 6, 0.1, 200, 0, 2.4, 2.5)
    path = stage.stop()
    stages.shift(path, stages.longest_silence(path), draw.choice([245, 300, 420]))
    return label(expect("idle_timeout", CLIENT, SERVER, severity="warning", ports=[1433]),
                 may=["retransmissions", "capture_stopped", "capture_clock"])


@case()
def idle_then_reset(stage, draw):
    """After minutes of silence the next question is answered with a RST."""
    stage.pair()
    idle(stage, draw, 1433)
    asking = stage.play("a", "ask", SERVER, 1433, 5, 0.1, 200, 0, 2.4, 2.5)
    time.sleep(1.5)
    stage.run("b", "iptables", "-I", "INPUT", "-p", "tcp", "--dport", "1433", "-j", "REJECT", "--reject-with", "tcp-reset")
    asking.wait(20)
    path = stage.stop()
    stages.shift(path, stages.longest_silence(path), draw.choice([245, 300, 420]))
    return label(expect("idle_timeout", CLIENT, SERVER, ports=[1433]), may=["capture_clock"])


@case()
def forged_reset(stage, draw):
    """Somebody on the way forges a RST: it has come fewer hops."""
    rules = {"seed": draw.random(), "delay_ms": 2, "after": 99, "reset": {"after": 6, "hops": draw.choice([9, 14, 21])}}
    stage.pair(relay=json.dumps(rules))
    stage.play("b", "echo", 7000)
    stage.until_listening("b", 7000)
    stage.capture()
    stage.act("a", "ask", SERVER, 7000, 12, 0.05)
    stage.stop()
    return label(expect("injected_rst", SERVER, severity="warning"))


@case(committed=False)
def snat_ports_used_up(stage, draw):
    """A gateway with 1,024 ports for the Internet; more connections than that to one destination."""
    stage.host("a", "g", "b")
    stage.wire("a", "eth0", "g", "lan")
    stage.wire("b", "eth0", "g", "wan")
    stage.address("a", "eth0", "10.9.0.4/24")
    stage.address("g", "lan", "10.9.0.1/24")
    stage.address("g", "wan", "203.0.113.1/24")
    stage.address("b", "eth0", f"{PUBLIC}/24")
    stage.run("g", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    stage.run("a", "ip", "route", "add", "default", "via", "10.9.0.1")
    stage.run("g", "iptables", "-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "-o", "wan", "-j", "MASQUERADE", "--to-ports", "20000-21023")
    stage.play("b", "accepting", 443)
    stage.until_listening("b", 443)
    stage.capture(snap=80)
    stage.act("a", "together", PUBLIC, 443, draw.randrange(1080, 1150), 3.5)
    stage.stop()
    return label(expect("snat_exhaustion", PUBLIC, severity="warning", ports=[443]),
                 may=["connection_failures", "capture_stopped"])


@case()
def arp_conflict(stage, draw):
    """Two machines have the same address."""
    switch(stage, "a", "b", "c")
    stage.address("a", "eth0", "10.9.0.4/24")
    stage.address("b", "eth0", "10.9.0.20/24")
    stage.address("c", "eth0", "10.9.0.20/24")
    stage.capture()
    stage.run("a", "arping", "-c", draw.randrange(4, 8), "-i", "eth0", SERVER, check=False)
    stage.stop()
    return label(expect("arp_conflict", SERVER, severity="warning"))
