#!/usr/bin/env python3
"""Makes captures in which something is wrong, or nothing, each with what has to be found of it.

    sudo testdata/findings/make.py                                     the committed ones anew
    sudo testdata/findings/make.py NAME…                               some of them
    sudo testdata/findings/make.py --variants 3 --into FOLDER [NAME…]  every case so often, with other numbers each time
    testdata/findings/make.py --list                                   their names

Real programs talk in network namespaces of their own while tcpdump listens; faults are injected by relay.py, iptables,
nmap and the programs themselves. Nothing of the host's network is touched, no packet leaves the namespaces, and all of it is
gone when the script ends. For Debian 12, as root.
"""

import argparse
import concurrent.futures
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import traceback

sys.dont_write_bytecode = True

import cases
import stage

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {
    "arping": "arping", "chromium-headless-shell": "chromium-headless-shell", "dnsmasq": "dnsmasq-base",
    "dropbear": "dropbear-bin", "ethtool": "ethtool", "iodine": "iodine", "ip": "iproute2", "iptables": "iptables",
    "nmap": "nmap", "openssl": "openssl", "ping": "iputils-ping", "rsync": "rsync", "scp": "openssh-client",
    "/usr/sbin/sshd": "openssh-server", "sysctl": "procps", "tcpdump": "tcpdump",
}
# Packets without which nothing can be found, nor wrongly found.
FEWEST = 4
# Bytes of a committed capture, compressed.
LARGEST = 60_000


def install():
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if not missing:
        return
    print("installing", *missing, file=sys.stderr)
    # The packages would start their services on the host; none of them is wanted there.
    lull = pathlib.Path("/usr/sbin/policy-rc.d")
    is_mine = not lull.exists()
    if is_mine:
        lull.write_text("#!/bin/sh\nexit 101\n")
        lull.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment,
                       check=False, stdout=subprocess.DEVNULL)
    finally:
        if is_mine:
            lull.unlink()


def make(case, seed, into, name):
    """One capture; returns its entry in truth.json, or why there is none."""
    try:
        with stage.Stage(case["name"]) as one:
            found = case["make"](one, random.Random(f"{case['name']} {seed}"))
            ng = one.folder / "capture.pcapng"
            suffix = "pcapng" if ng.exists() else "pcap"
            data = (ng if ng.exists() else one.folder / "capture.pcap").read_bytes()
            count = len(stage.records(one.folder / "capture.pcap")[1])
            if count < FEWEST:
                raise stage.Trouble(f"{count} packets only: {one.said()}")
            is_raw = case["name"] == "capture-cut"
            file = f"{name}.{suffix}" if is_raw else f"{name}.{suffix}.gz"
            packed = data if is_raw else gzip.compress(data, 9, mtime=0)
            (into / file).write_bytes(packed)
            injected = []
            if one.injected and one.injected.exists():
                injected = [json.loads(line) for line in one.injected.read_text().splitlines()]
            entry = {"file": file, "case": case["name"], "seed": seed, "doc": case["doc"], "is_hard": case["is_hard"], **found}
            if injected:
                entry["injected"] = injected
            return entry, len(packed), None
    except Exception as error:  # a case that fails must not take the others down
        said = getattr(error, "stderr", None) or ""
        return None, 0, f"{name}: {error} {said}\n{traceback.format_exc(limit=-3)}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", metavar="NAME")
    arguments.add_argument("--list", action="store_true", help="names of the cases")
    arguments.add_argument("--variants", type=int, default=0, metavar="N", help="make every case N times, with other numbers")
    arguments.add_argument("--into", type=pathlib.Path, default=HERE, metavar="FOLDER")
    arguments.add_argument("--first", type=int, default=1, metavar="SEED", help="seed of the first variant")
    arguments.add_argument("--jobs", type=int, default=3, help="cases at a time")
    given = arguments.parse_args()
    if given.list:
        print(*[case["name"] for case in cases.CASES], sep="\n")
        return 0
    unknown = set(given.names) - {case["name"] for case in cases.CASES}
    if unknown:
        print("no case", *sorted(unknown), file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("network namespaces need root", file=sys.stderr)
        return 2
    install()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    given.into.mkdir(parents=True, exist_ok=True)
    wanted = [case for case in cases.CASES if case["name"] in given.names or (not given.names and (given.variants or case["is_committed"]))]
    jobs = []
    for case in wanted:
        if given.variants:
            jobs += [(case, seed, f"{case['name']}-{seed}") for seed in range(given.first, given.first + given.variants)]
        else:
            jobs.append((case, 0, case["name"]))
    truth_file = given.into / "truth.json"
    known = json.loads(truth_file.read_text())["captures"] if truth_file.exists() else []
    entries = {entry["file"]: entry for entry in known if (given.into / entry["file"]).exists()}
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        running = {pool.submit(make, case, seed, given.into, name): name for case, seed, name in jobs}
        for done in concurrent.futures.as_completed(running):
            entry, size, trouble = done.result()
            if trouble:
                failed += 1
                print(trouble, file=sys.stderr)
                continue
            entries[entry["file"]] = entry
            if not given.variants and size > LARGEST:
                print(f"{entry['file']}: {size} bytes are too many to be committed", file=sys.stderr)
                failed += 1
            print(f"{entry['file']}: {size} bytes", flush=True)
    ordered = [entries[file] for file in sorted(entries)]
    lines = ",\n".join("  " + json.dumps(entry) for entry in ordered)
    truth_file.write_text('{"captures": [\n' + lines + "\n]}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
