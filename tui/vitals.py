"""PURE: how the daemon and its link are → the panels of the Health screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tui import gauges, looks, words
from tui.board import Board
from tui.ink import EMPTY, Line, Span, Tone, fit, joined, line, say, width, wrapped
from tui.rows import Health, NodeRow
from tui.times import Clock, instant, long, short, size

WIDE = 120
"""Cells from which panels stand in two columns."""
GAP = 4
LABEL = 12
LOW, TOO_LOW = 1 << 30, 256 << 20
"""Free bytes that are worth a warning, and below which a daemon takes nothing new unless its
settings say otherwise."""
SHOWN_STATES = ("queued", "sent", "delivered", "running")
FLOWS = (
    ("accepted", Tone.ACCENT),
    ("delivered", Tone.ACCENT),
    ("ended", Tone.GOOD),
    ("received", Tone.BUSY),
)
NUMBERS = (8, 7, 9)
"""Cells of the numbers beside a sparkline: of this minute, of the highest, of the hour."""


@dataclass(frozen=True)
class Known:
    """What the panels are made of. ``load``: cores in use now, None: not measured yet."""

    health: Health
    board: Board
    clock: Clock
    load: float | None = None

    @property
    def now(self) -> float:
        return self.clock.now()


Panel = Callable[[Known, int], list[Line]]


def panels(known: Known, cells: int) -> list[Line]:
    """Everything above the processes: in two columns where there is room."""
    lines = [*alarms(known, cells - 2)]
    if cells < WIDE:
        tops = (("link", link), ("trust", trust), ("store", store), ("queue", queue))
        for title, panel in tops:
            lines += _labelled(title, panel(known, cells - 2 - LABEL))
        lines += [EMPTY, *flows(known, cells - 2, "a minute"), EMPTY]
        lines += _labelled("daemon", daemon(known, cells - 2 - LABEL))
        return [fit(line(" ", *one), cells) for one in lines]
    right = (cells - 2 - GAP) // 2
    left = cells - 2 - GAP - right
    first = [*_titled("broker link", left, link(known, left, tall=True)), EMPTY]
    first += [*_titled("store", left, store(known, left)), EMPTY]
    first += [*_titled("this daemon", left, daemon(known, left)), EMPTY]
    first += _titled("trust", left, trust(known, left))
    second = [*_titled("queue", right, queue_table(known, right)), EMPTY]
    second += _titled("messages a minute, last hour", right, flows(known, right))
    lines += [EMPTY] if lines else []
    return [fit(line(" ", *one), cells) for one in (*lines, *_beside(first, second, left))]


def rule(title: str, cells: int, more: Line = EMPTY) -> Line:
    """A heading, and what it says ``more``, with a line to the end of its column."""
    head = (say("── ", Tone.FAINT), say(f"{title} ", Tone.ACCENT), *more)
    gap = " " if more else ""
    return (*head, say(gap + "─" * (cells - width(head) - len(gap)), Tone.FAINT))


def _titled(title: str, cells: int, rows: Sequence[Line]) -> list[Line]:
    return [rule(title, cells), *rows]


def _labelled(title: str, rows: Sequence[Line]) -> list[Line]:
    heads = [title] + [""] * (len(rows) - 1)
    return [
        (say(f"{head:<{LABEL}}", Tone.MUTED), *row) for head, row in zip(heads, rows, strict=True)
    ]


def _beside(left: Sequence[Line], right: Sequence[Line], cells: int) -> list[Line]:
    count = max(len(left), len(right))
    ends = [[*side, *[EMPTY] * (count - len(side))] for side in (left, right)]
    return [
        (*fit(one, cells), say(" " * GAP), *other) for one, other in zip(*ends, strict=True)
    ]  # fmt: skip


# ---------------------------------------------------------------- what stands in the way


def alarms(known: Known, cells: int) -> list[Line]:
    """Since when all this is old, and every alarm: nothing while all is well."""
    board, lines = known.board, []
    if not board.connected and board.lost is not None:
        gone = f"All this is as it was at {known.clock.time(board.lost)}, "
        gone += f"{long(float(int(known.now - board.lost)))} ago: no daemon answers."
        lines += wrapped((say(gone, Tone.WARN),), cells)
    for alarm in board.status.alarms if board.status else ():
        lines += wrapped((say(f"⚠ {alarm}", Tone.BAD),), cells)
    return lines


# ---------------------------------------------------------------- panels


def link(known: Known, cells: int, *, tall: bool = False) -> list[Line]:
    """The broker: up or down, since when and why; how long a round trip takes."""
    found, now = known.health.broker, known.now
    since = instant(found.since)
    lasted = f" for {long(float(int(now - since)))}" if since is not None else ""
    many = words.many(found.reconnects, "reconnect")
    where = (say(found.address or "no address", Tone.PLAIN), say(f"   {many}", Tone.MUTED))
    if found.connected:
        lines = [joined([(say(f"● connected{lasted}", Tone.GOOD),), where], "   ")]
    else:
        down = (say(f"○ down{lasted}", Tone.BAD), say(", trying again by itself", Tone.MUTED))
        lines = [joined([down, where], "   ")]
        if tall or width(lines[0]) > cells:
            lines = [down, where]
        lines += wrapped((say(found.error or "no reason is known", Tone.WARN),), cells)[:2]
    if found.connected and (tall or width(lines[0]) > cells):
        lines = [lines[0][:1], where]
    trips = [max(seconds, 0.0) for _, seconds in known.health.rtts]
    if not trips:
        return [*lines, (say("no round trip measured yet", Tone.MUTED),)]
    begun = known.health.rtts[0][0]
    now_trip = gauges.trip(found.rtt) if found.connected else "—"
    text = f"  {gauges.trip(min(trips))} to {gauges.trip(max(trips))}, {short(now - begun)}"
    head = say(f"{now_trip:<7}  ", Tone.STRONG if found.connected else Tone.FAINT)
    room = max(cells - 9 - len(text), 10)
    return [*lines, (head, *gauges.spark(trips[-room:], Tone.ACCENT), say(text, Tone.MUTED))]


def trust(known: Known, cells: int) -> list[Line]:
    """Whether senders prove who they are; that they need not is said loudly."""
    status = known.board.status
    if status is None:
        return [(say("not known yet", Tone.MUTED),)]
    if status.standing:
        return wrapped((say(f"◇ {status.standing}", Tone.WARN),), cells)
    if status.trusted:
        on = "● on: nobody without an accepted key is believed"
        return wrapped((say(on, Tone.GOOD),), cells)
    off = "⚠ OFF: any sender's name is believed; "
    return wrapped((say(off, Tone.BAD), say("steward keys init", Tone.ACCENT)), cells)


def store(known: Known, cells: int) -> list[Line]:
    """The database, and its share of the room that it could have."""
    found = known.health.store
    used = found.bytes + found.wal_bytes
    head = (say(f"{size(used):<9}"), say(f" {size(found.wal_bytes)} of it log", Tone.MUTED))
    if found.free_bytes is None:
        return [head]
    free = found.free_bytes
    tone = Tone.BAD if free < TOO_LOW else Tone.WARN if free < LOW else Tone.PLAIN
    words: list[Span] = [say(f"  {size(free)} free", tone)]
    if tone is not Tone.PLAIN:
        words.append(say(": too little for new messages" if tone is Tone.BAD else ": low", tone))
    shade = Tone.GOOD if tone is Tone.PLAIN else tone
    room = cells - width(head) - width(tuple(words)) - 3
    gauge = gauges.bar(used / max(used + free, 1), max(min(room, 30), 4), shade)
    return [(*head, say("   "), *gauge, *words)] if room >= 4 else [head, (*gauge, *words)]


def queue(known: Known, cells: int) -> list[Line]:
    """Counts and ages in one line, and the oldest in words."""
    parts: list[Line] = []
    for state in SHOWN_STATES:
        if count := known.health.queue.get(state, 0):
            glyph, tone = looks.MESSAGE_LOOKS[state]
            age = short(known.health.ages.get(state))
            parts.append(line(say(f"{glyph} {count:,} {state}", tone), say(f" {age}", Tone.MUTED)))
    if not parts:
        return [(say("empty: nothing waits, nothing runs", Tone.MUTED),)]
    counts = joined(parts, "   ")
    if width(counts) > cells:
        counts = joined([part[:1] for part in parts], "   ")
    return [counts, *_oldest(known, cells)]


def queue_table(known: Known, cells: int) -> list[Line]:
    """The same as a table, with bars."""
    counts = [known.health.queue.get(state, 0) for state in SHOWN_STATES]
    most = max(*counts, 1)
    lines: list[Line] = [(say(f"{'':<{LABEL}}{'MESSAGES':>9}{'OLDEST':>12}", Tone.MUTED),)]
    for state, count in zip(SHOWN_STATES, counts, strict=True):
        glyph, tone = looks.MESSAGE_LOOKS[state]
        shade = tone if count else Tone.FAINT
        age = known.health.ages.get(state) if count else None
        text = f"{count:>9,}{long(None if age is None else float(int(age))):>12}"
        room = max(min(cells - LABEL - 24, 30), 4)
        gauge = gauges.bar(count / most, room, tone)[:1] if count else EMPTY
        lines.append((say(f"{glyph} {state:<{LABEL - 2}}", shade), say(text, shade), say("   "),
                      *gauge))  # fmt: skip
    return [*lines, *(_oldest(known, cells) or [(say("nothing waits", Tone.MUTED),)])]


def _oldest(known: Known, cells: int) -> list[Line]:
    """``oldest queued: 3 h, for ship7, offline``."""
    age = known.health.ages.get("queued")
    if age is None:
        return []
    words = [say("oldest queued: ", Tone.MUTED), say(long(float(int(age))), _waited(age))]
    rows = [row for row in known.board.nodes.values() if row.queued and row.waiting_from]
    row = min(rows, key=lambda row: row.waiting_from or 0.0, default=None)
    if row is not None:
        words += [say(", for ", Tone.MUTED), say(row.name, Tone.STRONG), _why(row)]
    return wrapped(tuple(words), cells)[:2]


def _waited(age: float) -> Tone:
    return Tone.WARN if age >= 3600 else Tone.PLAIN


def _why(row: NodeRow) -> Span:
    if row.held:
        return say(", held", Tone.WARN)
    _, tone = looks.NODE_LOOKS.get(row.state, ("?", Tone.WARN))
    return say(f", {'not seen yet' if row.never_seen else row.state}", tone)


def flows(known: Known, cells: int, label: str = "") -> list[Line]:
    """Messages a minute; each sparkline has its own scale. ``PEAK``: of one minute."""
    room = max(cells - LABEL - sum(NUMBERS), 12)
    each = gauges.per_bar(60, room)
    bars = 60 // each
    start, end = f"{60} min ago", "now"
    axis = f"{start}{end:>{max(bars - len(start), 4)}}"
    titles = zip(("NOW", "PEAK", "HOUR"), NUMBERS, strict=True)
    numbers = "".join(f"{word:>{cells}}" for word, cells in titles)
    lines: list[Line] = [(say(f"{label:<{LABEL}}{axis}{numbers}", Tone.MUTED),)]
    for name, tone in FLOWS:
        minutes = ([0] * 60 + [max(n, 0) for n in known.health.throughput.get(name, [])])[-60:]
        values = (minutes[-1], max(minutes), sum(minutes))
        spark = gauges.spark(gauges.sums(minutes, each), tone)
        figures = (
            say(f"{value:>{cells},}", Tone.PLAIN if value else Tone.FAINT)
            for value, cells in zip(values, NUMBERS, strict=True)
        )
        lines.append((say(f"{name:<{LABEL}}"), *spark, *figures))
    return lines


def daemon(known: Known, cells: int) -> list[Line]:
    """Who it is and what it takes of its machine."""
    found: dict[str, Any] = known.health.daemon
    name = known.board.status.node if known.board.status else ""
    used = _number(found.get("cpuSeconds"))
    cpu = f"{long(used)} CPU" if used is not None else "—"
    if known.load is not None:
        cpu = f"{known.load * 100:.1f} % CPU"
    memory = _number(found.get("rssBytes"))
    who = joined(
        [
            line(say(name, Tone.STRONG), say(f" {found.get('version') or '—'}", Tone.MUTED)),
            (say(f"up {long(_number(found.get('uptime')))}"),),
            (say(f"pid {found.get('pid') or '—'}", Tone.MUTED),),
        ],
        "   ",
    )
    threads = say(f"{found.get('threads') or '—'} threads", Tone.MUTED)
    takes = joined([(say(f"{size(memory)} memory"),), (say(cpu),), (threads,)], "   ")
    whole = joined([who, takes], "   ")
    return [whole] if width(whole) <= cells else [who, takes]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
