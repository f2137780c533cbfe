"""PURE: the question before an action: what, to whom with their states, and what will happen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui import looks, render
from tui.ink import EMPTY, Line, Tone, fit, joined, line, say, wrapped
from tui.naming import natural
from tui.rows import MessageRow, NodeRow
from tui.stakes import Stake, is_production

CELLS = 66
"""Cells of a line in the dialog's box, as in the style sheet."""
MOST_WHAT = 4
"""Lines that a long command gets."""
TAKEN = 4
"""Lines of the box that are its frame."""
TYPED = 3
"""Lines that the field for the count takes, with the word below it."""


@dataclass(frozen=True)
class Question:
    """``count``, or in its place a ``word``, is what has to be typed if that much is at
    ``stake``."""

    text: str
    stake: Stake
    count: int
    what: Sequence[Line] = ()
    whom: Sequence[Line] = ()
    then: Sequence[Line] = ()
    word: str = ""


def lines(asked: Question, height: int) -> list[Line]:
    """The dialog's text for a screen of ``height`` lines: of a long list the first, and how many
    more there are."""
    what = _folded(asked.what)
    if len(what) > MOST_WHAT:
        what = [*what[: MOST_WHAT - 1], (say("…", Tone.MUTED),)]
    then = _folded(asked.then)
    head = wrapped((say(asked.text, Tone.STRONG),), CELLS)
    keys = _keys(asked)
    parts = (head, what, then, keys)
    room = height * 9 // 10 - TAKEN - (TYPED if asked.stake is Stake.COUNT else 0)
    room -= sum(len(part) + 1 for part in parts if part)
    whom = _some(list(asked.whom), max(room, 2))
    out: list[Line] = []
    for part in (head, what, whom, then, keys):
        if part:
            out += [*([EMPTY] if out else []), *part]
    return out


def _folded(given: Iterable[Line]) -> list[Line]:
    return [folded for one in given for folded in wrapped(one, CELLS)]


def _some(found: list[Line], room: int) -> list[Line]:
    shown = found if len(found) <= room else found[: room - 1]
    out = [fit(one, CELLS) for one in shown]
    if len(found) > len(shown):
        out.append((say(f"  … and {len(found) - len(shown):,} more", Tone.WARN),))
    return out


def _keys(asked: Question) -> list[Line]:
    if asked.stake is Stake.COUNT:
        typed = line(
            say("Type "),
            say(asked.word or asked.count, Tone.WARN),
            say(" and press enter to go on; "),
            say("esc", Tone.ACCENT),
            say(" leaves everything as it is."),
        )
        return wrapped(typed, CELLS)
    keys = line(
        say("y", Tone.ACCENT), say(" yes   "), say(" N ", Tone.CHOSEN), say(" no (enter, esc)")
    )
    return [keys]


def wrong(asked: Question, typed: str) -> Line:
    """What is said below the field when it isn't what is asked for."""
    shown = typed.strip()
    wanted, nothing = (asked.word, "no name") if asked.word else (f"{asked.count:,}", "no number")
    what = f"{shown} is not {wanted}" if shown else nothing
    return (say(f"{what}: nothing was done", Tone.BAD),)


def is_right(asked: Question, typed: str) -> bool:
    """Whether what was typed is the word, or the number; a thousand may have its comma."""
    if asked.word:
        return typed.strip() == asked.word
    return typed.strip().replace(",", "") == str(asked.count)


def nodes(names: Iterable[str], known: Mapping[str, NodeRow]) -> list[Line]:
    """Each node with its state, those that production depends on marked; so that they are seen in
    a list that is cut, they come first."""
    found = sorted(names, key=lambda name: (not is_production(known.get(name)), natural(name)))
    wide = max((len(name) for name in found[:50]), default=0)
    return [_node(name, known.get(name), min(wide, 28)) for name in found]


def _node(name: str, row: NodeRow | None, cells: int) -> Line:
    state = looks.node_state(row) if row else (say("? never seen", Tone.WARN),)
    loud = (say("env=prod", Tone.WARN),) if is_production(row) else EMPTY
    return joined([(say(f"  {name:<{cells}}", Tone.STRONG),), fit(state, 12), loud])


def messages(chosen: Iterable[MessageRow]) -> list[Line]:
    """Each message: its node, its state, what it is."""
    found = list(chosen)
    wide = max((len(row.to_node) for row in found[:50]), default=0)
    return [
        joined(
            [
                (say(f"  {row.to_node:<{min(wide, 20)}}", Tone.STRONG),),
                fit(looks.message_state(row), 13),
                render.what(row),
            ]
        )
        for row in found
    ]


def endings(waiting: int, running: int, *, sure: bool = True) -> list[Line]:
    """What becomes of messages that are cancelled; not ``sure``: whether the second ones run by
    now, or wait on their node."""
    out: list[Line] = []
    if waiting:
        who = f"{_count(waiting, running)} {'waits' if waiting == 1 else 'wait'}"
        out.append((say(f"{who}: {'it ends' if waiting == 1 else 'they end'} here."),))
    if running:
        one = running == 1
        does = ("runs" if one else "run") if sure else f"{'is' if one else 'are'} under way"
        then = f"{'it is' if one else 'they are'} killed"
        if not sure:
            then = f"if {'it runs' if one else 'they run'} by now, {then}"
        loss = f"unsaved work of {'its own' if one else 'theirs'} is lost"
        out.append((say(f"{_count(running, waiting)} {does}: {then}, {loss}.", Tone.WARN),))
    return out


def _count(count: int, others: int) -> str:
    return "It" if count == 1 and not others else f"{count:,}"
