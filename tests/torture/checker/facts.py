"""What the lab writes down as it goes: offers, ledger lines, faults, asks; each a frozen fact.

``t`` is always CLOCK_MONOTONIC of the one machine, ``wall`` its true wall clock, both in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Offer:
    """A message as it was offered to its sender; ``t`` is the time of the answer. ``accepted``
    None: there was none, nobody knows. By file, True only says that the file has it."""

    n: int
    id: str
    frm: str
    to: str
    kind: str
    method: str
    parallel: bool
    ttl: float
    way: str
    t: float
    wall: float
    accepted: bool | None
    reason: str
    script: str
    expect: Mapping[str, Any] | None
    """Exit status and output, where nothing but a fault can make them others."""
    method_timeout: float
    refusable: bool

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        return cls(
            n=int(line["n"]),
            id=line["id"],
            frm=line["from"],
            to=line["to"],
            kind=line["kind"],
            method=line["method"],
            parallel=bool(line.get("parallel")),
            ttl=float(line.get("ttl") or 0),
            way=line["way"],
            t=float(line["t"]),
            wall=float(line["wall"]),
            accepted=line["accepted"],
            reason=str(line.get("reason") or ""),
            script=str(line.get("script") or ""),
            expect=line.get("expect"),
            method_timeout=float(line.get("methodTimeout") or 0),
            refusable=bool(line.get("refusable")),
        )


@dataclass(frozen=True)
class Ask:
    """A cancel that the lab asked for, or the pull of an output."""

    t: float
    act: str
    id: str
    answer: Any

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        return cls(float(line["t"]), line["act"], line["id"], line.get("answer"))


@dataclass(frozen=True)
class Exit:
    """A process that ended though nobody asked it to."""

    t: float
    node: str
    status: int | None
    log: str

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        return cls(float(line["t"]), line["node"], line.get("status"), str(line.get("log") or ""))


@dataclass(frozen=True)
class Entry:
    """A line of a ledger: a command says that it starts, or ends. ``place``: which line it is."""

    node: str
    place: int
    id: str
    n: int
    t: float
    wall: float
    pid: int
    what: str

    @classmethod
    def read(cls, node: str, place: int, line: str) -> Self:
        id, n, t, wall, pid, what = line.split()
        if what not in ("start", "end"):
            raise ValueError(f"neither start nor end: {what}")
        return cls(node, place, id, int(n), float(t), float(wall), int(pid), what)


@dataclass(frozen=True)
class Fault:
    """What the nemesis did, to whom, and until when (infinite: it was never undone)."""

    t: float
    wall: float
    until: float
    what: str
    who: tuple[str, ...]
    detail: Any

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        until, who = line.get("until"), line.get("who") or ()
        return cls(
            t=float(line["t"]),
            wall=float(line["wall"]),
            until=math.inf if until is None else float(until),
            what=line["what"],
            who=(who,) if isinstance(who, str) else tuple(who),
            detail=line.get("detail"),
        )

    def __str__(self) -> str:
        until = "for ever" if math.isinf(self.until) else f"until {self.until:.3f}"
        detail = f" ({self.detail})" if self.detail not in (None, "") else ""
        return f"{self.what} of {', '.join(self.who) or '–'} at {self.t:.3f} {until}{detail}"


@dataclass(frozen=True)
class Sample:
    """What one life of a daemon has counted so far."""

    t: float
    node: str
    life: int
    attempts: int
    duplicates: int
    reconnects: int

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        counts = (int(line.get(name, 0)) for name in ("attempts", "duplicates", "reconnects"))
        return cls(float(line["t"]), line["node"], int(line["life"]), *counts)
