"""What several cases have in common."""

import json
import subprocess
import time

import stage as stages
from cases.labels import CLIENT, PLATFORM, SERVER


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


def names(stage, *more):
    stage.start("b", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                "--user=root", f"--listen-address={SERVER}", "--pid-file=", "--cache-size=0", "--local=/corp.test/",
                "--host-record=www.corp.test,10.9.0.20", "--host-record=sql.corp.test,10.9.0.21",
                *[f"--host-record=host{n}.corp.test,10.9.3.{n}" for n in range(40)], *more)
    stage.until_listening("b", 53)


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


def switch(stage, *hosts):
    """Hosts at the ports of a switch."""
    stage.host("s", *hosts)
    stage.run("s", "ip", "link", "add", "br0", "type", "bridge")
    stage.run("s", "ip", "link", "set", "br0", "up")
    for name in hosts:
        stage.wire(name, "eth0", "s", f"to-{name}")
        stage.run("s", "ip", "link", "set", f"to-{name}", "master", "br0")


def browse(stage, draw, times=6, **how):
    stage.pair()
    pages(stage, "b", 80)
    stage.capture(**how)
    stage.act("a", "fetch", SERVER, 80, "/20k,/60k,/1k", times, 0.05)
    return stage.stop()


def probes(stage, draw, prepare, times=9):
    stage.pair(more=[f"{PLATFORM}/32"])
    prepare()
    stage.capture()
    stage.act("b", "tries", CLIENT, 80, times, 0.25, 0.1, PLATFORM)
    path = stage.stop()
    # Every 5 seconds.
    stages.stretch(path, 20, 0.12)


def idle(stage, draw, server):
    stage.play("b", "echo", server)
    stage.until_listening("b", server)
    stage.capture()
