"""What is made to go wrong, and what has to be found of it. One function a capture."""

import json
import pathlib
import random
import subprocess
import sys
import time
import zipfile

import stage as stages

SERVER = "10.9.0.20"
CLIENT = "10.9.0.4"
PUBLIC = "203.0.113.80"
PLATFORM = "168.63.129.16"
METADATA = "169.254.169.254"
CASES = []


def case(committed=True, hard=False):
    """Registers a case. `hard` ones are those about which reasonable people may disagree."""
    def register(function):
        CASES.append({"name": function.__name__.replace("_", "-"), "make": function, "doc": function.__doc__.strip(),
                      "is_committed": committed, "is_hard": hard})
        return function
    return register


def expect(detector, *subjects, severity="note", ports=()):
    """A finding that has to be there: its detector, at least this severity, about these addresses and ports."""
    return {"detector": detector, "severity": severity, "addresses": list(subjects), "ports": list(ports)}


def label(*expected, may=()):
    """What has to be found, and what may be found besides because it is true as well. Nothing else may."""
    return {"expect": list(expected), "may": list(may)}


# -------------------------------------------------------------------------------------------------- loss and delay

def transfer(stage, rules, size, snap=2000, upload=True, at="a"):
    """So many bytes from a to b, or from b to a, past the relay."""
    stage.pair(relay=json.dumps(rules))
    if upload:
        stage.play("b", "sink", 5201)
        stage.until_listening("b", 5201)
        stage.capture(at, snap=snap)
        stage.act("a", "send", SERVER, 5201, size)
    else:
        pages(stage, "b", 80, big=size)
        stage.capture(at, snap=snap)
        stage.act("a", "fetch", SERVER, 80, "/big")
    return stage.stop()


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
def quiet_swapped(stage, draw):
    """Neighbouring segments are swapped on the way to the server, where the capture is, and nothing is lost."""
    rules = {"seed": draw.random(), "swap": draw.uniform(0.04, 0.08), "delay_ms": 4}
    transfer(stage, rules, 400_000, at="b")
    return label()


@case(committed=False)
def quiet_little_loss(stage, draw):
    """A few of a thousand segments are lost: the Internet."""
    transfer(stage, {"seed": draw.random(), "drop": 0.002, "delay_ms": 4}, 2_000_000)
    return label()


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


# ------------------------------------------------------------------------------------------------- connections

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
def resets(stage, draw):
    """A server takes every question and resets the connection."""
    stage.pair()
    stage.play("b", "resetting", 8080)
    stage.until_listening("b", 8080)
    stage.capture()
    stage.act("a", "tries", SERVER, 8080, draw.randrange(70, 90), 0.05, 1, "", 300)
    stage.stop()
    return label(expect("rst_storm", SERVER), may=["connection_failures"])


def idle(stage, draw, server):
    stage.play("b", "echo", server)
    stage.until_listening("b", server)
    stage.capture()


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
def quiet_idle(stage, draw):
    """Minutes of silence, after which the connection works as before."""
    stage.pair()
    idle(stage, draw, 1433)
    stage.act("a", "ask", SERVER, 1433, 5, 0.1, 200, 0, 1.5)
    path = stage.stop()
    stages.shift(path, stages.longest_silence(path), draw.choice([245, 300, 420]))
    return label(may=["capture_clock"])


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


# ------------------------------------------------------------------------------------------------------- scans

def scan(stage, *arguments, more=()):
    stage.pair(more=more)
    stage.play("b", "accepting", 80)
    stage.until_listening("b", 80)
    stage.capture()
    stage.run("a", "nmap", "-n", "-Pn", "--max-retries", "0", *arguments, timeout=60)
    stage.stop()


@case()
def scan_vertical(stage, draw):
    """nmap asks for a hundred ports of one host."""
    first = draw.randrange(1, 60)
    scan(stage, "-sS", "-p", f"{first}-{first + 100}", SERVER)
    return label(expect("vertical_scan", CLIENT, severity="warning"), may=["connection_failures", "rst_storm"])


