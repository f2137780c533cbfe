"""PURE: a job → lines: its progress in a bar and in words, and its groups of equal outcomes."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tui import looks, render, rows
from tui.ink import EMPTY, Line, Tone, fit, joined, line, say, width
from tui.looks import MESSAGE_LOOKS, PROBLEMS
from tui.rows import Group, Job, MessageRow, NodeRow
from tui.times import Clock, instant, long, short

WELL = ("succeeded", "published")
ORDER = (*WELL, *PROBLEMS, "cancelled", "running", "delivered", "sent", "queued")
WORDS = {"timed_out": "timed out", "queued": "waiting", "sent": "without receipt yet"}
"""Of states in a list of counts, where the state's own name says less."""
FEW = 3
"""Nodes that are named in a sentence."""
OPENED = ("queued", "sent", "delivered", "running")


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


def counts(job: Job) -> Line:
    """``38 succeeded, 2 failed, 1 waiting for ship7``: the good first, what is open last."""
    out: list[Line] = []
    for state in (*ORDER, *sorted(job.states.keys() - set(ORDER))):
        if count := job.states.get(state, 0):
            tone = MESSAGE_LOOKS.get(state, ("?", Tone.WARN))[1]
            word = WORDS.get(state, state)
            out.append((say(f"{count:,} {word}{_whom(job, state)}", tone),))
    if job.unconfirmed:
        out.append((say(f"{job.unconfirmed:,} unconfirmed", Tone.WARN),))
    return joined(out, ", ") if out else (say("no messages", Tone.FAINT),)


def _whom(job: Job, state: str) -> str:
    """For which nodes those of an open state wait, where the job tells of its groups."""
    if state not in OPENED:
        return ""
    found = [name for group in job.groups if group.state == state for name in group.nodes]
    if not found:
        return ""
    before = " on " if state in ("delivered", "running") else " for " if state == "queued" else ": "
    return before + several(found, FEW)


def several(names: Sequence[str], most: int) -> str:
    """``ship1, ship2, ship3 and 40 more``."""
    named = ", ".join(names[:most])
    return f"{named} and {len(names) - most:,} more" if len(names) > most else named


def took(job: Job, clock: Clock) -> Line:
    """From the first acceptance to the last end; while it goes on, until now."""
    accepted, ended = instant(job.accepted), instant(job.ended)
    if accepted is None:
        return (say("—", Tone.FAINT),)
    if ended is not None:
        return (say(long(max(ended - accepted, 0.0)), Tone.MUTED),)
    return (say(f"{short(clock.now() - accepted)} …", Tone.BUSY),)


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
        "counts": counts(job),
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
    nodes = f"to {job.nodes:,} node{'s' if job.nodes != 1 else ''}"
    asked = joined([method(job), what(job)])
    number = joined([standing(job), done(job)], " ")
    drawn = bar(job, max(cells - width(number) - 2, 4))
    since: list[Line] = [(say(nodes, Tone.MUTED),)]
    if accepted is not None:
        ago = f"sent {clock.time(accepted)}, {short(clock.now() - accepted)} ago"
        since.append((say(ago, Tone.MUTED),))
    if job.ended is not None:
        since.append(line(say("took ", Tone.MUTED), *took(job, clock)))
    return [
        fit(asked, cells),
        (*drawn, say("  "), *number),
        fit(counts(job), cells),
        fit(joined(since, " · "), cells),
    ]


def is_open(group: Group) -> bool:
    """Whether its messages have no end yet."""
    return group.state in OPENED


def size(group: Group) -> int:
    """Its messages."""
    return group.messages or len(group.ids)


def title(group: Group) -> Line:
    """``✗ failed · exit 3``."""
    row = MessageRow(id="", state=group.state, confirmed=group.confirmed)
    ending: Line = EMPTY
    if group.signal is not None:
        ending = (say(f"signal {group.signal}", Tone.BAD),)
    elif group.exit_code is not None:
        tone = Tone.BAD if group.exit_code else Tone.MUTED
        ending = (say(f"exit {group.exit_code}", tone),)
    return joined([looks.message_state(row, room=28), ending], " · ")


def card(
    group: Group, sample: MessageRow | None, nodes: Mapping[str, NodeRow], cells: int
) -> list[Line]:
    """A group in the list: how it ended and how many, which nodes, its output's first line."""
    count = size(group)
    number = (say(f"{count:,}", Tone.STRONG), say(" node" if count == 1 else " nodes", Tone.MUTED))
    first = fit(title(group), max(cells - width(number) - 1, 1))
    return [
        (*first, say(" "), *number),
        names(group.nodes, cells),
        waiting(group, sample, nodes) if is_open(group) else gist(group, sample),
    ]


