"""Servers that do not take what they are sent, and a platform that is out of reach."""

from cases.labels import CLIENT, METADATA, PLATFORM, SERVER, case, expect, label
from cases.scenes import probes


@case()
def slow_reader(stage, draw):
    """The server does not read for seconds and closes its window."""
    stage.pair()
    stage.play("b", "sink", 5201, 4096, f"{draw.uniform(2.2, 3.2):.1f}", 2)
    stage.until_listening("b", 5201)
    stage.capture()
    stage.act("a", "send", SERVER, 5201, 60_000)
    stage.stop()
    return label(expect("zero_window", CLIENT, SERVER, severity="warning", ports=[5201]))


@case()
def refused(stage, draw):
    """Nothing listens: every attempt is refused."""
    stage.pair()
    stage.capture()
    stage.act("a", "tries", SERVER, 8443, draw.randrange(10, 16), 0.2)
    stage.stop()
    return label(expect("connection_failures", SERVER, severity="warning", ports=[8443]))


@case()
def filtered(stage, draw):
    """A packet filter drops every SYN; clients try again after 1 and 3 seconds."""
    stage.pair()
    stage.run("b", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "1433", "-j", "DROP")
    stage.capture()
    stage.act("a", "together", SERVER, 1433, draw.randrange(6, 10), 7.5)
    stage.stop()
    return label(expect("connection_failures", SERVER, severity="warning", ports=[1433]))


@case()
def rejected(stage, draw):
    """A packet filter answers every SYN with ICMP: administratively prohibited."""
    stage.pair()
    stage.run("b", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "3389", "-j", "REJECT", "--reject-with", "icmp-admin-prohibited")
    stage.capture()
    stage.act("a", "tries", SERVER, 3389, draw.randrange(8, 14), 0.2, 1)
    stage.stop()
    return label(expect("connection_failures", SERVER, severity="warning", ports=[3389]))


@case()
def resets(stage, draw):
    """A server takes every question and resets the connection."""
    stage.pair()
    stage.play("b", "resetting", 8080)
    stage.until_listening("b", 8080)
    stage.capture()
    stage.act("a", "tries", SERVER, 8080, draw.randrange(70, 90), 0.05, 1, "", 300)
    stage.stop()
    return label(expect("rst_storm", SERVER), may=["connection_failures"])


@case()
def probe_refused(stage, draw):
    """The load balancer's health probe is refused: the service does not run."""
    probes(stage, draw, lambda: None, draw.randrange(8, 12))
    return label(expect("health_probe", PLATFORM, CLIENT, severity="warning", ports=[80]), may=["connection_failures"])


@case()
def probe_unanswered(stage, draw):
    """The load balancer's health probe gets no answer: the machine's packet filter drops it."""
    def drop():
        stage.run("a", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "DROP")
    probes(stage, draw, drop, draw.randrange(8, 12))
    return label(expect("health_probe", PLATFORM, CLIENT, severity="warning", ports=[80]), may=["connection_failures"])


@case()
def platform_unreachable(stage, draw):
    """A rule in the guest keeps it from the platform's address and the metadata."""
    stage.pair()
    for address in (PLATFORM, METADATA):
        stage.run("b", "iptables", "-A", "FORWARD", "-d", address, "-j", "DROP")
    stage.run("b", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    for address in (PLATFORM, METADATA):
        stage.run("b", "ip", "route", "add", "blackhole", address)
    stage.capture()
    stage.play("a", "together", METADATA, 80, 4, 6)
    stage.play("a", "resolve", PLATFORM, "www.corp.test", draw.randrange(6, 10), 0.1, 0.5)
    stage.act("a", "together", PLATFORM, 80, draw.randrange(4, 8), 6)
    stage.stop()
    return label(expect("platform_unreachable", PLATFORM, severity="warning"), may=["connection_failures", "dns_failures"])
