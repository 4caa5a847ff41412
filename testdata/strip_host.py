#!/usr/bin/env python3
"""Takes the options out of pcapng files that describe the machine they were made on.

    strip_host.py FILE…

dumpcap writes the processor and the system into the section header (shb_hardware, shb_os) and the system again into the
description of every interface (if_os, if_hardware). Everything else stays as it is: packets, times, names of
interfaces, the program that wrote the file. A file that ends inside a block keeps its end.

Source: IETF draft-ietf-opsawg-pcapng, sections 3.5 (options), 4.1 (section header) and 4.2 (interface description).
"""

import struct
import sys

SECTION, INTERFACE = 0x0A0D0D0A, 1
# Block type: bytes of its body before the options, and the options to take out.
HOST = {SECTION: (16, {2, 3}), INTERFACE: (8, {12, 15})}
END_OF_OPTIONS = 0
UNKNOWN_LENGTH = b"\xff" * 8  # of a section: -1


def without(options, order, unwanted):
    kept, at = [], 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        end = at + 4 + (length + 3) // 4 * 4
        if code not in unwanted:
            kept.append(options[at:end])
        at = end
        if code == END_OF_OPTIONS:
            break
    # The mark of the end stands only where there are options.
    return b"" if len(kept) == 1 and kept[0] == bytes(4) else b"".join(kept)


def stripped(data):
    out, at, order = [], 0, "<"
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or length % 4 or at + length > len(data):
            break
        body = data[at + 8 : at + length - 4]
        if kind in HOST:
            fixed, unwanted = HOST[kind]
            head = body[:fixed]
            if kind == SECTION:
                head = head[:8] + UNKNOWN_LENGTH
            body = head + without(body[fixed:], order, unwanted)
        size = struct.pack(order + "I", len(body) + 12)
        out.append(data[at : at + 4] + size + body + size)
        at += length
    return b"".join(out) + data[at:]


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        before = file.read()
    after = stripped(before)
    if after != before:
        with open(path, "wb") as file:
            file.write(after)
