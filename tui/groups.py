"""PURE: a job's groups of equal outcomes → lines: who is in one, how it ended, why it waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tui import looks, render, rows
from tui.ink import EMPTY, Line, Tone, fit, joined, line, say, width
from tui.looks import WELL
from tui.rows import Group, MessageRow, NodeRow
from tui.texts import is_binary
from tui.times import Clock, short

TITLE = 22
"""Cells of a group's title where the nodes stand beside it."""
OPENED = ("queued", "sent", "delivered", "running")


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


def counted(group: Group) -> Line:
    """``33 nodes``, or its messages where a node has several of them."""
    count = size(group)
    noun = "node" if len(set(group.nodes)) == len(group.nodes) else "message"
    # One of them is as wide as several, so that numbers stand below each other.
    return (say(f"{count:,}", Tone.STRONG), say(f" {noun}{' ' if count == 1 else 's'}", Tone.MUTED))


def card(
    group: Group,
    sample: MessageRow | None,
    nodes: Mapping[str, NodeRow],
    cells: int,
    *,
    few: bool = False,
) -> list[Line]:
    """A group in the list: how it ended and how many, which nodes, its output's first line; the
    nodes beside the first where lines are ``few``."""
    number = counted(group)
    room = max(cells - width(number) - 1, 1)
    head, whom = title(group), list(dict.fromkeys(group.nodes))
    last = waiting(group, sample, nodes) if is_open(group) else gist(group, sample)
    if few:
        beside = max(room - max(width(head), TITLE) - 2, 1)
        first = (*fit(head, room - beside), *fit(names(whom, beside), beside))
        return [(*first, say(" "), *number), last]
    return [(*fit(head, room), say(" "), *number), names(whom, cells), last]


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
        if is_binary(raw):
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
        why: Line = (say(since if blocked else _rest(group, sample), Tone.MUTED),)
        if sample is not None and len(group.ids) == 1:
            far = render.progress(sample, clock, row.state if row else "")
            why = far if not blocked else joined([why, far], " · ") if sample.attempts else why
        shown = fit((say(name, Tone.STRONG),), room)
        lines.append(joined([shown, fit(state, 12), why]))
    return lines


def majority(found: Iterable[Group]) -> Group | None:
    """The largest group that ended; of equally large ones the first that ended well."""
    ended = [group for group in found if not is_open(group)]
    most = max(map(size, ended), default=0)
    largest = [group for group in ended if size(group) == most]
    return next((g for g in largest if g.state in WELL), largest[0] if largest else None)
