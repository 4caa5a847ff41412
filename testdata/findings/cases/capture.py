"""Captures that do not have all that there was."""

import pathlib

import stage as stages
from cases.labels import CLIENT, SERVER, case, expect, label
from cases.scenes import browse, pages, switch


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


def interrupted(stage, size=3_000_000, snap=2000, limit=None, after=None):
    """A transfer during which the capture ends: after so many packets, or by hand after so many seconds."""
    stage.pair()
    stage.play("b", "sink", 5201)
    stage.until_listening("b", 5201)
    stage.capture(snap=snap, limit=limit)
    if after is None:
        stage.act("a", "send", SERVER, 5201, size)
        return stage.stop()
    stage.play("a", "send", SERVER, 5201, size, 0.01)
    return stage.stop(rest=after)


@case(hard=True)
def capture_stopped(stage, draw):
    """The capture ends at a limit that is not round while a transfer is in full swing: nobody sees why it ended."""
    interrupted(stage, limit=draw.randrange(300, 600))
    return label(expect("capture_stopped"))


@case(committed=False, hard=True)
def capture_stopped_by_hand(stage, draw):
    """Somebody ends the capture while a transfer is in full swing: the packets look as if it had reached a limit."""
    interrupted(stage, size=30_000_000, snap=100, after=draw.uniform(1.2, 2.0))
    return label(may=["capture_snapped"])


@case()
def capture_stopped_at_count(stage, draw):
    """tcpdump -c 1000, while a transfer is in full swing."""
    interrupted(stage, snap=80, limit=1000)
    return label(expect("capture_stopped"), may=["capture_snapped"])


@case(committed=False)
def capture_stopped_at_size(stage, draw):
    """A file may have so many megabytes and no more, and the transfer goes on."""
    path = interrupted(stage, size=6_000_000)
    limit = draw.choice([1_000_000, 1 << 20, 2_000_000, 4_000_000, 1 << 22])
    stages.fill(path, limit)
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
