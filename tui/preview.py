"""PURE: a draft → what will happen, said before it does: to which nodes, when, how it is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from steward.errors import InvalidMessage
from tui import draft as drafts
from tui import fates, words
from tui.draft import Draft
from tui.fates import Nodes
from tui.ink import EMPTY, Line, Tone, line, say, width, wrapped
from tui.keymap import Key, usual
from tui.rows import Resolved
from tui.stakes import Deed, Stake, is_production, stake

LABEL = 10
MOST_OFFERED = 24
MOST_LINES = 4
"""Lines for a long command; that there is more of it is said."""


@dataclass(frozen=True)
class Known:
    """What the preview is made from beside the draft. ``resolved`` None: the daemon is being asked;
    ``fault``: it does not take what was typed; ``where``: the flags that name the daemon."""

    resolved: Resolved | None = None
    nodes: Nodes = field(default_factory=dict)
    fault: str = ""
    linked: bool = True
    where: Sequence[str] = ()


def recipients(resolved: Resolved) -> list[str]:
    """Every name once: the known nodes, and those never seen."""
    return list(dict.fromkeys([*resolved.nodes, *resolved.unseen]))


def offered(words: Sequence[str], cells: int) -> Line:
    """What the word being typed could become: the first with its key, then as many as fit."""
    first = line(say("→", Tone.ACCENT), say(f" {words[0]}", Tone.MUTED))
    if len(words) == 1:
        return first
    others = [say(f"  {word}", Tone.FAINT) for word in words[1:MOST_OFFERED]]
    while others:
        left = len(words) - 1 - len(others)
        more = say(f"  and {left:,} more", Tone.FAINT) if left else say("")
        whole = line(*first, say("   or", Tone.MUTED), *others, more)
        if width(whole) <= cells:
            return whole
        others.pop()
    return first


def matched(draft: Draft, known: Known, cells: int) -> Line:
    """``41 of 43 match, 2 offline``: what the line below To says while it is typed."""
    if not draft.targets:
        return (say("names, ship*, key=value, @group; commas or spaces between", Tone.FAINT),)
    if known.fault:
        return (say(known.fault, Tone.BAD),)
    if known.resolved is None:
        return (say("…", Tone.FAINT),)
    if known.resolved.nothing:
        return (say(f"{', '.join(known.resolved.nothing)} matches no node", Tone.BAD),)
    names = recipients(known.resolved)
    seen = sum(fates.is_seen(known.nodes.get(name)) for name in names)
    total = sum(map(fates.is_seen, known.nodes.values()))
    parts = [say(f"{seen:,} of {total:,} {'matches' if seen == 1 else 'match'}", Tone.MUTED)]
    away = fates.sorted_out(names, known.nodes)
    away.pop(fates.Fate.NOW, None)
    for fate, found in away.items():
        parts += [say(", ", Tone.MUTED), say(f"{len(found):,} {fate.word}", fate.tone)]
    if width(tuple(parts)) > cells:
        count = sum(map(len, away.values()))
        return (parts[0], say(", ", Tone.MUTED), say(f"{count:,} not online", Tone.WARN))
    return tuple(parts)


def lines(draft: Draft, known: Known, cells: int, rows: int, key: Key = usual) -> list[Line]:
    """The preview for a pane of ``rows`` lines: all that matters first, and of the nodes as many as
    there is room for; if some are left out, all of them once more below."""
    inner = max(cells - LABEL, 20)
    names = recipients(known.resolved) if known.resolved is not None else []
    listed = [_under(one) for one in fates.listed(names, known.nodes, inner)]
    head, when = [_heading("What will happen", cells)], _when(draft, known, inner)
    what, then = _what(draft, known, inner), _then(draft, known, inner)
    parts = [head, [*when, *listed], what, then]
    size = sum(map(len, parts))
    if size <= rows:
        gap = [EMPTY] if size + len(parts) - 1 <= rows else []
        return [one for part in parts if part for one in (*gap, *part)][len(gap) :]
    room = max(rows - size + len(listed), 2)
    some, left = fates.some(names, known.nodes, inner, room)
    if not left:
        return [*head, *when, *listed, *what, *then]
    more = say(f"… and {left:,} more: all of them below, {key('draft.scroll')}", Tone.WARN)
    out = [*head, *when, *map(_under, some), _under((more,)), *what, *then, EMPTY]
    return [*out, _heading(f"All {len(names):,} nodes", cells), *listed]


def _heading(words: str, cells: int) -> Line:
    rest = "─" * max(cells - len(words) - 4, 0)
    return line(say("── ", Tone.FAINT), say(words, Tone.ACCENT), say(f" {rest}", Tone.FAINT))


def _under(value: Line) -> Line:
    return (say(" " * LABEL), *value)


def _item(label: str, value: Line, cells: int, tone: Tone = Tone.MUTED) -> list[Line]:
    folded = wrapped(value, cells)
    if len(folded) > MOST_LINES:
        left = sum(len(span.text) for one in folded[MOST_LINES - 1 :] for span in one)
        more: Line = (say(f"… and {left:,} more characters", Tone.WARN),)
        folded = [*folded[: MOST_LINES - 1], more]
    heads = [f"{label:<{LABEL}}"] + [" " * LABEL] * (len(folded) - 1)
    return [(say(head, tone), *rest) for head, rest in zip(heads, folded, strict=True)]


def _when(draft: Draft, known: Known, cells: int) -> list[Line]:
    """To how many, and how many of them get it now."""
    if not draft.targets:
        return _item("to", (say("nobody yet: name a node after To", Tone.MUTED),), cells)
    if known.fault:
        return _item("to", (say(known.fault, Tone.BAD),), cells)
    if known.resolved is None:
        return _item("to", (say("looking them up …", Tone.MUTED),), cells)
    out: list[Line] = []
    for pattern in known.resolved.nothing:
        out += _item("to", (say(f"{pattern} matches no node", Tone.BAD),), cells)
    if names := recipients(known.resolved):
        out += _item("to", fates.summed_up(names, known.nodes), cells)
    return out


def _what(draft: Draft, known: Known, cells: int) -> list[Line]:
    """The message, and warnings; or what it lacks."""
    try:
        arguments = drafts.data(draft)
        set_options = drafts.options(draft)
    except InvalidMessage as error:
        hint = f": {error.hint}" if error.hint else ""
        tone = Tone.BAD if draft.text else Tone.MUTED
        return _item("message", (say(f"{error.text}{hint}", tone),), cells)
    out = _item("message", _kind(draft), cells)
    if arguments:
        out += _item("data", (say(json.dumps(arguments, ensure_ascii=False)),), cells)
    if set_options:
        shown = ", ".join(f"{key} {value}" for key, value in set_options.items())
        out += _item("options", (say(shown),), cells)
    for warning in _warnings(draft, known):
        out += _item("note", (say(warning, Tone.WARN),), cells)
    return out


def _then(draft: Draft, known: Known, cells: int) -> list[Line]:
    """The equivalent command line, and what enter does."""
    try:
        command = drafts.command_line(draft, known.where)
        drafts.options(draft)
    except InvalidMessage:
        return []
    out: list[Line] = []
    if draft.targets:
        out += _item("the same", (say(command, Tone.ACCENT),), cells)
    if known.resolved is not None and recipients(known.resolved) and not known.resolved.nothing:
        does = _what_enter_does(known.resolved, known.nodes)
        out += _item("enter", does, cells, Tone.ACCENT)
    return out


def _kind(draft: Draft) -> Line:
    what = {
        "CommandACK": "run, and its result comes back",
        "CommandNACK": "sent once: no retry, no result",
        "EventACK": "delivered and confirmed",
        "EventNACK": "sent once: no retry",
    }.get(draft.sent_kind, "")
    return line(say(f"{draft.method}, {draft.sent_kind}: "), say(what, Tone.MUTED))


def _warnings(draft: Draft, known: Known) -> list[str]:
    found: list[str] = []
    names = recipients(known.resolved) if known.resolved is not None else []
    if loud := [name for name in names if is_production(known.nodes.get(name))]:
        found.append(f"env=prod: {words.several(loud, 3)}")
    found += risks(draft, names, known.nodes, linked=known.linked)
    if warning := drafts.no_shell(draft):
        found.append(warning)
    return found


def risks(draft: Draft, names: Sequence[str], nodes: Nodes, *, linked: bool) -> list[str]:
    """What may go otherwise than one thinks: a message that is sent once, a link that is down."""
    if draft.sent_kind.endswith("NACK"):
        away = [name for name in names if not (linked and fates.is_there(nodes.get(name)))]
        return (
            [f"sent once: {words.nodes(away)} may well miss it, and nobody will know"]
            if away
            else []
        )
    if not linked:
        return ["the broker is down: it is kept, and goes out when the link is back"]
    return []


def _what_enter_does(resolved: Resolved, nodes: Nodes) -> Line:
    names = recipients(resolved)
    then = {
        Stake.NONE: "sends it",
        Stake.YES: "asks once more, then sends it",
        Stake.COUNT: f"asks for the number, {len(names)}, then sends it",
    }[stake(Deed.SEND, names, nodes)]
    return (say(then, Tone.MUTED),)


def asked(draft: Draft) -> list[Line]:
    """What a question shows of a message: its method, its data as an array, its options."""
    arguments = json.dumps(drafts.data(draft), ensure_ascii=False)
    out: list[Line] = [line(say(f"{draft.method} ", Tone.MUTED), say(arguments))]
    if set_options := drafts.options(draft):
        shown = ", ".join(f"{key} {value}" for key, value in set_options.items())
        out.append((say(shown, Tone.MUTED),))
    return out
