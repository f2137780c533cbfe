"""PURE: supervised processes, of this daemon or as another node told of them, as rows and cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tui.ink import Line, Tone, say
from tui.rows import MessageRow, output
from tui.times import Clock, instant, short

LOOKS = {
    "terminated": ("✗", Tone.BAD),
    "backoff": ("◐", Tone.WARN),
    "running": ("●", Tone.GOOD),
    "waiting": ("◌", Tone.MUTED),
}
"""In the order of what needs a look first."""
MOST = 2000
"""Of what another node tells, so many are read."""


@dataclass(frozen=True)
class Process:
    """One supervised process; ``since``: wall time, seconds, of its state."""

    name: str
    role: str = ""
    subject: str = ""
    state: str = ""
    restarts: int = 0
    queue: int = 0
    last_error: str = ""
    since: float | None = None

    @property
    def weight(self) -> tuple[int, str]:
        """Its place in a list: trouble first, then by name."""
        order = list(LOOKS)
        return (order.index(self.state) if self.state in LOOKS else 0, self.name)


def told(raw: object) -> Process:
    """A process as somebody told of it, whatever that is made of."""
    if not isinstance(raw, Mapping):
        return Process(str(raw))
    words = {key: str(raw.get(key) or "") for key in ("name", "role", "subject", "state")}
    return Process(
        **words,
        restarts=_count(raw.get("restarts")),
        queue=_count(raw.get("queue")),
        last_error=str(raw.get("lastError") or ""),
        since=instant(raw.get("since")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def ordered(found: Iterable[object]) -> list[Process]:
    """All of them, trouble first."""
    return sorted((told(one) for one in found), key=lambda process: process.weight)


def from_answer(row: MessageRow) -> list[Process] | None:
    """What a node answered to ListProcesses; None where that cannot be read."""
    try:
        found = json.loads(output(row.result, "stdout"))
    except (ValueError, RecursionError):
        return None
    if isinstance(found, Mapping):
        found = found.get("processes")
    return ordered(found[:MOST]) if isinstance(found, list) else None


def state(process: Process) -> Line:
    """``● running``."""
    glyph, tone = LOOKS.get(process.state, ("?", Tone.WARN))
    return (say(f"{glyph} {process.state or 'unknown'}", tone),)


def cells(process: Process, clock: Clock, *, role: bool = False) -> dict[str, Line]:
    """The cells of the table on the Health screen; ``role``: it has a column of its own, so that
    the name need not begin with it."""
    name = process.name.removeprefix(f"{process.role} ") if role else process.name
    since = clock.now() - process.since if process.since is not None else None
    is_bad = process.state in ("terminated", "backoff")
    return {
        "state": state(process),
        "name": (say(name, Tone.STRONG),),
        "role": (say(process.role or "—", Tone.MUTED),),
        "restarts": _number(process.restarts, Tone.WARN),
        "queue": _number(process.queue, Tone.ACCENT),
        "since": (say(short(since), Tone.MUTED),),
        "error": (say(process.last_error, Tone.BAD if is_bad else Tone.MUTED),),
    }


def _number(value: int, tone: Tone) -> Line:
    return (say(f"{value:,}", tone if value else Tone.FAINT),)


def summary(found: Iterable[Process], more: str = "") -> Line:
    """``12: 3 running, 9 waiting``, or ``12 more: …``; those in trouble first."""
    found = list(found)
    parts = [say(f"{len(found):,}{more}", Tone.MUTED)]
    first = True
    for word, (_, tone) in LOOKS.items():
        if count := sum(process.state == word for process in found):
            parts.append(say(": " if first else ", ", Tone.MUTED))
            loud = tone if word in ("terminated", "backoff") else Tone.MUTED
            parts.append(say(f"{count:,} {word}", loud))
            first = False
    return tuple(parts)