@case(committed=False)
def scan_vertical_connect(stage, draw):
    """nmap asks for ports with whole connections, behind a filter that drops most."""
    stage.pair()
    stage.run("b", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "200:65535", "-j", "DROP")
    stage.capture()
    stage.run("a", "nmap", "-n", "-Pn", "-sT", "--max-retries", "0", "-p", "180-260", SERVER, timeout=60)
    stage.stop()
    return label(expect("vertical_scan", CLIENT, severity="warning"), may=["connection_failures", "rst_storm"])


@case()
def scan_horizontal(stage, draw):
    """nmap asks forty hosts for one port."""
    port = draw.choice([22, 445, 3389, 5985])
    scan(stage, "-sS", "-p", port, "10.9.1.1-40", more=[f"10.9.1.{n}/32" for n in range(1, 41)])
    return label(expect("horizontal_scan", CLIENT, severity="warning", ports=[port]), may=["connection_failures", "rst_storm"])


def stealth(stage, kind):
    scan(stage, kind, "-p", "1-40", SERVER)
    return label(expect("stealth_scan", CLIENT, severity="warning"),
                 may=["vertical_scan", "connection_failures", "rst_storm"])


@case()
def scan_null(stage, draw):
    """nmap -sN: segments without a flag."""
    return stealth(stage, "-sN")


@case()
def scan_fin(stage, draw):
    """nmap -sF: FIN and nothing before."""
    return stealth(stage, "-sF")


@case()
def scan_xmas(stage, draw):
    """nmap -sX: FIN, PSH and URG."""
    return stealth(stage, "-sX")


@case()
def syn_flood(stage, draw):
    """SYNs from forged addresses, hundreds in a few seconds; a real client works beside them."""
    stage.pair()
    stage.play("b", "accepting", 80)
    stage.play("b", "echo", 7000)
    stage.until_listening("b", 80)
    stage.until_listening("b", 7000)
    stage.capture()
    asking = stage.play("a", "ask", SERVER, 7000, 20, 0.1)
    stage.act("a", "spray", SERVER, 80, draw.randrange(400, 600), 0.003, 2, draw.randrange(1000))
    asking.wait(20)
    stage.stop()
    return label(expect("syn_flood", SERVER, severity="warning", ports=[80]), may=["connection_failures", "capture_stopped"])


# --------------------------------------------------------------------------------------------------------- names

def names(stage, *more):
    stage.start("b", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                "--user=root", f"--listen-address={SERVER}", "--pid-file=", "--cache-size=0", "--local=/corp.test/",
                "--host-record=www.corp.test,10.9.0.20", "--host-record=sql.corp.test,10.9.0.21",
                *[f"--host-record=host{n}.corp.test,10.9.3.{n}" for n in range(40)], *more)
    stage.until_listening("b", 53)


@case()
def dns_nxdomain(stage, draw):
    """Most names that are asked for do not exist."""
    stage.pair()
    names(stage)
    stage.capture()
    stage.act("a", "resolve", SERVER, "srv#.corp.test,printer#.corp.test,www.corp.test", draw.randrange(25, 40))
    stage.stop()
    return label(expect("dns_failures", SERVER), may=["dns_tunnel"])


@case()
def dns_servfail(stage, draw):
    """The resolver cannot get answers: SERVFAIL."""
    stage.pair()
    stage.play("b", "failing", "127.0.0.1", 5353, 2)
    names(stage, "--server=/partner.test/127.0.0.1#5353")
    stage.capture()
    stage.act("a", "resolve", SERVER, "api.partner.test,www.corp.test,login.partner.test", draw.randrange(15, 25))
    stage.stop()
    return label(expect("dns_failures", SERVER, severity="warning"))


@case()
def dns_unanswered(stage, draw):
    """A packet filter drops every question."""
    stage.pair()
    names(stage)
    stage.run("b", "iptables", "-A", "INPUT", "-p", "udp", "--dport", "53", "-j", "DROP")
    stage.capture()
    stage.act("a", "resolve", SERVER, "www.corp.test,sql.corp.test", draw.randrange(12, 18), 0.02, 0.2)
    stage.stop()
    return label(expect("dns_failures", SERVER, severity="warning"), may=["connection_failures"])


