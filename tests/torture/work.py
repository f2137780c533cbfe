"""PURE: the messages of a run, who offers them when and how: a function of the seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Literal

import msgspec

Json = dict[str, Any]
Way = Literal["socket", "file", "cli"]

BLOBS = {"100": 100, "2000": 2_000, "20k": 20_000, "70k": 70_000, "300k": 300_000}
"""What commands print, by name: bytes."""
SHY = "ship5"
"""Its permits allow commands alone."""
# what a message is → how many of a thousand
DEEDS = {
    "start": 280, "start-parallel": 80, "print": 60, "fail": 40, "sleep": 20, "sleep-parallel": 90,
    "limited": 10, "ttl": 45, "ttl-parallel": 15, "cancel": 15, "cancel-parallel": 15,
    "attempts": 20, "nack": 40, "list": 10, "log": 215, "log-nack": 30, "refused": 15,
}  # fmt: skip
WAYS: dict[Way, tuple[float, int]] = {"socket": (0.72, 40), "file": (0.24, 25), "cli": (0.04, 30)}
"""Share of the batches, and the most messages in one."""
CENTRAL = 0.85
"""Share of the batches that central offers."""


class Offer(msgspec.Struct, frozen=True):
    """A message for an intake. ``cancel``: seconds after its acceptance, None: never."""

    n: int
    message: Json
    script: str
    expect: Json | None
    cancel: float | None = None
    refusable: bool = False

    @property
    def keeps_waiting(self) -> bool:
        """Whether those behind it on its stream wait for seconds."""
        return self.script.startswith("sleep") and "parallel" not in self.message


class Batch(msgspec.Struct, frozen=True):
    """Messages offered together, ``at`` seconds after the start of the run."""

    at: float
    sender: str
    way: Way
    offers: tuple[Offer, ...]


def blobs(seed: int) -> dict[str, bytes]:
    """What there is to print, most of it no text."""
    random = Random(f"blobs {seed}")
    return {name: random.randbytes(size) for name, size in BLOBS.items()}


class Work:
    """Makes the batches. ``act``: the path of act.sh."""

    def __init__(self, seed: int, ships: Sequence[str], act: str, printed: Mapping[str, bytes]):
        self._seed = seed
        self._random = Random(f"work {seed}")
        self._ships = ships
        self._act = act
        self._printed = printed
        self._n = 0

    def batches(self, messages: int, seconds: float) -> list[Batch]:
        """In order of time, spread over the seconds."""
        random = self._random
        sizes: list[tuple[Way, int]] = []
        left = messages
        while left:
            [way] = random.choices(list(WAYS), [share for share, _ in WAYS.values()])
            size = min(left, random.randint(1, WAYS[way][1]))
            sizes.append((way, size))
            left -= size
        times = sorted(random.uniform(0.0, seconds) for _ in sizes)
        return [self._batch(at, *size) for at, size in zip(times, sizes, strict=True)]

    def _batch(self, at: float, way: Way, size: int) -> Batch:
        random = self._random
        sender = "central" if random.random() < CENTRAL else random.choice(self._ships)
        offers: list[Offer] = []
        for _ in range(size):
            offers.append(self._offer(sender, behind=offers[-1] if offers else None))
        return Batch(at, sender, way, tuple(offers))

    def _offer(self, sender: str, behind: Offer | None) -> Offer:
        """A message, or one that will expire while it waits for another that sleeps."""
        random = self._random
        self._n += 1
        if behind is not None and behind.keeps_waiting:
            return self._command(f"t{self._seed}-{self._n}", "late", behind.message["toNode"])
        [deed] = random.choices(list(DEEDS), list(DEEDS.values()))
        # A node is no ship of its own; central handles events and commands like any other.
        others = [node for node in (*self._ships, "central") if node != sender]
        to = random.choice(others if sender != "central" or deed == "log" else self._ships)
        to = to if to != sender else others[0]
        id = f"t{self._seed}-{self._n}"
        if deed in ("log", "log-nack", "refused"):
            return self._log(id, deed, to if deed != "refused" or sender == SHY else SHY)
        if deed == "list":
            message = {"method": "ListProcesses", "commandOrEvent": "CommandACK"}
            return Offer(self._n, {"id": id, "toNode": to, **message}, "list", None)
        return self._command(id, deed, to)

    def _log(self, id: str, deed: str, to: str) -> Offer:
        kind = "EventNACK" if deed == "log-nack" else "EventACK"
        message = {
            "id": id, "toNode": to, "data": [f"{id} {self._n}\n"],
            "commandOrEvent": kind, "method": "TextLogging",
        }  # fmt: skip
        return Offer(self._n, message, "log", None, refusable=to == SHY)

    def _command(self, id: str, deed: str, to: str) -> Offer:
        random = self._random
        script, exit, more = "start", 0, dict[str, Any]()
        cancel: float | None = None
        stdout = b""
        match deed.removesuffix("-parallel"):
            case "print":
                [blob] = random.choices(list(BLOBS), (40, 30, 20, 6, 4))
                script, stdout = f"print {blob}", f"{id}\n".encode() + self._printed[blob]
            case "fail":
                script, exit = "fail 3", 3
            case "sleep":
                script = f"sleep {random.uniform(*(0.1, 8.0) if '-' in deed else (1.0, 3.0)):.2f}"
            case "limited":
                script, more = "sleep 30", {"methodTimeout": 1, "parallel": True}
            case "ttl":
                more = {"ttl": round(random.uniform(1.0, 8.0), 1)}
            case "late":
                more = {"ttl": round(random.uniform(0.3, 2.0), 1)}
            case "cancel":
                script = random.choice(("start", "sleep 20"))
                cancel = random.uniform(0.0, 3.0)
            case "attempts":
                more = {"timeout": 0.5, "retries": random.randint(1, 4)}
        if deed.endswith("-parallel"):
            more["parallel"] = True
        by_itself = deed not in ("limited", "cancel", "cancel-parallel")
        message = {
            "id": id, "toNode": to, "data": ["sh", self._act, str(self._n), *script.split()],
            "commandOrEvent": "CommandNACK" if deed == "nack" else "CommandACK",
            "method": "ShellCommand", **more,
        }  # fmt: skip
        expect = {
            "exit": exit, "stdoutSize": len(stdout),
            "stdoutSha256": hashlib.sha256(stdout).hexdigest(),
        }  # fmt: skip
        return Offer(self._n, message, script, expect if by_itself else None, cancel)