def names(found: Sequence[str], cells: int) -> Line:
    """As many names as there is room for, and how many are left."""
    text, shown = "", 0
    for name in found:
        more = (", " if text else "") + name
        left = len(found) - shown - 1
        tail = len(f" and {left:,} more") if left else 0
        if text and width((say(text + more),)) + tail > cells:
            break
        text, shown = text + more, shown + 1
    rest = len(found) - shown
    return line(say(text), say(f" and {rest:,} more" if rest else "", Tone.MUTED))


def gist(group: Group, sample: MessageRow | None) -> Line:
    """The first line of output, or why there is none."""
    result = sample.result if sample is not None else None
    for stream, tone in (("stdout", Tone.MUTED), ("stderr", Tone.WARN)):
        raw = rows.output(result, stream)
        if raw.count(0) * 50 > len(raw) > 0:
            return (say("┆ binary", Tone.MUTED),)
        text = raw[:4096].decode("utf-8", "replace").strip()
        if text:
            return line(say("┆ ", Tone.FAINT), say(text.split("\n")[0].strip(), tone))
    if group.reason:
        return (say(group.reason, Tone.MUTED),)
    if group.stdout_size or group.stderr_size:
        return (say("┆ …", Tone.FAINT),)
    return (say("no output", Tone.FAINT),)


def waiting(group: Group, sample: MessageRow | None, nodes: Mapping[str, NodeRow]) -> Line:
    """Why a group that is still open is: ``2 offline, 1 held, 3 behind another``."""
    if group.state in ("delivered", "running"):
        return (say(_rest(group, sample), Tone.MUTED),)
    found = Counter(_obstacle(nodes.get(name)) for name in group.nodes)
    rest = found.pop("", 0)
    out = [(say(f"{count:,} {word}", Tone.WARN),) for word, count in found.most_common()]
    if rest:
        text = _rest(group, sample)
        out.append((say(f"{rest:,} {text}" if out else text, Tone.MUTED),))
    return joined(out, ", ")


def _obstacle(row: NodeRow | None) -> str:
    if row is None or row.never_seen:
        return "never seen"
    if row.held:
        return "held"
    return "" if row.state == "online" else row.state


def _rest(group: Group, sample: MessageRow | None) -> str:
    if group.state == "running":
        return "running now"
    if group.state == "sent":
        return "sent, no receipt yet"
    behind = sample is not None and sample.behind
    if behind:
        return "behind another message"
    return "waits for its start" if group.state == "delivered" else "waits for its turn"


def roll(
    group: Group, sample: MessageRow | None, nodes: Mapping[str, NodeRow], clock: Clock
) -> list[Line]:
    """An open group's nodes, one a line, each with what stands in its way."""
    room = min(max((width((say(name),)) for name in group.nodes), default=0), 30)
    lines: list[Line] = []
    for name in group.nodes:
        row = nodes.get(name)
        state = looks.node_state(row) if row else (say("? not seen", Tone.WARN),)
        seen = row.seen_at if row else None
        since = f"seen {short(clock.now() - seen)} ago" if seen is not None else "never seen"
        blocked = _obstacle(row) if group.state in ("queued", "sent") else ""
        why = (say(since, Tone.MUTED),) if blocked else (say(_rest(group, sample), Tone.MUTED),)
        shown = fit((say(name, Tone.STRONG),), room)
        lines.append(joined([shown, fit(state, 12), why]))
    return lines


def majority(found: Iterable[Group]) -> Group | None:
    """The largest group that ended; of equally large ones the first that ended well."""
    ended = [group for group in found if not is_open(group)]
    most = max(map(size, ended), default=0)
    largest = [group for group in ended if size(group) == most]
    return next((g for g in largest if g.state in WELL), largest[0] if largest else None)


def command_line(job: Job, names: Sequence[str]) -> str:
    """The ``steward send …`` that asks the same of these nodes."""
    words = ["steward", "send", ",".join(names)]
    if job.command_or_event != "CommandACK":
        words += ["--kind", job.command_or_event]
    if job.method != "ShellCommand":
        words += ["--method", job.method]
    return shlex.join(words + (["--", *job.data] if job.data else []))