@case()
def quiet_dns(stage, draw):
    """Names that exist, and two that do not."""
    stage.pair()
    names(stage)
    stage.capture()
    stage.act("a", "resolve", SERVER, "host#.corp.test,www.corp.test", draw.randrange(25, 39))
    stage.act("a", "resolve", SERVER, "typo.corp.test", 2)
    stage.stop()
    return label()


@case()
def dns_tunnel(stage, draw):
    """Data travels in the names that are asked for, and in TXT answers."""
    stage.pair()
    stage.play("b", "tunnel_server", SERVER)
    stage.until_listening("b", 53)
    stage.capture()
    stage.act("a", "tunnel", SERVER, "t.exfil.test", draw.randrange(150, 220), 0.01, draw.randrange(1000))
    stage.stop()
    return label(expect("dns_tunnel", severity="warning"))


@case(committed=False)
def dns_tunnel_iodine(stage, draw):
    """iodine: pings and a file through a tunnel of DNS."""
    stage.pair()
    stage.start("b", "iodined", "-f", "-c", "-P", "secret", "-l", SERVER, "10.66.0.1/24", "t.exfil.test")
    stage.until_listening("b", 53)
    stage.capture(only="port 53")
    stage.start("a", "iodine", "-f", "-r", "-P", "secret", SERVER, "t.exfil.test")
    for _ in range(60):
        time.sleep(0.25)
        if stage.run("a", "ping", "-n", "-c", "1", "-W", "1", "10.66.0.1", check=False).returncode == 0:
            break
    else:
        raise stages.Trouble("iodine has no tunnel")
    stage.play("b", "sink", 5201)
    stage.until_listening("b", 5201)
    stage.act("a", "send", "10.66.0.1", 5201, draw.randrange(40_000, 60_000), 0, 1000, draw.randrange(1000), check=False)
    stage.stop()
    return label(expect("dns_tunnel", severity="warning"), may=["dns_failures"])


# ---------------------------------------------------------------------------------------------------- behaviour

@case()
def beacon(stage, draw):
    """An implant asks its master on the Internet for orders every minute, give or take."""
    stage.pair(more=[f"{PUBLIC}/32"])
    pages(stage, "b", 80)
    stage.capture()
    stage.act("a", "fetch", PUBLIC, 80, "/1k", draw.randrange(26, 40), 0.3, draw.choice([0.03, 0.08, 0.12]), "", draw.randrange(1000), 20)
    path = stage.stop()
    stages.stretch(path, 200, 0.1)
    return label(expect("beaconing", CLIENT, PUBLIC, severity="note"), may=["capture_clock"])


@case(committed=False, hard=True)
def quiet_monitor(stage, draw):
    """A monitoring system inside asks a server for its state every half minute: regular, and harmless."""
    stage.pair()
    pages(stage, "b", 8080)
    stage.capture()
    stage.act("a", "fetch", SERVER, 8080, "/1k", draw.randrange(20, 30), 0.3, 0.02)
    path = stage.stop()
    stages.stretch(path, 100, 0.1)
    return label()


@case(committed=False)
def exfiltration(stage, draw):
    """Much more goes out to one address on the Internet than comes in."""
    stage.pair(offload=True, more=[f"{PUBLIC}/32"])
    stage.play("b", "sink", 443)
    stage.until_listening("b", 443)
    stage.capture(snap=100)
    stage.act("a", "send", PUBLIC, 443, draw.randrange(120, 180) * 1_000_000, 0, 1_000_000)
    stage.stop()
    return label(expect("exfiltration", CLIENT, PUBLIC, severity="note"), may=["capture_offload", "capture_snapped"])


