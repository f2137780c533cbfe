"""PURE: a draft → what will happen, said before it does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from steward.errors import InvalidMessage
from tui import draft as drafts
from tui import looks
from tui.draft import Draft, Stake
from tui.ink import EMPTY, Line, Span, Tone, line, say, width, wrapped
from tui.rows import NodeRow, Resolved

LABEL = 10
MOST_NAMES = 4
"""Lines of node names in the preview; the rest is a number."""


def recipients(resolved: Resolved) -> list[str]:
    """Every name once: the known nodes, and those never seen."""
    return list(dict.fromkeys([*resolved.nodes, *resolved.unseen]))


def lines(
    draft: Draft, resolved: Resolved | None, nodes: Mapping[str, NodeRow], cells: int
) -> list[Line]:
    """The preview: nodes, data, warnings, the equivalent command line, and what enter does."""
    inner = cells - LABEL
    out: list[Line] = [_heading(cells)]
    out += _recipients(draft, resolved, nodes, inner)
    try:
        arguments = drafts.data(draft)
        set_options = drafts.options(draft)
        command = drafts.command_line(draft)
    except InvalidMessage as error:
        hint = f": {error.hint}" if error.hint else ""
        tone = Tone.BAD if draft.text else Tone.MUTED
        return out + _item("message", (say(f"{error.text}{hint}", tone),), inner)
    out += _item("message", _kind(draft), inner)
    out += _item("data", (say(json.dumps(arguments, ensure_ascii=False)),), inner)[:6]
    if set_options:
        shown = ", ".join(f"{key} {value}" for key, value in set_options.items())
        out += _item("options", (say(shown),), inner)
    if warning := drafts.no_shell(draft):
        out += _item("note", (say(warning, Tone.WARN),), inner)
    if draft.targets:
        out += [EMPTY, *_item("the same", (say(command, Tone.ACCENT),), inner)]
    if resolved is not None and recipients(resolved) and not resolved.nothing:
        out += [EMPTY, _what_enter_does(resolved, nodes)]
    return out


def _heading(cells: int) -> Line:
    words = "What will happen"
    rest = "─" * max(cells - len(words) - 4, 0)
    return line(say("── ", Tone.FAINT), say(words, Tone.ACCENT), say(f" {rest}", Tone.FAINT))


def _item(label: str, value: Line, cells: int) -> list[Line]:
    folded = wrapped(value, cells)
    heads = [f"{label:<{LABEL}}"] + [" " * LABEL] * (len(folded) - 1)
    return [(say(head, Tone.MUTED), *rest) for head, rest in zip(heads, folded, strict=True)]


def _recipients(
    draft: Draft, resolved: Resolved | None, nodes: Mapping[str, NodeRow], cells: int
) -> list[Line]:
    if not draft.targets:
        return _item("to", (say("nobody yet: name a node after To", Tone.MUTED),), cells)
    if resolved is None:
        return _item("to", (say("looking them up …", Tone.MUTED),), cells)
    out: list[Line] = []
    names = recipients(resolved)
    if names:
        away = sum(not _online(nodes.get(name)) for name in names)
        count = f"{len(names)} of {len(nodes)} nodes" if len(names) > 1 else "1 node"
        missing = (say(f", {away} not online", Tone.WARN),) if away else ()
        out += _item("to", line(say(count, Tone.STRONG), *missing), cells)
        out += _names(names, nodes, cells)
    for name in resolved.unseen:
        text = f"{name} was never seen: the message waits until it comes"
        out += _item("note", (say(text, Tone.WARN),), cells)
    for pattern in resolved.nothing:
        out += _item("to", (say(f"{pattern} matches no node", Tone.BAD),), cells)
    return out


def _names(names: Sequence[str], nodes: Mapping[str, NodeRow], cells: int) -> list[Line]:
    rows: list[list[Span]] = [[]]
    for i, name in enumerate(names):
        row = nodes.get(name)
        glyph, tone = looks.NODE_LOOKS.get(row.state if row else "", ("?", Tone.MUTED))
        one = [say(f"{glyph} ", tone), say(f"{name}  ")]
        if width(tuple(rows[-1])) + width(tuple(one)) > cells:
            if len(rows) == MOST_NAMES:
                rows[-1].append(say(f"… {len(names) - i} more", Tone.MUTED))
                break
            rows.append([])
        rows[-1] += one
    return [(say(" " * LABEL), *row) for row in rows]


def _online(row: NodeRow | None) -> bool:
    return row is not None and row.state == "online" and not row.held


def _kind(draft: Draft) -> Line:
    if draft.sent_kind.startswith("Command"):
        what = (
            "run, and its result comes back"
            if draft.sent_kind == "CommandACK"
            else ("sent once: no retry, no result")
        )
    else:
        what = "delivered and confirmed" if draft.sent_kind == "EventACK" else "sent once: no retry"
    return line(say(f"{draft.method}, {draft.sent_kind}: "), say(what, Tone.MUTED))


def _what_enter_does(resolved: Resolved, nodes: Mapping[str, NodeRow]) -> Line:
    names = recipients(resolved)
    stake = drafts.stake(Resolved(nodes=names), nodes)
    then = {
        Stake.NONE: "sends it",
        Stake.YES: "asks once more, then sends it",
        Stake.COUNT: f"asks for the number, {len(names)}, then sends it",
    }[stake]
    return line(say("enter", Tone.ACCENT), say(f" {then}", Tone.MUTED))


def details(draft: Draft, names: Sequence[str], nodes: Mapping[str, NodeRow]) -> list[Line]:
    """What the confirmation shows: the data, then each node with its state."""
    try:
        arguments = json.dumps(drafts.data(draft), ensure_ascii=False)
    except InvalidMessage:
        arguments = draft.text
    out: list[Line] = [line(say(f"{draft.method} ", Tone.MUTED), say(arguments)), EMPTY]
    for name in names:
        row = nodes.get(name)
        state = looks.node_state(row) if row else (say("? never seen", Tone.WARN),)
        warning = (say("  env=prod", Tone.WARN),) if drafts.is_production(row) else EMPTY
        out.append(line(say(f"  {name}  ", Tone.STRONG), *state, *warning))
    return out
