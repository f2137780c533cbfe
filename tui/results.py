"""PURE: a job → lines: its progress in a bar and in words, its row, the top of its view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui import render
from tui.groups import OPENED
from tui.ink import EMPTY, Line, Tone, fit, joined, line, say, width
from tui.looks import MESSAGE_LOOKS, PROBLEMS, WELL
from tui.rows import Job, MessageRow
from tui.times import Clock, instant, long, short
from tui.words import many, several

ORDER = (*WELL, *PROBLEMS, "cancelled", "running", "delivered", "sent", "queued")
WORDS = {"timed_out": "timed out", "queued": "waiting", "sent": "without receipt yet"}
"""Of states in a list of counts, where the state's own name says less."""
LONGEST = 100
"""Cells of a bar in which everything can be told apart."""
FEW = 3
"""Nodes that are named in a sentence."""


def well(job: Job) -> int:
    """Messages that ended as they should."""
    return sum(job.states.get(state, 0) for state in WELL)


def ill(job: Job) -> int:
    """Messages that did not end well."""
    return sum(job.states.get(state, 0) for state in PROBLEMS)


def is_problem(job: Job) -> bool:
    """Whether somebody should look at it."""
    return bool(ill(job) or job.unconfirmed)


def parts(counts: Sequence[int], cells: int) -> list[int]:
    """``cells`` shared out among ``counts``: what is there is seen, however little it is."""
    total = sum(counts)
    if not total or cells <= 0:
        return [0] * len(counts)
    shares = [max(1, count * cells // total) if count else 0 for count in counts]
    while sum(shares) > cells and max(shares) > 1:
        shares[shares.index(max(shares))] -= 1
    # What rounding left over goes to the part that is furthest below its share.
    while sum(shares) < cells:
        lacks = [count * cells / total - share for count, share in zip(counts, shares, strict=True)]
        shares[lacks.index(max(lacks))] += 1
    return shares


def bar(job: Job, cells: int) -> Line:
    """``━━━━━━╍╍────``: ended well, ended ill, cancelled, still open."""
    cancelled = job.states.get("cancelled", 0)
    counts = (well(job), ill(job), cancelled, job.open)
    looks_of = (("━", Tone.GOOD), ("╍", Tone.BAD), ("╌", Tone.MUTED), ("─", Tone.FAINT))
    shares = parts(counts, cells)
    found = zip(shares, looks_of, strict=True)
    return tuple(say(glyph * share, tone) for share, (glyph, tone) in found if share)


def standing(job: Job) -> Line:
    """One glyph: under way, ended well, or not."""
    if ill(job):
        return (say("✗", Tone.BAD),)
    if job.open:
        return (say("▶", Tone.BUSY),)
    return (say("?", Tone.WARN),) if job.unconfirmed else (say("✓", Tone.GOOD),)


def done(job: Job) -> Line:
    """``41/43``."""
    ended = job.messages - job.open
    tone = Tone.MUTED if job.open else Tone.PLAIN
    return line(say(f"{ended:,}", tone), say(f"/{job.messages:,}", Tone.MUTED))


def counts(job: Job, cells: int) -> Line:
    """``38 succeeded, 2 failed, 1 waiting for ship7``: the good first, what is open last; without
    the names, or as ``✓ 38  ✗ 2  ◌ 1``, where that has no room."""
    states = [s for s in (*ORDER, *sorted(job.states.keys() - set(ORDER))) if job.states.get(s)]
    if not states:
        return (say("no messages", Tone.FAINT),)
    unconfirmed: Line = EMPTY
    if job.unconfirmed:
        unconfirmed = (say(f"{job.unconfirmed:,} unconfirmed", Tone.WARN),)
    for with_names in (True, False):
        told = [_counted(job, state, with_names=with_names) for state in states]
        words = joined([*told, unconfirmed], ", ")
        if width(words) <= cells:
            return words
    short_of = [(say(f"? {job.unconfirmed:,}", Tone.WARN),)] if job.unconfirmed else []
    return joined([*(_glyph(job, state) for state in states), *short_of])


def _counted(job: Job, state: str, *, with_names: bool) -> Line:
    tone = MESSAGE_LOOKS.get(state, ("?", Tone.WARN))[1]
    whom = _whom(job, state) if with_names else ""
    return (say(f"{job.states[state]:,} {WORDS.get(state, state)}{whom}", tone),)


def _glyph(job: Job, state: str) -> Line:
    glyph, tone = MESSAGE_LOOKS.get(state, ("?", Tone.WARN))
    return (say(f"{glyph} {job.states[state]:,}", tone),)


def _whom(job: Job, state: str) -> str:
    """For which nodes those of an open state wait, where the job tells of its groups."""
    if state not in OPENED:
        return ""
    found = [name for group in job.groups if group.state == state for name in group.nodes]
    if not found:
        return ""
    before = " on " if state in ("delivered", "running") else " for " if state == "queued" else ": "
    return before + several(found, FEW)


def took(job: Job, clock: Clock) -> Line:
    """From the first acceptance to the last end; while it goes on, until now."""
    accepted, ended = instant(job.accepted), instant(job.ended)
    if accepted is None:
        return (say("—", Tone.FAINT),)
    if ended is not None:
        return (say(long(max(ended - accepted, 0.0)), Tone.MUTED),)
    tone = Tone.BUSY if job.open else Tone.MUTED
    return (say(f"{short(clock.now() - accepted)} …", tone),)


def what(job: Job) -> Line:
    """The first words of its first message's data."""
    return render.what(MessageRow(id="", data=job.data))


def method(job: Job) -> Line:
    """The method, and the kind where it isn't the usual one."""
    kind = job.command_or_event
    return render.method(MessageRow(id="", method=job.method, command_or_event=kind))


def cells(job: Job, clock: Clock, widths: Mapping[str, int]) -> dict[str, Line]:
    """The cells of the Jobs table, by column."""
    accepted = instant(job.accepted)
    number = done(job)
    room = widths["progress"] - width(number) - 3
    drawn = (*bar(job, room), say(" ")) if room >= 4 else EMPTY
    return {
        "what": what(job),
        "method": method(job),
        "nodes": (say(f"{job.nodes:,}"),),
        "progress": (*standing(job), say(" "), *drawn, *number),
        "counts": counts(job, widths["counts"]),
        "age": (say(short(clock.now() - accepted) if accepted else "—", Tone.MUTED),),
        "took": took(job, clock),
        "job": (say(render.short_id(job.job), Tone.FAINT),),
    }


def as_text(job: Job) -> str:
    """All that the filter's words look at."""
    states = " ".join(state for state, count in job.states.items() if count)
    return f"{job.job} {job.method} {' '.join(job.data)} {states}"


def fields(job: Job) -> dict[str, str]:
    """What ``key=value`` in the filter can ask for."""
    states = " ".join(state for state, count in job.states.items() if count)
    kind = job.command_or_event
    return {"job": job.job, "id": job.job, "method": job.method, "state": states, "kind": kind}


def head(job: Job, clock: Clock, cells: int) -> list[Line]:
    """The top of a job's view: what was asked, how far it is, since when."""
    accepted = instant(job.accepted)
    nodes = f"to {many(job.nodes, 'node')}"
    asked = joined([method(job), what(job)])
    number = joined([standing(job), done(job)], " ")
    drawn = bar(job, max(min(cells - width(number) - 2, LONGEST), 4))
    since: list[Line] = [(say(nodes, Tone.MUTED),)]
    if accepted is not None:
        ago = f"sent {clock.time(accepted)}, {short(clock.now() - accepted)} ago"
        since.append((say(ago, Tone.MUTED),))
    if job.ended is not None:
        since.append(line(say("took ", Tone.MUTED), *took(job, clock)))
    return [
        fit(asked, cells),
        (*drawn, say("  "), *number),
        fit(counts(job, cells), cells),
        fit(joined(since, " · "), cells),
    ]
