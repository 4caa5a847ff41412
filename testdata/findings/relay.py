#!/usr/bin/env python3
"""A cable that loses, delays, swaps, doubles and forges frames, because not every kernel has netem.

    relay.py LEFT RIGHT RULES LOG

Takes frames from one device to the other and back. RULES is JSON:

    seed          of all that is drawn
    delay_ms      each way
    jitter_ms     drawn on top of it, in order
    drop          share of the TCP segments with payload that is lost, to the right ("drop_left": to the left)
    drop_syn      share of SYNs to the right that is lost
    swap          share of the segments with payload that is held back until the next one has passed
    double        share of the frames that is sent twice
    longest       IP packets longer than this are lost
    after         connection's segments with payload that pass before anything is done to it
    reset         {"after": n, "hops": h}: after n segments with payload to the left, a RST is forged whose TTL is h lower
    mute_after    nothing passes any more after so many segments with payload to the right

Every fault is a line of JSON in LOG.
"""

import heapq
import json
import random
import select
import socket
import struct
import sys
import time

OUTGOING = 4


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segment:
    """What is read of a frame; `tcp` is False for everything but TCP over IPv4."""

    def __init__(self, frame):
        self.tcp = False
        self.ip_len = 0
        if len(frame) < 34 or frame[12:14] != b"\x08\x00":
            return
        ihl = (frame[14] & 15) * 4
        self.ip_len, self.id = struct.unpack("!HH", frame[16:20])
        self.ttl = frame[22]
        if frame[23] != 6:
            return
        self.tcp = True
        self.src, self.dst = (socket.inet_ntoa(frame[i:i + 4]) for i in (26, 30))
        at = 14 + ihl
        self.sport, self.dport, self.seq, self.ack = struct.unpack("!HHII", frame[at:at + 12])
        self.flags = frame[at + 13]
        self.payload = self.ip_len - ihl - (frame[at + 12] >> 4) * 4

    def key(self):
        return (self.src, self.sport, self.dst, self.dport)

    def told(self):
        return {"src": self.src, "sport": self.sport, "dst": self.dst, "dport": self.dport, "seq": self.seq,
                "len": self.payload, "ip_id": self.id}


def forge_reset(frame, segment, hops):
    """A RST in the place of what follows `frame`, as somebody on the way would send it."""
    eth = frame[:14]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0x1234, 0x4000, 64, 6, 0, frame[26:30], frame[30:34])
    ttl = max(segment.ttl - hops, 1)
    ip = ip[:8] + bytes([ttl]) + ip[9:]
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    seq = (segment.seq + segment.payload) & 0xFFFFFFFF
    tcp = struct.pack("!HHIIBBHHH", segment.sport, segment.dport, seq, segment.ack, 0x50, 0x14, 0, 0, 0)
    pseudo = frame[26:34] + struct.pack("!BBH", 0, 6, len(tcp))
    return eth + ip + tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]


def main():
    left, right, rules, log = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), open(sys.argv[4], "a", buffering=1)
    draw = random.Random(rules.get("seed", 1))
    sockets = []
    for device in (left, right):
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        one.bind((device, 0))
        sockets.append(one)
    due, number, held, data_seen, muted = [], 0, [None, None], [{}, {}], False
    last_due = [0.0, 0.0]

    def fault(event, segment, **more):
        log.write(json.dumps({"event": event, "at": round(time.time(), 6), **segment.told(), **more}) + "\n")

    def plan(side, frame, extra=0.0):
        nonlocal number
        wait = rules.get("delay_ms", 0) / 1e3 + draw.random() * rules.get("jitter_ms", 0) / 1e3
        # In order: what overtakes does so because it is swapped.
        at = max(time.monotonic() + wait, last_due[side] + 1e-6) + extra
        last_due[side] = at
        number += 1
        heapq.heappush(due, (at, number, side, frame))

    def send(side, frame):
        try:
            sockets[1 - side].send(frame)
        except OSError:
            pass

    while True:
        wait = None if not due else max(0.0, due[0][0] - time.monotonic())
        if held[0] or held[1]:
            wait = min(0.05, wait) if wait is not None else 0.05
        ready, _, _ = select.select(sockets, [], [], wait)
        for one in ready:
            side = sockets.index(one)
            frame, where = one.recvfrom(65535)
            if where[2] == OUTGOING:
                continue
            segment = Segment(frame)
            if muted and segment.tcp:
                fault("muted", segment)
                continue
            if segment.ip_len > rules.get("longest", 65535) and segment.tcp:
                fault("too long", segment)
                continue
            if segment.tcp and segment.flags & 0x12 == 2 and side == 0 and draw.random() < rules.get("drop_syn", 0):
                fault("lost", segment)
                continue
            if segment.tcp and segment.payload > 0:
                count = data_seen[side][segment.key()] = data_seen[side].get(segment.key(), 0) + 1
                is_old = count > rules.get("after", 4)
                share = rules.get("drop" if side == 0 else "drop_left", 0)
                if is_old and draw.random() < share:
                    fault("lost", segment)
                    continue
                if is_old and draw.random() < rules.get("swap", 0) and held[side] is None:
                    held[side] = (time.monotonic(), frame, segment)
                    continue
                if side == 0 and count > rules.get("mute_after", count):
                    muted = True
                    fault("muted", segment)
                    continue
                reset = rules.get("reset")
                if side == 1 and reset and count == reset["after"]:
                    plan(side, frame)
                    plan(side, forge_reset(frame, segment, reset["hops"]))
                    fault("reset forged", segment, hops=reset["hops"])
                    continue
            plan(side, frame)
            if held[side] is not None and segment.tcp and segment.payload > 0:
                _, late, its = held[side]
                held[side] = None
                plan(side, late)
                fault("swapped", its)
            if draw.random() < rules.get("double", 0):
                plan(side, frame)
                if segment.tcp:
                    fault("doubled", segment)
        now = time.monotonic()
        for side in (0, 1):
            if held[side] is not None and now - held[side][0] > 0.03:
                plan(side, held[side][1])
                held[side] = None
        while due and due[0][0] <= now:
            _, _, side, frame = heapq.heappop(due)
            send(side, frame)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