@case(committed=False)
def brute_force_ssh(stage, draw):
    """A real SSH server is asked for a login again and again."""
    stage.pair()
    key = stage.folder / "key"
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", key], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stage.start("b", "dropbear", "-F", "-E", "-s", "-r", key, "-p", "22")
    stage.until_listening("b", 22)
    stage.capture(snap=300)
    for _ in range(draw.randrange(36, 44)):
        stage.run("a", "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                  "-o", "ConnectTimeout=5", f"admin@{SERVER}", check=False)
    stage.stop()
    return label(expect("brute_force", CLIENT, SERVER, severity="warning", ports=[22]), may=["capture_snapped"])


@case()
def brute_force_ftp(stage, draw):
    """A list of passwords is tried at an FTP server."""
    stage.pair()
    stage.play("b", "ftp", 21)
    stage.until_listening("b", 21)
    stage.capture()
    stage.act("a", "log_in", SERVER, draw.randrange(26, 34), 0.02)
    stage.stop()
    return label(expect("brute_force", CLIENT, SERVER, severity="warning", ports=[21]),
                 expect("cleartext_credentials", SERVER, ports=[21]))


@case()
def cleartext_ftp(stage, draw):
    """One login at an FTP server."""
    stage.pair()
    stage.play("b", "ftp", 21)
    stage.until_listening("b", 21)
    stage.capture()
    stage.act("a", "log_in", SERVER, 1, 0)
    stage.stop()
    return label(expect("cleartext_credentials", SERVER, severity="warning", ports=[21]))


@case()
def cleartext_http(stage, draw):
    """A name and a password in HTTP's basic authentication."""
    stage.pair()
    pages(stage, "b", 80)
    stage.capture()
    stage.act("a", "fetch", SERVER, 80, "/1k,/20k", 1, 0.05, 0, "clerk:hunter2")
    stage.stop()
    return label(expect("cleartext_credentials", SERVER, severity="warning", ports=[80]))


# ------------------------------------------------------------------------------------------------------------ TLS

def certificate(stage, begin=None, end=None):
    """A self-signed certificate, valid now or from begin to end (YYYYMMDDHHMMSSZ)."""
    folder = stage.folder
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request.pem",
                    "-subj", "/CN=shop.contoso.test"], **quiet)
    if begin is None:
        subprocess.run(["openssl", "x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-days", "300",
                        "-out", "certificate.pem"], **quiet)
        return
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text("[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                                   "policy=p\n[p]\ncommonName=supplied\n")
    subprocess.run(["openssl", "ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem", "-in", "request.pem",
                    "-startdate", begin, "-enddate", end, "-out", "certificate.pem", "-notext"], **quiet)


def tls(stage, server, client, times=2):
    stage.pair()
    files = ["-cert", stage.folder / "certificate.pem", "-key", stage.folder / "key.pem"]
    stage.start("b", "openssl", "s_server", "-quiet", "-accept", "443", "-www", *files, *server)
    stage.until_listening("b", 443)
    stage.capture()
    for _ in range(times):
        stage.run("a", "openssl", "s_client", "-connect", f"{SERVER}:443", "-servername", "shop.contoso.test", *client,
                  check=False, timeout=10, stdin=None, input=b"GET / HTTP/1.0\r\n\r\n")
        time.sleep(0.2)
    stage.stop()


@case()
def tls_expired(stage, draw):
    """The server's certificate ended years ago."""
    year = draw.choice([2019, 2021, 2023])
    certificate(stage, f"{year}0101000000Z", f"{year}1231235959Z")
    tls(stage, ["-tls1_2"], ["-tls1_2"])
    return label(expect("weak_tls", SERVER, severity="warning", ports=[443]))


@case()
def tls_old_version(stage, draw):
    """TLS 1.0."""
    certificate(stage)
    version = draw.choice(["-tls1", "-tls1_1"])
    weak = ["-cipher", "DEFAULT:@SECLEVEL=0", version]
    tls(stage, weak, weak)
    return label(expect("weak_tls", SERVER, severity="warning", ports=[443]))


@case()
def tls_no_agreement(stage, draw):
    """Client and server have no version in common: the handshake ends with an alert."""
    certificate(stage)
    tls(stage, ["-tls1_3"], ["-tls1_2"], times=draw.randrange(3, 6))
    return label(expect("weak_tls", SERVER, ports=[443]))


@case()
def quiet_tls(stage, draw):
    """TLS 1.2 and 1.3 as they should be."""
    certificate(stage)
    tls(stage, [], draw.choice([["-tls1_2"], ["-tls1_3"]]), times=3)
    return label()


# ---------------------------------------------------------------------------------------------------------- Azure

def probes(stage, draw, prepare, times=9):
    stage.pair(more=[f"{PLATFORM}/32"])
    prepare()
    stage.capture()
    stage.act("b", "tries", CLIENT, 80, times, 0.25, 0.1, PLATFORM)
    path = stage.stop()
    # Every 5 seconds.
    stages.stretch(path, 20, 0.12)


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
def quiet_probe(stage, draw):
    """Health probes, metadata and names as they should be."""
    def serve():
        stage.address("b", "eth0", f"{METADATA}/32")
        pages(stage, "a", 80)
        pages(stage, "b", 80)
        stage.start("b", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                    "--user=root", f"--listen-address={PLATFORM}", "--pid-file=", "--host-record=www.corp.test,10.9.0.20")
        stage.until_listening("b", 53)
        stage.play("a", "fetch", METADATA, 80, "/1k", 6, 0.4)
        stage.play("a", "resolve", PLATFORM, "www.corp.test", 6, 0.4)
    probes(stage, draw, serve, 10)
    return label()


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


# ------------------------------------------------------------------------------------------------------ the segment

def switch(stage, *hosts):
    """Hosts at the ports of a switch."""
    stage.host("s", *hosts)
    stage.run("s", "ip", "link", "add", "br0", "type", "bridge")
    stage.run("s", "ip", "link", "set", "br0", "up")
    for name in hosts:
        stage.wire(name, "eth0", "s", f"to-{name}")
        stage.run("s", "ip", "link", "set", f"to-{name}", "master", "br0")


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


@case()
def capture_twice(stage, draw):
    """A switch's ports are all captured: every packet is there more than once."""
    switch(stage, "a", "b")
    stage.address("a", "eth0", "10.9.0.4/24")
    stage.address("b", "eth0", "10.9.0.20/24")
    pages(stage, "b", 80)
    stage.capture("s", "any")
    stage.act("a", "fetch", SERVER, 80, "/20k,/60k,/1k", draw.randrange(4, 8), 0.05)
    stage.stop()
    return label(expect("capture_duplicates"))


# -------------------------------------------------------------------------------------------------- capture quality

def browse(stage, draw, times=6, **how):
    stage.pair()
    pages(stage, "b", 80)
    stage.capture(**how)
    stage.act("a", "fetch", SERVER, 80, "/20k,/60k,/1k", times, 0.05)
    return stage.stop()


@case()
def capture_one_sided(stage, draw):
    """Only what the client sends is captured."""
    browse(stage, draw, draw.randrange(6, 12), only=f"src host {CLIENT}")
    return label(expect("capture_one_sided"), may=["capture_loss"])


@case()
def capture_loss(stage, draw):
    """A seventh of the packets is missing from the capture."""
    path = browse(stage, draw, draw.randrange(8, 12))
    stages.keep(path, lambda *_: draw.random() > 0.15)
    return label(expect("capture_loss"), may=["capture_one_sided"])


@case()
def capture_drops(stage, draw):
    """The capturing machine could not keep up, and the file says so."""
    path = browse(stage, draw, 3)
    count = len(stages.records(path)[1])
    dropped = draw.randrange(count // 8, count // 2)
    stages.as_pcapng(path, stage.folder / "capture.pcapng", count + dropped, dropped)
    return label(expect("capture_drops"))


@case()
def capture_clock(stage, draw):
    """The clock of the capturing machine was set back."""
    path = browse(stage, draw)
    _, packets = stages.records(path)
    stages.shift(path, len(packets) // 2, -draw.randrange(5, 90))
    return label(expect("capture_clock"))


@case(committed=False)
def capture_cut(stage, draw):
    """The file ends in the middle of a packet."""
    path = browse(stage, draw, 2)
    data = pathlib.Path(path).read_bytes()
    pathlib.Path(path).write_bytes(data[:len(data) * 3 // 4 + 5])
    return label(expect("capture_cut"), may=["capture_stopped"])


@case()
def capture_snapped(stage, draw):
    """Only the first bytes of every packet are kept."""
    browse(stage, draw, snap=draw.choice([54, 64, 80]))
    return label(expect("capture_snapped"))


@case()
def capture_offload(stage, draw):
    """Segments are as the network card gets them: longer than a cable takes."""
    stage.pair(offload=True)
    pages(stage, "b", 80)
    stage.capture(snap=65535)
    stage.act("a", "fetch", SERVER, 80, "/300k", draw.randrange(2, 5), 0.05)
    stage.stop()
    return label(expect("capture_offload"))


@case()
def capture_stopped(stage, draw):
    """The capture ends at its limit while a transfer is in full swing."""
    stage.pair()
    stage.play("b", "sink", 5201)
    stage.until_listening("b", 5201)
    stage.capture(limit=draw.randrange(300, 600))
    stage.act("a", "send", SERVER, 5201, 3_000_000)
    stage.stop()
    return label(expect("capture_stopped"))


@case()
def capture_stopped_in_time(stage, draw):
    """The capture lasts as long as a session does unless told otherwise: five hours."""
    path = browse(stage, draw, draw.randrange(3, 6))
    _, packets = stages.records(path)
    lasted = (packets[-1][0] - packets[0][0]) / 1e9
    stages.shift(path, len(packets) // 2, 5 * 3600 - lasted)
    return label(expect("capture_stopped"), may=["capture_clock"])


@case(committed=False)
def capture_silence(stage, draw):
    """Nothing at all was captured for minutes."""
    path = browse(stage, draw, draw.randrange(20, 26))
    stages.shift(path, len(stages.records(path)[1]) // 2, draw.randrange(90, 200))
    return label(expect("capture_clock"))


# ---------------------------------------------------------------------------------------------------- quiet controls

def pages(stage, host, port, big=0, key=None):
    """A web server with files of several sizes."""
    root = stage.folder / f"web-{host}"
    root.mkdir(exist_ok=True)
    for name, size in (("1k", 1000), ("20k", 20_000), ("60k", 60_000), ("300k", 300_000), ("big", big)):
        (root / name).write_bytes((b"Lorem ipsum dolor sit amet, consectetur adipisici elit. " * (size // 56 + 1))[:size])
    for number in range(12):
        links = "".join(f'<a href="/page{n}.html">{n}</a> <img src="/20k?{number}-{n}">' for n in range(6))
        (root / f"page{number}.html").write_text(f"<html><body><h1>Page {number}</h1>{links}</body></html>")
    files = [stage.folder / "certificate.pem", stage.folder / "key.pem"] if key else []
    stage.play(host, "web", port, root, *files)
    stage.until_listening(host, port)


@case()
def quiet_web(stage, draw):
    """Pages are fetched, one connection each."""
    stage.pair()
    pages(stage, "b", 80)
    stage.capture()
    paths = ",".join(draw.choice(["/1k", "/20k", "/60k", "/page1.html", "/missing"]) for _ in range(12))
    stage.act("a", "fetch", SERVER, 80, paths, 2, 0.15, 0.9, "", draw.randrange(1000))
    stage.stop()
    return label()


@case(committed=False)
def quiet_browser(stage, draw):
    """Chromium looks at some pages over HTTP and HTTPS."""
    stage.pair()
    certificate(stage)
    pages(stage, "b", 80)
    stage.play("b", "web", 443, stage.folder / "web-b", stage.folder / "certificate.pem", stage.folder / "key.pem")
    stage.until_listening("b", 443)
    stage.capture()
    for number in draw.sample(range(12), 4):
        scheme = draw.choice(["http", "https"])
        stage.run("a", "chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
                  "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 10.9.0.20",
                  f"--user-data-dir={stage.folder}/chromium", "--dump-dom", f"{scheme}://{SERVER}/page{number}.html",
                  check=False, timeout=60)
    stage.stop()
    return label()


@case(committed=False)
def quiet_package_install(stage, draw):
    """pip installs packages from an index."""
    stage.pair()
    root = stage.folder / "index"
    wanted = [f"demo{n}" for n in range(6)]
    for name in wanted:
        folder = root / "simple" / name
        folder.mkdir(parents=True)
        file = f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(folder / file, "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "x = 1\n")
            wheel.writestr(f"{name}/data.bin", draw.randbytes(draw.randrange(20_000, 200_000)))
            info = f"{name}-1.0.dist-info"
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        (folder / "index.html").write_text(f'<html><body><a href="{file}">{file}</a></body></html>')
    stage.play("b", "web", 80, root)
    stage.until_listening("b", 80)
    stage.capture()
    stage.run("a", sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir",
              "--index-url", f"http://{SERVER}/simple/", "--trusted-host", SERVER, "--target", stage.folder / "installed", *wanted)
    stage.stop()
    return label()


@case(committed=False)
def quiet_ssh_copy(stage, draw):
    """scp copies files to a server inside."""
    stage.pair()
    folder = stage.folder
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    (folder / "sshd.conf").write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n"
        "PermitRootLogin yes\nSubsystem sftp internal-sftp\n")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    stage.start("b", "/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd.conf")
    stage.until_listening("b", 22)
    (folder / "file").write_bytes(draw.randbytes(400_000))
    stage.capture()
    for number in range(3):
        stage.run("a", "scp", "-q", "-i", folder / "user", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                  folder / "file", f"root@{SERVER}:{folder}/copy{number}")
    stage.stop()
    return label()


@case(committed=False)
def quiet_rsync(stage, draw):
    """rsync copies a folder."""
    stage.pair()
    source, target = stage.folder / "source", stage.folder / "target"
    source.mkdir()
    target.mkdir()
    for number in range(30):
        (source / f"file{number}").write_bytes(draw.randbytes(draw.randrange(100, 60_000)))
    (stage.folder / "rsyncd.conf").write_text(
        f"use chroot = no\nuid = root\ngid = root\n[data]\npath = {target}\nread only = no\n")
    stage.start("b", "rsync", "--daemon", "--no-detach", "--port=873", f"--config={stage.folder}/rsyncd.conf")
    stage.until_listening("b", 873)
    stage.capture()
    stage.run("a", "rsync", "-a", f"{source}/", f"rsync://{SERVER}/data/")
    stage.stop()
    return label()


@case(committed=False)
def quiet_backup(stage, draw):
    """A backup of 60 to 90 MB to a server inside."""
    stage.pair(offload=True)
    stage.play("b", "sink", 10000)
    stage.until_listening("b", 10000)
    stage.capture(snap=100)
    stage.act("a", "send", SERVER, 10000, draw.randrange(60, 90) * 1_000_000, 0, 1_000_000)
    stage.stop()
    return label(may=["capture_offload", "capture_snapped"])


@case()
def quiet_slow_server(stage, draw):
    """A server that thinks for a second before it answers."""
    stage.pair()
    stage.play("b", "slow", 8080, f"{draw.uniform(0.7, 1.2):.2f}")
    stage.until_listening("b", 8080)
    stage.capture()
    stage.act("a", "ask", SERVER, 8080, 5, 0.1, 600)
    stage.stop()
    return label()


@case()
def quiet_time(stage, draw):
    """A machine asks for the time every 64 seconds."""
    stage.pair(more=[f"{PUBLIC}/32"])
    stage.play("b", "ntp")
    stage.until_listening("b", 123)
    stage.capture()
    stage.act("a", "ask_time", PUBLIC, draw.randrange(14, 24), 0.32)
    path = stage.stop()
    stages.stretch(path, 200, 0.1)
    return label(may=["capture_clock"])


@case(committed=False)
def quiet_few_refused(stage, draw):
    """Many connections that work, and two that are refused."""
    stage.pair()
    pages(stage, "b", 80)
    stage.capture()
    stage.act("a", "fetch", SERVER, 80, "/1k,/20k", 12, 0.05)
    stage.act("a", "tries", SERVER, 8443, 2, 0.1)
    stage.stop()
    return label()


@case(committed=False)
def quiet_chat(stage, draw):
    """Long connections on which little is said."""
    stage.pair()
    stage.play("b", "echo", 5671)
    stage.until_listening("b", 5671)
    stage.capture()
    talks = [stage.play("a", "ask", SERVER, 5671, draw.randrange(10, 30), f"{draw.uniform(0.05, 0.2):.2f}", draw.randrange(50, 900)) for _ in range(6)]
    for talk in talks:
        talk.wait(30)
    stage.stop()
    return label()
