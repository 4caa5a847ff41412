#!/usr/bin/env python3
"""Writes what is known of a case's captures, as tshark, capinfos and the programs themselves say it.

    truth.py describe OUT.jsonl PROGRAMS.json [--times N] FILE… [= COPY…]
    truth.py note     OUT.jsonl NAME JSON
    truth.py write    OUT.jsonl truth.json CASE

`describe` reads FILE… as one capture (the segments of a ring belong together), and checks that every COPY, the same
packets in another format, says the same. What the programs reported (`PROGRAMS.json`, objects one after the other) is compared
with the flows: a transfer whose bytes are not the flow's is an error. `--times` says how often the capture saw
each packet (a capture of all devices sees those of `lo` twice).

No capture is parsed here: tshark takes the packets apart, this only counts. Meaning of the fields: README.md.
"""

import collections
import csv
import decimal
import io
import json
import os
import subprocess
import sys

FIELDS = """frame.number frame.time_epoch frame.len frame.cap_len frame.protocols frame.encap_type frame.interface_id
ip.src ip.dst ip.proto ip.id ip.frag_offset ip.flags.mf ipv6.src ipv6.dst ipv6.nxt ipv6.fraghdr.nxt ipv6.fraghdr.ident
ipv6.fraghdr.offset ipv6.fraghdr.more tcp.srcport tcp.dstport tcp.flags tcp.len tcp.seq_raw udp.srcport udp.dstport
udp.length icmp.type icmp.code icmpv6.type icmpv6.code vlan.id ieee8021ad.id vxlan.vni geneve.vni gre.key""".split()
PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6"}
# Types of ICMP messages that answer each other, as Community ID pairs them: they are the two sides of one flow.
PAIRS = {
    "icmp": ((8, 0), (13, 14), (15, 16), (17, 18), (10, 9)),
    "icmp6": ((128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)),
}
ANSWERS = {name: {**dict(pairs), **{b: a for a, b in pairs}} for name, pairs in PAIRS.items()}
TUNNELS = {"vxlan", "geneve", "gre", "erspan"}
NOT_LAYERS = {"ethertype", "data", "ipv6.fraghdr", "ipv6.hopopts", "frame"}


