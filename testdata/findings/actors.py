#!/usr/bin/env python3
"""Small programs that talk in the cases: `actors.py NAME ARGUMENT…`."""

import base64
import functools
import http.client
import http.server
import os
import random
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

TEXT = b"The quick brown fox jumps over the lazy dog, again and again. "


def text(size):
    return (TEXT * (size // len(TEXT) + 1))[:size]


def listen(port, buffer=None, address=""):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if buffer:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    server.bind((address, port))
    server.listen(512)
    return server


def threaded(server, serve):
    while True:
        client, _ = server.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def sink(port, buffer="0", pause="0", times="0"):
    """Takes everything; with a pause, sleeps so long before it reads, so many times."""
    def serve(client):
        for _ in range(int(times)):
            time.sleep(float(pause))
            client.recv(4096)
        while client.recv(65536):
            pass
        client.close()
    threaded(listen(int(port), int(buffer) or None), serve)


def send(host, port, size, gap="0", chunk="16384", seed=""):
    """Sends so many bytes: text, or what no compression makes smaller."""
    draw = random.Random(seed)
    client = socket.create_connection((host, int(port)), 10)
    client.settimeout(60)
    left = int(size)
    while left > 0:
        piece = draw.randbytes(min(left, int(chunk))) if seed else text(min(left, int(chunk)))
        client.sendall(piece)
        left -= len(piece)
        time.sleep(float(gap))
    client.shutdown(socket.SHUT_WR)
    try:
        client.recv(1)
    except OSError:
        pass
    client.close()


def echo(port):
    """Sends back what it gets."""
    def serve(client):
        try:
            while data := client.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        client.close()
    threaded(listen(int(port)), serve)


def ask(host, port, times, gap, size="200", sport="0", last_pause="0", patience="8"):
    """Asks an echo server again and again over one connection."""
    client = socket.create_connection((host, int(port)), 10, ("", int(sport)))
    client.settimeout(float(patience))
    try:
        for number in range(int(times)):
            if number == int(times) - 1:
                time.sleep(float(last_pause))
            client.sendall(text(int(size)))
            got = 0
            while got < int(size):
                data = client.recv(65536)
                if not data:
                    return
                got += len(data)
            time.sleep(float(gap))
    except OSError as error:
        print(error, file=sys.stderr)
    client.close()


def grow(host, port):
    """Small questions to an echo server, then one that fills packets."""
    client = socket.create_connection((host, int(port)), 10)
    for size in (100, 300, 500):
        client.sendall(text(size))
        got = 0
        while got < size:
            got += len(client.recv(65536))
    client.sendall(text(6000))
    client.recv(65536)


def slow(port, wait):
    """Answers each question after so many seconds."""
    def serve(client):
        while client.recv(65536):
            time.sleep(float(wait))
            client.sendall(text(600))
        client.close()
    threaded(listen(int(port)), serve)


def resetting(port):
    """Takes a question and resets the connection."""
    def serve(client):
        client.recv(65536)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    threaded(listen(int(port)), serve)


def tries(host, port, times, gap, timeout="0.5", source="", payload="0"):
    """Connects again and again, and says little or nothing."""
    for _ in range(int(times)):
        try:
            with socket.create_connection((host, int(port)), float(timeout), (source, 0) if source else None) as client:
                if int(payload):
                    client.sendall(text(int(payload)))
                    client.recv(1000)
        except OSError:
            pass
        time.sleep(float(gap))


def together(host, port, times, wait):
    """Begins so many connections at once, and waits."""
    clients = []
    for _ in range(int(times)):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((host, int(port)))
        clients.append(client)
        if len(clients) % 50 == 0:
            time.sleep(0.01)
    time.sleep(float(wait))


def accepting(port):
    """Keeps connections open."""
    clients = []
    server = listen(int(port))
    while True:
        clients.append(server.accept()[0])


def fetch(host, port, paths, times="1", gap="0", jitter="0", user="", seed="1", size_jitter="0"):
    """GETs each path, a connection each; so many times."""
    draw = random.Random(int(seed))
    for _ in range(int(times)):
        for path in paths.split(","):
            try:
                client = http.client.HTTPConnection(host, int(port), timeout=5)
                headers = {"User-Agent": "capkeep-actor"}
                if user:
                    headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
                if int(size_jitter):
                    headers["X-Padding"] = "x" * draw.randrange(int(size_jitter))
                client.request("GET", path, headers=headers)
                client.getresponse().read()
                client.close()
            except OSError as error:
                print(error, file=sys.stderr)
            time.sleep(max(0.0, float(gap) * (1 + (2 * draw.random() - 1) * float(jitter))))


def web(port, folder, certificate="", key=""):
    """Serves files."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_PUT(self):
            left = int(self.headers.get("Content-Length", 0))
            while left > 0:
                left -= len(self.rfile.read(min(left, 65536)))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("", int(port)), functools.partial(Handler, directory=folder))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def question(name, number, kind=1):
    out = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0)
    for label in name.split("."):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0" + struct.pack("!HH", kind, 1)


def resolve(server, names, times="1", gap="0.02", timeout="0.5", kind="1"):
    """Asks for names; # stands for a number, * for random hexadecimal digits."""
    draw = random.Random(1)
    for number in range(int(times)):
        for name in names.split(","):
            name = name.replace("#", str(number)).replace("*", "%06x" % draw.getrandbits(24))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(float(timeout))
                client.sendto(question(name, draw.getrandbits(16), int(kind)), (server, 53))
                try:
                    client.recv(4096)
                except OSError:
                    pass
            time.sleep(float(gap))


def failing(address, port, rcode="2", wait="0"):
    """A name server that answers everything with one code."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, int(port)))
    while True:
        data, who = server.recvfrom(4096)
        time.sleep(float(wait))
        server.sendto(data[:2] + struct.pack("!H", 0x8180 | int(rcode)) + data[4:6] + b"\0" * 6 + data[12:], who)


def tunnel_server(address):
    """Answers TXT questions of a tunnel with data."""
    draw = random.Random(7)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        data, who = server.recvfrom(4096)
        end = data.index(b"\0", 12) + 5
        answer = base64.b64encode(draw.randbytes(120))
        record = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 0, len(answer) + 1) + bytes([len(answer)]) + answer
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
        server.sendto(head + data[12:end] + record, who)


def tunnel(server, domain, times, gap="0.02", seed="1"):
    """Sends data in the names it asks for, as tools for it do."""
    draw = random.Random(int(seed))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(0.5)
    for number in range(int(times)):
        data = base64.b32encode(struct.pack("!I", number) + draw.randbytes(66)).decode().lower().rstrip("=")
        name = ".".join([data[:56], data[56:112], domain])
        client.sendto(question(name, draw.getrandbits(16), 16), (server, 53))
        try:
            client.recv(4096)
        except OSError:
            pass
        time.sleep(float(gap))


def ntp(port="123"):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", int(port)))
    while True:
        data, who = server.recvfrom(1000)
        now = struct.pack("!I", int(time.time()) + 2208988800) + b"\0" * 4
        server.sendto(b"\x24\x02\x06\xe9" + b"\0" * 8 + b"NIST" + now + data[40:48] + now + now, who)


def ask_time(server, times, gap):
    for _ in range(int(times)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            client.sendto(b"\x23\x00\x06\xec" + b"\0" * 36 + struct.pack("!II", int(time.time()) + 2208988800, 0), (server, 123))
            client.recv(1000)
        time.sleep(float(gap))


def ftp(port):
    """A name and a password are asked for; no password is right."""
    def serve(client):
        lines = client.makefile("rb")
        client.sendall(b"220 files.contoso.test FTP server ready\r\n")
        for line in lines:
            word = line.split()[0].upper() if line.split() else b""
            answer = {b"USER": b"331 Password required\r\n", b"PASS": b"530 Login incorrect\r\n",
                      b"QUIT": b"221 Goodbye\r\n"}.get(word, b"502 Not implemented\r\n")
            client.sendall(answer)
            if word == b"QUIT":
                break
        client.close()
    threaded(listen(int(port)), serve)


def log_in(host, times, gap):
    import ftplib
    for number in range(int(times)):
        try:
            client = ftplib.FTP()
            client.connect(host, 21, 5)
            client.login("backup", f"Winter{number:04}")
        except ftplib.all_errors:
            pass
        client.close()
        time.sleep(float(gap))


def spray(host, ports, times, gap, flags, seed="1"):
    """Forged SYNs from the networks for documentation, to which nobody answers."""
    draw = random.Random(int(seed))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    target = socket.inet_aton(host)
    for _ in range(int(times)):
        source = bytes([198, 51, 100, draw.randrange(1, 255)])
        port = int(draw.choice(ports.split(",")))
        tcp = struct.pack("!HHIIBBHHH", draw.randrange(1024, 65535), port, draw.getrandbits(32), 0, 0x50, int(flags), 512, 0, 0)
        pseudo = source + target + struct.pack("!BBH", 0, 6, 20) + tcp
        total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        tcp = tcp[:16] + struct.pack("!H", ~total & 0xFFFF) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, draw.getrandbits(16), 0, 52, 6, 0, source, target)
        raw.sendto(ip + tcp, (host, 0))
        time.sleep(float(gap))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    globals()[sys.argv[1]](*sys.argv[2:])
