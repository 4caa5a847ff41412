"""Network namespaces with real programs in them, and tcpdump listening."""

import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ACTORS = str(HERE / "actors.py")
counter_lock = threading.Lock()
counter = 0


class Trouble(Exception):
    """A case did not go as it should."""


class Stage:
    """Some hosts, for one case. Leaving it takes everything down."""

    def __init__(self, name):
        global counter
        with counter_lock:
            counter += 1
            self.prefix = f"capkeep{os.getpid()}f{counter}"
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"capkeep-{name}-"))
        self.log = open(self.folder / "programs.log", "ab")
        self.hosts = []
        self.running = []
        self.captures = []
        self.injected = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
        for host in self.hosts:
            pids = subprocess.run(["ip", "netns", "pids", self.at(host)], capture_output=True, text=True).stdout.split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except (ProcessLookupError, ValueError):
                    pass
            subprocess.run(["ip", "netns", "del", self.at(host)], stderr=subprocess.DEVNULL)
            shutil.rmtree(f"/etc/netns/{self.at(host)}", ignore_errors=True)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---------------------------------------------------------------------------------------------------- hosts

    def at(self, host):
        return f"{self.prefix}{host}"

    def host(self, *names):
        for name in names:
            subprocess.run(["ip", "netns", "add", self.at(name)], check=True)
            self.hosts.append(name)
            self.run(name, "ip", "link", "set", "lo", "up")
            self.run(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")

    def wire(self, one, one_device, other, other_device, offload=False, mtu=1500):
        subprocess.run(
            ["ip", "link", "add", one_device, "netns", self.at(one), "type", "veth", "peer", "name", other_device,
             "netns", self.at(other)], check=True)
        for host, device in ((one, one_device), (other, other_device)):
            if not offload:
                self.run(host, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off", check=False)
            self.run(host, "ip", "link", "set", device, "up", "mtu", str(mtu))

    def address(self, host, device, *addresses):
        for address in addresses:
            self.run(host, "ip", "address", "add", address, "dev", device)

    def pair(self, offload=False, more=(), relay=None):
        """a (10.9.0.4) and b (10.9.0.20 and more) at the ends of one cable, or with a relay of frames in between."""
        if relay is None:
            self.host("a", "b")
            self.wire("a", "eth0", "b", "eth0", offload)
        else:
            self.host("a", "b", "r")
            self.wire("a", "eth0", "r", "left", mtu=1500)
            self.wire("b", "eth0", "r", "right", mtu=1500)
            self.injected = self.folder / "injected.jsonl"
            self.start("r", sys.executable, str(HERE / "relay.py"), "left", "right", relay, str(self.injected))
        self.address("a", "eth0", "10.9.0.4/24")
        self.address("b", "eth0", "10.9.0.20/24", *more)
        self.run("a", "ip", "route", "add", "default", "via", "10.9.0.20")
        self.run("b", "ip", "route", "add", "default", "via", "10.9.0.4")
        if relay is not None:
            self.run("a", "ping", "-n", "-q", "-c", "20", "-i", "0.1", "-W", "1", "-w", "3", "10.9.0.20", check=False)
        else:
            self.run("a", "ping", "-n", "-q", "-c", "1", "-W", "1", "10.9.0.20", check=False)

    def resolver(self, host, address):
        folder = pathlib.Path(f"/etc/netns/{self.at(host)}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")

    # ------------------------------------------------------------------------------------------------- programs

    def run(self, host, *command, check=True, timeout=90, **more):
        more.setdefault("stdout", self.log)
        more.setdefault("stderr", self.log)
        more.setdefault("stdin", subprocess.DEVNULL)
        try:
            return subprocess.run(["ip", "netns", "exec", self.at(host), *map(str, command)], check=check, timeout=timeout, **more)
        except subprocess.TimeoutExpired:
            if check:
                raise
            return None

    def start(self, host, *command, **more):
        more.setdefault("stdout", self.log)
        more.setdefault("stderr", self.log)
        more.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(["ip", "netns", "exec", self.at(host), *map(str, command)], **more)
        self.running.append(process)
        return process

    def act(self, host, *arguments, **more):
        """Runs a small program of actors.py to its end."""
        return self.run(host, sys.executable, ACTORS, *arguments, **more)

    def play(self, host, *arguments):
        """Starts one in the background."""
        return self.start(host, sys.executable, ACTORS, *arguments)

    def until_listening(self, host, port, tries=300):
        for _ in range(tries):
            if self.run(host, "ss", "-Hlntu", f"sport = :{port}", stdout=subprocess.PIPE).stdout:
                return
            time.sleep(0.05)
        raise Trouble(f"nothing listens on port {port} of {host}: {self.said()}")

    def said(self):
        self.log.flush()
        return (self.folder / "programs.log").read_text(errors="replace")[-2000:]

    # ------------------------------------------------------------------------------------------------- capturing

    def capture(self, host="a", device="eth0", snap=2000, name="capture.pcap", limit=None, only=""):
        path = self.folder / name
        log = open(self.folder / f"{name}.log", "w+")
        command = ["tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-B", "16384", "-i", device, "-s", str(snap), "-w", str(path)]
        command += ["-c", str(limit)] if limit else []
        process = self.start(host, *command, *only.split(), stderr=log)
        self.captures.append((process, path, log))
        for _ in range(100):
            log.seek(0)
            if "listening on" in log.read():
                return path
            time.sleep(0.05)
        raise Trouble("tcpdump does not listen")

    def stop(self, rest=1.0):
        """Ends every capture; none may have lost a packet."""
        time.sleep(rest)
        paths = []
        for process, path, log in self.captures:
            if process.poll() is None:
                # ip netns exec becomes tcpdump.
                process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
            log.seek(0)
            text = log.read()
            if "dropped by kernel" in text and "\n0 packets dropped by kernel" not in text:
                raise Trouble(f"the kernel dropped packets: {text}")
            paths.append(path)
        self.captures = []
        return paths[0] if paths else None


# ------------------------------------------------------------------------------------------------------ capture files

def records(path):
    """(nanoseconds, length on the wire, bytes) of every packet of a little-endian pcap, and the file's header."""
    data = pathlib.Path(path).read_bytes()
    header, at, out = data[:24], 24, []
    while at + 16 <= len(data):
        seconds, micros, kept, length = struct.unpack("<IIII", data[at:at + 16])
        out.append((seconds * 10**9 + micros * 1000, length, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    return header, out


def write(path, header, packets):
    out = [header]
    for nanos, length, data in packets:
        out.append(struct.pack("<IIII", nanos // 10**9, nanos % 10**9 // 1000, len(data), length) + data)
    pathlib.Path(path).write_bytes(b"".join(out))


def stretch(path, factor, longer_than=0.05, least=0.0):
    """Makes every silence longer than `longer_than` seconds `factor` times as long. What happens in between stays."""
    header, packets = records(path)
    moved, last, out = 0, None, []
    for nanos, length, data in packets:
        if last is not None and nanos - last > longer_than * 1e9:
            silence = nanos - last
            moved += max(int(silence * factor), int(least * 1e9)) - silence
        last = nanos
        out.append((nanos + moved, length, data))
    write(path, header, out)


def shift(path, after, by):
    """Moves everything from the packet with the index `after` on by so many seconds."""
    header, packets = records(path)
    write(path, header, [(n + int(by * 1e9) * (i >= after), length, data) for i, (n, length, data) in enumerate(packets)])


def longest_silence(path):
    """Index of the packet that ends the longest silence."""
    _, packets = records(path)
    return max(range(1, len(packets)), key=lambda i: packets[i][0] - packets[i - 1][0])


def keep(path, wanted):
    """Keeps the packets for which wanted(index, bytes) is true."""
    header, packets = records(path)
    write(path, header, [packet for index, packet in enumerate(packets) if wanted(index, packet[2])])


def fill(path, size):
    """Keeps the first packets, as many as a file of so many bytes has room for."""
    header, packets = records(path)
    room, kept = size - len(header), []
    for packet in packets:
        room -= 16 + len(packet[2])
        if room < 0:
            break
        kept.append(packet)
    else:
        raise Trouble(f"{len(packets)} packets do not fill {size} bytes")
    write(path, header, kept)


def as_pcapng(path, target, received, dropped):
    """The same as pcapng, with the statistics of an interface that dropped packets (as dumpcap writes them)."""
    header, packets = records(path)
    link_type = struct.unpack("<I", header[20:24])[0]

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    def at(nanos):
        return struct.pack("<II", nanos // 1000 >> 32, nanos // 1000 & 0xFFFFFFFF)

    def option(code, value):
        return struct.pack("<HH", code, len(value)) + value

    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", link_type, 0, 262144))]
    for nanos, length, data in packets:
        body = struct.pack("<I", 0) + at(nanos) + struct.pack("<II", len(data), length) + data
        out.append(block(6, body))
    counters = option(4, struct.pack("<Q", received)) + option(5, struct.pack("<Q", dropped)) + struct.pack("<HH", 0, 0)
    out.append(block(5, struct.pack("<I", 0) + at(packets[-1][0]) + counters))
    pathlib.Path(target).write_bytes(b"".join(out))