def run(*command):
    """What a command prints; its complaints are passed on, except that it runs as root."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"})
    return done.returncode, done.stdout, "\n".join(
        line for line in done.stderr.splitlines() if "Running as user" not in line and line.strip()
    )


def capinfos(path):
    _, out, _ = run("capinfos", "-T", "-M", "-t", "-E", "-c", "-d", "-S", "-a", "-e", path)
    row = next(csv.DictReader(io.StringIO(out), delimiter="\t"))
    return {
        "format": row["File type"],
        "encapsulation": row["File encapsulation"],
        "packets": int(row["Number of packets"]),
        "bytes": int(row["Data size (bytes)"]),
        "first": row["Start time"],
        "last": row["End time"],
    }


def records(path):
    """One dictionary of lists a packet, IP fragments not put together."""
    command = ["tshark", "-n", "-r", path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    command += ["-o", "tcp.desegment_tcp_streams:FALSE", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    for field in FIELDS:
        command += ["-e", field]
    _, out, _ = run(*command)
    for line in out.splitlines():
        cells = line.split("\t")
        yield {field: [v for v in cell.split("|") if v] for field, cell in zip(FIELDS, cells)}


def at(record, field, index):
    values = record[field]
    return values[index] if 0 <= index < len(values) else None


def number(text):
    return None if text is None else int(text, 0)


class Flows:
    """Flows of one capture: innermost addresses and ports, what an ICMP error quotes left aside."""

    def __init__(self):
        self.flows = {}
        self.no_ip = collections.Counter()
        self.no_ip_inside = collections.Counter()
        self.no_address = collections.Counter()
        self.encapsulations = collections.Counter()
        self.interfaces = collections.Counter()
        self.packets = self.bytes = self.captured = self.fragments = self.above_1514 = self.short = self.largest = 0
        self.fragment_owner = {}
        self.times = []

    def add(self, record):
        length, captured = int(record["frame.len"][0]), int(record["frame.cap_len"][0])
        time = record["frame.time_epoch"][0]
        self.packets += 1
        self.bytes += length
        self.captured += captured
        self.short += captured < length
        self.above_1514 += length > 1514
        self.largest = max(self.largest, length)
        self.times.append(time)
        self.interfaces[int((record["frame.interface_id"] or ["0"])[0])] += 1
        self.encapsulations[int(record["frame.encap_type"][0])] += 1

        seen = collections.Counter()
        layers, inner, transport = [], None, None
        for layer in record["frame.protocols"][0].split(":"):
            if layer in NOT_LAYERS:
                continue
            seen[layer] += 1
            layers.append(layer)
            if layer in TUNNELS or (layer == "eth" and seen["eth"] > 1):
                inner, transport = None, None
            elif layer in ("ip", "ipv6"):
                inner, transport = layer, None
            elif layer in ("tcp", "udp", "icmp", "icmpv6", "igmp"):
                transport = layer
            if layer in ("tcp", "icmp", "icmpv6", "igmp"):
                break
            if layer == "udp" and not set(record["frame.protocols"][0].split(":")) & TUNNELS:
                break
        if inner is None:
            (self.no_ip if not seen["ip"] + seen["ipv6"] else self.no_ip_inside)[layers[-1]] += 1
            return
        nth = seen[inner] - 1
        source, target = at(record, inner + ".src", nth), at(record, inner + ".dst", nth)
        if inner == "ip":
            protocol = number(at(record, "ip.proto", nth))
            offset = number(at(record, "ip.frag_offset", nth)) or 0
            more = at(record, "ip.flags.mf", nth) in ("1", "True")
            ident = at(record, "ip.id", nth)
        else:
            # A fragment header behind ICMPv6 is one that an error quotes.
            outside = record["frame.protocols"][0].split(":icmpv6")[0].split(":")
            fragment = at(record, "ipv6.fraghdr.ident", 0) if "ipv6.fraghdr" in outside else None
            offset = (number(at(record, "ipv6.fraghdr.offset", 0)) or 0) if fragment else 0
            more = bool(fragment) and at(record, "ipv6.fraghdr.more", 0) in ("1", "True")
            ident = fragment
            protocol = number(at(record, "ipv6.fraghdr.nxt", 0) if fragment else at(record, "ipv6.nxt", nth))
            if protocol == 0 and transport == "icmpv6":
                protocol = 58
        name = PROTOCOLS.get(protocol, str(protocol))

        if source is None or target is None:  # cut off by the snap length
            self.no_address[name] += 1
            return
        payload, key, syn, sequence = 0, None, False, None
        ports = (None, None)
        datagram = (inner, source, target, protocol, ident)
        if more or offset:
            self.fragments += 1
        if offset:
            key, forward = self.fragment_owner.get(datagram, (None, True))
            if key is None:  # a fragment before the first one, or without it
                key, forward = (name, source, target, None, None), True
        else:
            if name in ("tcp", "udp"):
                n = seen[name] - 1
                ports = (number(at(record, name + ".srcport", n)), number(at(record, name + ".dstport", n)))
                if name == "tcp":
                    flags = number(at(record, "tcp.flags", n)) or 0
                    syn = flags & 0x12 == 0x02
                    payload = number(at(record, "tcp.len", n))
                    sequence = number(at(record, "tcp.seq_raw", n))
                else:
                    size = number(at(record, "udp.length", n))
                    payload = None if size is None else size - 8
            elif name in ("icmp", "icmp6"):
                field = "icmp" if name == "icmp" else "icmpv6"
                kind, code = number(at(record, field + ".type", 0)), number(at(record, field + ".code", 0))
                ports = (kind, ANSWERS[name].get(kind, code))
            forward = True
            key = (name, source, target, ports[0], ports[1])
            if (name, target, source, ports[1], ports[0]) in self.flows:
                key, forward = (name, target, source, ports[1], ports[0]), False
            if more:
                self.fragment_owner[datagram] = (key, forward)

        flow = self.flows.get(key)
        if flow is None:
            flow = self.flows[key] = {
                "first": time,
                "last": time,
                "layers": [layer for layer in layers if layer not in ("vssmonitoring",)],
                "vlan": [number(v) for v in record["ieee8021ad.id"] + record["vlan.id"]],
                "vni": [number(v) for v in record["vxlan.vni"] + record["geneve.vni"]],
                "gre_key": [number(v) for v in record["gre.key"]],
                "swap": False,
                "begin": [{}, {}],
                "sides": [collections.Counter(), collections.Counter()],
            }
        if name == "tcp" and syn:
            flow["swap"] = not forward  # who sends the SYN is the client
        side = flow["sides"][0 if forward else 1]
        side["packets"] += 1
        side["bytes"] += length
        if payload is None:
            side["unknown"] += 1
        else:
            side["payload"] += payload
            if payload and sequence is not None:
                begin = flow["begin"][0 if forward else 1]
                at_byte = (sequence - begin.setdefault("sequence", sequence)) % 2**32
                at_byte -= 2**32 if at_byte >= 2**31 else 0
                begin["low"] = min(begin.get("low", 0), at_byte)
                begin["high"] = max(begin.get("high", 0), at_byte + payload)
        flow["first"] = min(flow["first"], time, key=decimal.Decimal)
        flow["last"] = max(flow["last"], time, key=decimal.Decimal)

    def listed(self):
        out = []
        for (name, a, b, a_port, b_port), flow in self.flows.items():
            first, second = flow["sides"]
            for side, begin in zip(flow["sides"], flow["begin"]):
                side["stream"] = begin.get("high", 0) - begin.get("low", 0)
            if flow["swap"]:
                a, b, a_port, b_port, first, second = b, a, b_port, a_port, second, first
            row = {"protocol": name, "client": a, "server": b}
            if name in ANSWERS:
                row["icmp_type"] = a_port
                row["icmp_answer" if a_port in ANSWERS[name] else "icmp_code"] = b_port
            elif name in ("tcp", "udp"):
                row["client_port"], row["server_port"] = a_port, b_port
            for side, counts in (("from_client", first), ("from_server", second)):
                row[side] = {"packets": counts["packets"], "bytes": counts["bytes"]}
                if name in ("tcp", "udp"):
                    row[side]["payload_bytes"] = None if counts["unknown"] else counts["payload"]
                if name == "tcp":
                    row[side]["stream_bytes"] = None if counts["unknown"] else counts["stream"]
            row["first"], row["last"] = flow["first"], flow["last"]
            row["layers"] = " ".join(flow["layers"])
            if flow["vlan"]:
                row["vlan"] = flow["vlan"]
            if flow["vni"]:
                row["vni"] = flow["vni"]
            if flow["gre_key"]:
                row["gre_key"] = flow["gre_key"]
            out.append(row)
        return sorted(out, key=lambda row: (row["first"], row["protocol"], row["client"]))


def read(paths):
    flows, per_file = Flows(), []
    for path in paths:
        before = flows.packets
        for record in records(path):
            flows.add(record)
        said = capinfos(path)
        row = {"name": os.path.basename(path), "file_bytes": os.path.getsize(path), **said}
        if said["packets"] != flows.packets - before:
            sys.exit(f"{path}: capinfos counts {said['packets']} packets, tshark {flows.packets - before}")
        per_file.append(row)
    in_flows = sum(row[side]["packets"] for row in flows.listed() for side in ("from_client", "from_server"))
    outside = sum(flows.no_ip.values()) + sum(flows.no_ip_inside.values()) + sum(flows.no_address.values())
    if flows.packets != in_flows + outside:
        sys.exit(f"{paths}: {flows.packets} packets, {in_flows} of them in flows and {outside} without IP")
    return flows, per_file


def check_programs(path, listed, times):
    """Adds up what the programs said by connection and compares; returns what they said."""
    text = open(path).read() if os.path.exists(path) else ""
    said = json.loads("[" + text.strip().replace("}\n{", "},{") + "]")
    sums = {}
    for entry in said:
        flow = entry.get("flow")
        if flow is None:
            continue
        key = tuple(flow.get(k) for k in ("protocol", "client_port", "server_port"))
        total = sums.setdefault(key, {"from_client": 0, "from_server": 0})
        for side in total:
            value = entry["payload_bytes"].get(side)
            value = sum(value) if isinstance(value, list) else value
            total[side] = None if value is None or total[side] is None else total[side] + value
    for (protocol, client_port, server_port), total in sums.items():
        rows = [
            row
            for row in listed
            if row["protocol"] == protocol
            and row.get("server_port") == server_port
            and client_port in (None, row.get("client_port"))
        ]
        if not rows:
            sys.exit(f"a program speaks of {protocol} {client_port} -> {server_port}, which the capture does not have")
        for side, value in total.items():
            if value is None:
                continue
            # A program knows nothing of what TCP sends again, nor of the copies `--times` speaks of.
            have = sum(row[side]["stream_bytes" if protocol == "tcp" else "payload_bytes"] for row in rows)
            want = value if protocol == "tcp" else value * times
            if have != want:
                sys.exit(f"{protocol} {client_port} -> {server_port} {side}: {have} payload bytes, a program says {want}")
    return said


def describe(arguments):
    out, programs, *rest = arguments
    times = 1
    if rest[0] == "--times":
        times, rest = int(rest[1]), rest[2:]
    files, copies = (rest[: rest.index("=")], rest[rest.index("=") + 1 :]) if "=" in rest else (rest, [])
    flows, per_file = read(files)
    listed = flows.listed()
    entry = {
        "files": per_file,
        "packets": flows.packets,
        "bytes": flows.bytes,
        "captured_bytes": flows.captured,
        "first": min(flows.times, key=decimal.Decimal),
        "last": max(flows.times, key=decimal.Decimal),
        "fragments": flows.fragments,
        "cut_by_snap_length": flows.short,
        "above_1514_bytes": flows.above_1514,
        "largest_packet_bytes": flows.largest,
    }
    if len(flows.interfaces) > 1:
        entry["packets_by_interface"] = {str(k): v for k, v in sorted(flows.interfaces.items())}
    entry["not_ip"] = dict(sorted(flows.no_ip.items()))
    if flows.no_ip_inside:
        entry["not_ip_in_a_tunnel"] = dict(sorted(flows.no_ip_inside.items()))
    if flows.no_address:
        entry["addresses_cut_off"] = dict(sorted(flows.no_address.items()))
    entry["flow_count"] = dict(sorted(collections.Counter(row["protocol"] for row in listed).items()))
    if copies:
        entry["same_in"] = []
        for copy in copies:
            other, per_copy = read([copy])
            if (other.packets, other.bytes, other.captured) != (flows.packets, flows.bytes, flows.captured):
                sys.exit(f"{copy} does not hold the packets of {files[0]}")
            strip = lambda rows: [{k: v for k, v in row.items() if k not in ("first", "last")} for row in rows]
            if sorted(map(str, strip(other.listed()))) != sorted(map(str, strip(listed))):
                sys.exit(f"{copy} does not hold the flows of {files[0]}")
            entry["same_in"] += per_copy
    entry["programs"] = check_programs(programs, listed, times)
    entry["flows"] = listed
    with open(out, "a") as file:
        file.write(json.dumps(entry) + "\n")


def note(arguments):
    out, name, text = arguments
    with open(out, "a") as file:
        file.write(json.dumps({"note": name, "value": json.loads(text)}) + "\n")


def render(value, depth=0):
    """JSON with one line for what has no depth, so that a change of a flow is a change of a line."""
    pad = " " * (depth + 1)
    if isinstance(value, dict) and any(isinstance(v, (dict, list)) and v for v in value.values()) and depth < 3:
        inner = ",\n".join(f"{pad}{json.dumps(k)}: {render(v, depth + 1)}" for k, v in value.items())
        return "{\n" + inner + "\n" + " " * depth + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(pad + render(v, depth + 1) for v in value) + "\n" + " " * depth + "]"
    return json.dumps(value)


def write(arguments):
    source, out, case = arguments
    entries = [json.loads(line) for line in open(source)]
    _, tshark, _ = run("tshark", "--version")
    _, _, tcpdump = run("tcpdump", "--version")
    tcpdump = tcpdump or run("tcpdump", "--version")[1]
    truth = {"case": case, "tools": {"tshark": tshark.split()[2].rstrip("."), "tcpdump": tcpdump.split()[2]}}
    for entry in entries:
        if "note" in entry:
            truth[entry["note"]] = entry["value"]
    truth["captures"] = [entry for entry in entries if "note" not in entry]
    with open(out, "w") as file:
        file.write(render(truth) + "\n")


if __name__ == "__main__":
    {"describe": describe, "note": note, "write": write}[sys.argv[1]](sys.argv[2:])
