"""Nothing is wrong, and nothing may be found."""

import pathlib
import subprocess
import sys
import zipfile

import stage as stages
from cases.labels import METADATA, PLATFORM, PUBLIC, SERVER, case, label
from cases.scenes import certificate, idle, names, pages, probes, tls, transfer


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
def quiet_idle(stage, draw):
    """Minutes of silence, after which the connection works as before."""
    stage.pair()
    idle(stage, draw, 1433)
    stage.act("a", "ask", SERVER, 1433, 5, 0.1, 200, 0, 1.5)
    path = stage.stop()
    stages.shift(path, stages.longest_silence(path), draw.choice([245, 300, 420]))
    return label(may=["capture_clock"])


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


@case()
def quiet_tls(stage, draw):
    """TLS 1.2 and 1.3 as they should be."""
    certificate(stage)
    tls(stage, [], draw.choice([["-tls1_2"], ["-tls1_3"]]), times=3)
    return label()


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


@case(committed=False)
def quiet_still_busy(stage, draw):
    """Somebody ends the capture while pages are being fetched and a long connection is open."""
    stage.pair()
    pages(stage, "b", 80)
    stage.play("b", "echo", 5671)
    stage.until_listening("b", 5671)
    stage.capture()
    stage.play("a", "ask", SERVER, 5671, 99, 0.1, 300)
    stage.play("a", "fetch", SERVER, 80, "/1k,/20k,/60k", 99, 0.04)
    stage.stop(rest=draw.uniform(2, 4))
    return label()
