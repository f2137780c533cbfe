"""What each process of a world has taken so far: processor, waits, commits and frames."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.bench import process
from tests.bench.world import Bench

TICKS = os.sysconf("SC_CLK_TCK")
COUNTED = {
    "commits": "steward_commit_batch_size_count",
    "units": "steward_commit_batch_size_sum",
    "frames": "steward_frames_sent_total",
}


class Cost(msgspec.Struct, frozen=True):
    """Since the start of a process. ``main``, ``others`` and ``children``: seconds of processor of
    its first thread, of all others, and of the processes that it has seen end; ``waits``: how often
    a thread had waited and went on; ``forced``: how often one was made to give way."""

    main: float = 0.0
    others: float = 0.0
    children: float = 0.0
    waits: int = 0
    forced: int = 0
    counts: Mapping[str, float] = {}

    def since(self, before: Cost) -> Cost:
        """What has been taken since then."""
        return Cost(
            self.main - before.main,
            self.others - before.others,
            self.children - before.children,
            self.waits - before.waits,
            self.forced - before.forced,
            {name: value - before.counts.get(name, 0.0) for name, value in self.counts.items()},
        )

    @property
    def cpu(self) -> float:
        """Seconds, without the children's."""
        return self.main + self.others


def cost(pid: int) -> Cost:
    """Of one process. Threads that have ended count no more."""
    main = others = 0.0
    waits = forced = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
        if task.name == str(pid):
            main = seconds
        else:
            others += seconds
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                waits += int(line.split()[1])
            elif line.startswith("nonvoluntary_ctxt_switches:"):
                forced += int(line.split()[1])
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = (int(after_name[13]) + int(after_name[14])) / TICKS
    return Cost(main, others, children, waits, forced)


def counted(address: str) -> dict[str, float]:
    """What a daemon tells of its commits and frames at its port for metrics."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    told = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(told[metric]) for name, metric in COUNTED.items()}


def costs(here: Bench) -> dict[str, Cost]:
    """Of all processes of a world, and of this one, which asks (``client``)."""
    folders = {name: node.folder for name, node in here.nodes.items()}
    pids = process.found(folders, here.broker.folder)
    found = {name: cost(pid) for name, pid in pids.items()}
    for name, address in here.metrics.items():
        found[name] = msgspec.structs.replace(found[name], counts=counted(address))
    return found | {"client": cost(os.getpid())}
